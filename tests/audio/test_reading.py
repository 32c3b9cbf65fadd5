"""Reading in blocks is reading the whole, from files, pipes and objects, in constant memory."""

import io
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf

import kvant.audio.reading
from kvant.audio import create_audio, open_audio, read
from kvant.errors import AudioError
from tests.audio.bad_audio import NOISE, RATE, encoded, wav_bytes

STEREO = np.stack([NOISE, NOISE[::-1]], axis=1)
FORMATS = [
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAV", "ULAW"),
    ("WAV", "ALAW"),
    ("WAVEX", "PCM_24"),
    ("RF64", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("AIFF", "PCM_16"),
    ("CAF", "PCM_16"),
    ("AU", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]


class OnlyRead:
    """The least a file object can be."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def read(self, size: int) -> bytes:
        return self._content.read(min(size, 777))


@pytest.mark.parametrize(("format", "subtype"), FORMATS)
def test_all_ways_to_read_agree(format: str, subtype: str, tmp_path: Path) -> None:
    # libsndfile scales integers to float formats only if they are floats already
    content = encoded(STEREO / 32768 if subtype in ("FLOAT", "DOUBLE") else STEREO, format, subtype)
    path = tmp_path / "audio"
    path.write_bytes(content)
    whole, rate = read(path)
    assert (whole.dtype, whole.shape, rate) == (np.float32, (2, len(STEREO)), RATE)
    if subtype.startswith(("PCM", "FLOAT", "DOUBLE")):
        np.testing.assert_allclose(whole, STEREO.T / 32768, atol=1 / 128 if subtype == "PCM_U8" else 0)

    for size in (1000, 4096, 30000):
        with open_audio(path) as audio:
            blocks = list(audio.blocks(size))
            assert (audio.sample_rate, audio.channels, audio.num_samples) == (RATE, 2, len(STEREO))
        assert [block.shape[1] for block in blocks[:-1]] == [size] * (len(blocks) - 1)
        assert 1 <= blocks[-1].shape[1] <= size
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole)
    for source in (io.BytesIO(content), OnlyRead(content)):
        np.testing.assert_array_equal(read(source)[0], whole)


def test_integers_are_multiples_of_full_scale() -> None:
    extremes = np.array([-32768, -32767, -1, 0, 1, 32767], np.int16)
    np.testing.assert_array_equal(read(io.BytesIO(encoded(extremes, "WAV")))[0][0] * 32768, extremes)


def test_floats_beyond_full_scale_come_as_stored() -> None:
    loud = np.array([-10, 1e30, 0.5], np.float32)
    np.testing.assert_array_equal(read(io.BytesIO(encoded(loud, "WAV", "FLOAT")))[0], [loud])


def test_a_cut_flac_gives_its_first_samples() -> None:
    content = encoded(NOISE, "FLAC")
    with open_audio(io.BytesIO(content[: len(content) // 2])) as audio:
        assert audio.num_samples == len(NOISE)
        wav = np.concatenate(list(audio.blocks(1000)), axis=1)
    np.testing.assert_array_equal(wav[0] * 32768, NOISE[: wav.shape[1]])
    assert wav.shape[1] == 8192


@pytest.mark.parametrize("size", [100, 8192, 20000])
def test_damage_in_the_middle_is_named_for_any_block_size(size: int) -> None:
    content = bytearray(encoded(NOISE, "FLAC"))
    content[len(content) // 2 : len(content) // 2 + 100] = bytes(100)
    with open_audio(io.BytesIO(bytes(content))) as audio, pytest.raises(AudioError, match=r"after 0\.51 s"):
        list(audio.blocks(size))


def test_a_wav_pipe_is_decoded_as_it_arrives() -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as pipe, open(writer, "wb", buffering=0) as feed:
        feed.write(wav_bytes(NOISE[:1000].tobytes(), declared=0xFFFFFFFF - 36))
        with open_audio(pipe) as audio:
            blocks = audio.blocks(500)
            first = np.concatenate([next(blocks), next(blocks)], axis=1)
            np.testing.assert_array_equal(first[0] * 32768, NOISE[:1000])
            assert audio.num_samples is None
            feed.write(NOISE[1000:1003].tobytes())
            feed.close()
            np.testing.assert_array_equal(next(blocks)[0] * 32768, NOISE[1000:1003])
            assert next(blocks, None) is None
        assert not pipe.closed


@pytest.mark.parametrize("declared", [0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF - 36])
def test_a_wav_pipe_of_unknown_length_is_read_to_its_end(declared: int) -> None:
    wav, _ = read(OnlyRead(wav_bytes(NOISE.tobytes(), declared=declared)))
    np.testing.assert_array_equal(wav[0] * 32768, NOISE)


@pytest.mark.parametrize("riff", [0, 36, 36 + 12, 0xFFFFFFFF])
def test_an_empty_wav_pipe_is_empty_if_it_tells_of_what_is_behind(riff: int) -> None:
    """Whose chunk would be taken for samples; else no length was known, and everything is samples."""
    header = wav_bytes(b"", declared=0)
    content = header[:4] + riff.to_bytes(4, "little") + header[8:] + b"LIST" + (4).to_bytes(4, "little") + b"INFO"
    wav, _ = read(OnlyRead(content))
    assert wav.shape == (1, 0 if riff == 36 + 12 else 6)


def test_a_wav_file_longer_than_its_header_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    content = wav_bytes(NOISE.tobytes(), declared=0xFFFFFFFF - 36)
    monkeypatch.setattr(kvant.audio.reading, "_MAX_DECLARED", len(content) - 1)
    with open_audio(io.BytesIO(content)) as audio:
        assert audio.num_samples is None
        np.testing.assert_array_equal(next(audio.blocks(len(NOISE)))[0] * 32768, NOISE)


def test_standard_input() -> None:
    program = "from kvant.audio import read; wav, rate = read('-'); print(wav.shape, rate, int(wav.sum() * 32768))"
    for format in ("WAV", "FLAC"):
        content = encoded(STEREO, format)
        done = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, check=True)
        assert done.stdout.decode().strip() == f"(2, 20000) {RATE} {int(read(io.BytesIO(content))[0].sum() * 32768)}"


def test_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(AudioError, match="standard input is closed"):
        open_audio("-")


def test_standard_input_that_is_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(encoded(NOISE, "FLAC"))
    with (tmp_path / "a.flac").open("rb") as file:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file))
        np.testing.assert_array_equal(read("-")[0][0] * 32768, NOISE)
        assert not file.closed


@pytest.mark.parametrize("failure", [OSError(5, "Input/output error"), KeyboardInterrupt(), RuntimeError("network")])
@pytest.mark.parametrize("seekable", [True, False])
def test_what_a_file_object_raises_is_not_lost(
    failure: BaseException, seekable: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 10000:
                raise failure
            return super().read(size)

        def seekable(self) -> bool:
            return seekable

    expected = (AudioError, "audio: .*Input/output error") if isinstance(failure, OSError) else (type(failure), None)
    with open_audio(Failing(wav_bytes(NOISE.tobytes()))) as audio, pytest.raises(expected[0], match=expected[1]):
        list(audio.blocks(1000))
    assert capfd.readouterr().err == ""


def test_blocks_of_no_samples() -> None:
    with open_audio(io.BytesIO(encoded(NOISE, "WAV"))) as audio, pytest.raises(AudioError, match="at least 1"):
        next(audio.blocks(0))


def test_reading_after_close() -> None:
    audio = open_audio(io.BytesIO(encoded(NOISE, "WAV")))
    audio.close()
    with pytest.raises(AudioError, match="closed"):
        next(audio.blocks(100))


def test_a_nan_is_placed_by_its_position_in_the_file() -> None:
    wav = np.zeros(5000, np.float32)
    wav[3456] = np.nan
    with open_audio(OnlyRead(encoded(wav, "WAV", "FLOAT"))) as audio, pytest.raises(AudioError, match="sample 3456 of"):
        list(audio.blocks(100))


@pytest.mark.parametrize("pipe", [False, True])
def test_memory_is_constant(pipe: bool, tmp_path: Path) -> None:
    rate, minutes = 8000, 20
    path, minute = tmp_path / "long.wav", np.zeros((1, rate * 60), np.float32)
    with create_audio(path, rate, 1) as sink:
        for _ in range(minutes):
            sink.write(minute)
    with path.open("rb") as file:
        source = SimpleNamespace(read=file.read) if pipe else path
        tracemalloc.start()
        try:
            with open_audio(source) as audio:
                total = sum(block.shape[1] for block in audio.blocks(rate))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert total == rate * 60 * minutes
    assert peak < 1e6


def test_soundfile_reads_the_same() -> None:
    content = encoded(STEREO, "FLAC", "PCM_24")
    np.testing.assert_array_equal(read(io.BytesIO(content))[0], sf.read(io.BytesIO(content), dtype="float32")[0].T)
