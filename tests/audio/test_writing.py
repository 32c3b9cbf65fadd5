"""What is written is what is read: exact samples, clipped and never wrapped, whole files or none."""

import io
import itertools
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import kvant.audio.writing
from kvant.audio import create_audio, open_audio, read, write
from kvant.errors import AudioError, UsageError
from tests.audio.bad_audio import RATE

EVERY_INT16 = np.arange(-32768, 32768, dtype=np.int16)
TONE = np.sin(np.arange(5000) * 0.1).astype(np.float32)[np.newaxis]


class Pipe(io.RawIOBase):
    """A stream that takes a few bytes at a time and cannot be sought."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: memoryview) -> int:
        self.content += bytes(data[:1000])
        return len(data[:1000])


@pytest.mark.parametrize("suffix", ["wav", "flac", "WAV"])
def test_every_int16_returns_exactly(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    write(path, EVERY_INT16, RATE)
    np.testing.assert_array_equal(sf.read(path, dtype="int16")[0], EVERY_INT16)
    wav, _ = read(path)
    write(path, wav, RATE, overwrite=True)
    np.testing.assert_array_equal(sf.read(path, dtype="int16")[0], EVERY_INT16)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_every_third_24_bit_sample_returns_exactly(suffix: str, tmp_path: Path) -> None:
    samples = np.arange(-(2**23), 2**23, 3).astype(np.int32) << 8
    write(tmp_path / f"a.{suffix}", samples, RATE, subtype="PCM_24")
    np.testing.assert_array_equal(sf.read(tmp_path / f"a.{suffix}", dtype="int32")[0], samples)


def test_floats_are_rounded_to_the_nearest(tmp_path: Path) -> None:
    wav = np.random.default_rng(0).uniform(-1, 1, (2, 10000)).astype(np.float32)
    write(tmp_path / "a.wav", wav, RATE)
    assert np.abs(read(tmp_path / "a.wav")[0] - wav).max() <= 1 / 32768


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_loud_samples_are_clipped_not_wrapped(subtype: str, tmp_path: Path) -> None:
    write(tmp_path / "a.wav", np.array([2, 1, -1, -2, 1e30, -1e30, 0], np.float32), RATE, subtype=subtype)
    top = 1 - 2.0 ** (-15 if subtype == "PCM_16" else -23)
    np.testing.assert_array_equal(read(tmp_path / "a.wav")[0], [[top, top, -1, -1, top, -1, 0]])


def test_float_wav_keeps_everything(tmp_path: Path) -> None:
    wav = np.array([[2, -1e30, 1e-42, 1 / 3]], np.float32)
    write(tmp_path / "a.wav", wav, RATE, subtype="FLOAT")
    np.testing.assert_array_equal(read(tmp_path / "a.wav")[0], wav)


def test_vorbis_is_close_and_clipped(tmp_path: Path) -> None:
    write(tmp_path / "a.ogg", TONE * 0.5, RATE)
    assert np.abs(read(tmp_path / "a.ogg")[0] - TONE * 0.5).max() < 0.05
    write(tmp_path / "b.ogg", np.full((1, 300_000), 100, np.float32), RATE)
    wav, _ = read(tmp_path / "b.ogg")
    assert wav.shape == (1, 300_000)
    assert np.abs(wav).max() < 1.5


@pytest.mark.parametrize(
    ("suffix", "num_samples"), [*itertools.product(["wav", "flac", "ogg"], [1, 2, 319, 5000]), ("wav", 0), ("ogg", 0)]
)
def test_lengths_and_blocks(suffix: str, num_samples: int, tmp_path: Path) -> None:
    wav = np.concatenate([TONE, -TONE])[:, :num_samples] * 0.5
    with create_audio(tmp_path / f"a.{suffix}", RATE, 2) as sink:
        for start in range(0, num_samples, 77):
            sink.write(wav[:, start : start + 77])
        sink.write(wav[:, :0])
        assert sink.num_samples == num_samples
    out, rate = read(tmp_path / f"a.{suffix}")
    assert (rate, out.shape) == (RATE, (2, num_samples))
    np.testing.assert_allclose(out, wav, atol=0.05 if suffix == "ogg" else 1 / 32768)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("length_is_known", [True, False])
def test_wav_to_a_pipe(subtype: str, length_is_known: bool) -> None:
    pipe, wav = Pipe(), EVERY_INT16.reshape(2, -1) / np.float32(32768)
    with create_audio(pipe, RATE, 2, subtype=subtype, num_samples=wav.shape[1] if length_is_known else None) as sink:
        for start in range(0, wav.shape[1], 999):
            sink.write(wav[:, start : start + 999])
    content = bytes(pipe.content)
    sizes = struct.unpack("<I", content[4:8]) + struct.unpack("<I", content[40:44])
    assert sizes == ((len(content) - 8, len(content) - 44) if length_is_known else (0xFFFFFFFF, 0xFFFFFFFF))
    np.testing.assert_array_equal(sf.read(io.BytesIO(content), dtype="float32")[0].T, wav)
    if length_is_known and subtype == "PCM_16":
        file = io.BytesIO()
        write(file, wav, RATE)
        assert file.getvalue() == content


def test_a_pipe_gets_every_block_at_once() -> None:
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as pipe, open(writer, "wb") as feed, create_audio(feed, RATE, 1) as sink:
        for _ in range(3):
            sink.write(np.full(10, 0.5))
            assert pipe.read(1000)[-20:] == struct.pack("<10h", *[16384] * 10)


def test_standard_output(tmp_path: Path) -> None:
    program = f"import numpy; from kvant.audio import write; write('-', numpy.ones((2, 100)) / 2, {RATE})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    wav, rate = read(io.BytesIO(done.stdout))
    assert (rate, wav.shape, wav.min(), wav.max()) == (RATE, (2, 100), 0.5, 0.5)
    log = tmp_path / "log"
    log.write_bytes(b"before")
    with log.open("ab") as file:
        subprocess.run([sys.executable, "-c", program], stdout=file, check=True)
    assert log.read_bytes() == b"before" + done.stdout


def test_closed_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(AudioError, match="standard output is closed"):
        write("-", TONE, RATE)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_standard_output() -> None:
    program = "import numpy; from kvant.audio import write; write('-', numpy.ones((2, 9999)), 8000)"
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE)
    assert b"AudioError: standard output: cannot be written" in done.stderr
    assert b"(No space left on device)" in done.stderr
    assert b"cffi" not in done.stderr


def test_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "a.wav"
    write(path, TONE, RATE)
    old = path.read_bytes()
    for count in (9000, 100_000):
        arguments = f"{str(path)!r}, numpy.ones({count}), 8000, overwrite=True"
        program = f"import numpy; from kvant.audio import write; write({arguments})"
        done = subprocess.run(
            [sys.executable, "-c", program],
            stderr=subprocess.PIPE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16000, 16000)),
        )
        assert f"AudioError: {path}: cannot be written (File too large)" in done.stderr.decode()
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["a.wav"]


@pytest.mark.parametrize("format", ["wav", "flac", "ogg"])
@pytest.mark.parametrize("room", [0, 100, 20_000])
def test_full_file_object(format: str, room: int, capfd: pytest.CaptureFixture[str]) -> None:
    class Full(io.BytesIO):
        def write(self, data: memoryview) -> int:
            if self.tell() + len(data) > room:
                raise OSError(28, "No space left on device")
            return super().write(data)

    with pytest.raises(AudioError, match=r"^audio: cannot be written.* \(No space left on device\)$"):
        write(Full(), np.random.default_rng(0).uniform(-1, 1, 100_000), RATE, format=format)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_an_exception_leaves_the_old_file(failure: type[BaseException], suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    write(path, TONE, RATE)
    old = path.read_bytes()
    for target in (path, tmp_path / f"new.{suffix}"):
        with pytest.raises(failure), create_audio(target, RATE, 1, overwrite=True) as sink:  # noqa: PT012
            sink.write(-TONE)
            raise failure
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_kill_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write(path, TONE, RATE)
    program = (
        "import numpy, time; from kvant.audio import create_audio\n"
        f"with create_audio({str(path)!r}, 8000, 1, overwrite=True) as sink:\n"
        "    sink.write(numpy.ones(100_000))\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"written\n"
        process.kill()
    assert np.abs(read(path)[0] - TONE).max() <= 1 / 32768


def test_existing_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", TONE, RATE)
    with pytest.raises(UsageError, match=r"a\.wav: exists already; use -f"):
        write(tmp_path / "a.wav", TONE, RATE)


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a", "a.wav.bak", ".wav"])
def test_unknown_suffixes(name: str, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"choose \.wav, \.flac or \.ogg"):
        write(tmp_path / name, TONE, RATE)
    write(tmp_path / name, TONE, RATE, format="flac")
    assert sf.info(tmp_path / name).format == "FLAC"


def test_impossible_formats(tmp_path: Path) -> None:
    for case, error in [
        ({"subtype": "PCM_8"}, "wav is written as PCM_16 or PCM_24 or FLOAT, not PCM_8"),
        ({"format": "flac", "subtype": "FLOAT"}, "flac is written as PCM_16 or PCM_24"),
        ({"format": "aiff"}, "cannot write aiff"),
    ]:
        with pytest.raises(AudioError, match=error):
            write(tmp_path / "a.wav", TONE, RATE, **case)
    with pytest.raises(AudioError, match=r"a\.flac: cannot be written as flac with 9 channels at 768000 Hz"):
        write(tmp_path / "a.flac", np.zeros((9, 10), np.float32), 768_000)
    with pytest.raises(AudioError, match="takes wav only, flac needs a file"):
        write(Pipe(), TONE, RATE, format="flac")
    with pytest.raises(AudioError, match="open in text mode"):
        write(io.StringIO(), TONE, RATE)
    with pytest.raises(AudioError, match=r"a\.ogg: ogg holds rates up to 200000 Hz, got 200001"):
        write(tmp_path / "a.ogg", TONE, 200_001)
    with pytest.raises(AudioError, match="a path, - or a binary file object, got int"):
        write(3, TONE, RATE)
    assert os.listdir(tmp_path) == []


def test_a_flac_file_of_no_samples(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"a\.flac: a flac file of no samples cannot be made; write wav"):
        write(tmp_path / "a.flac", TONE[:, :0], RATE)
    assert os.listdir(tmp_path) == []


def test_blocks_that_do_not_fit(tmp_path: Path) -> None:
    with create_audio(tmp_path / "a.wav", RATE, 2) as sink:
        with pytest.raises(AudioError, match="has 2 channels, got a block of 1"):
            sink.write(TONE)
        with pytest.raises(AudioError, match="NaN"):
            sink.write(np.full((2, 3), np.nan))
        sink.write(np.zeros((2, 5)))
    assert read(tmp_path / "a.wav")[0].shape == (2, 5)


def test_a_wav_file_ends_at_4_gib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvant.audio.writing, "_MAX_WAV_BYTES", 10_000)
    write(tmp_path / "a.wav", TONE, RATE)
    with pytest.raises(AudioError, match="ends at 4 GiB; write flac"):
        write(tmp_path / "b.wav", TONE, RATE, subtype="FLOAT")
    write(tmp_path / "b.flac", TONE.repeat(2, axis=1), RATE)
    assert sorted(os.listdir(tmp_path)) == ["a.wav", "b.flac"]


def test_file_objects_stay_open() -> None:
    file = io.BytesIO()
    write(file, TONE, RATE, format="flac")
    with open_audio(file) as audio:
        assert audio.num_samples == TONE.shape[1]
    assert not file.closed
