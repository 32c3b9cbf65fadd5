"""Wav to `.kvt` bytes and back."""

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kvant
from kvant.audio import open_audio, write
from kvant.bitstream import Block, Layout, Reader, Writer, info, read_codes, truncate
from kvant.bitstream.block_codes import pack_block
from kvant.bitstream.container import BlockType
from kvant.bitstream.scanner import Scanner
from kvant.errors import BitstreamError, ModelError, UsageError
from kvant.runtime.files import codec_for, decode_file, encode_file, header_for, slots
from kvant.runtime.playback import channels
from kvant.runtime.search import Search


class Collected:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []

    def write(self, block: np.ndarray) -> None:
        self.blocks.append(block)

    @property
    def wav(self) -> np.ndarray:
        return np.concatenate(self.blocks, axis=1)


def encoded(
    tmp_path: Path, wav: np.ndarray, rate: int, codec: kvant.Codec, num_codebooks: int | None = None, live: bool = False
) -> bytes:
    path = tmp_path / "in.wav"
    write(path, wav, rate, subtype="FLOAT", overwrite=True)
    sink = io.BytesIO()
    with open_audio(path) as source:
        encode_file(source, sink, codec, Search(num_codebooks), live=live)
    return sink.getvalue()


def decoded(data: bytes, codec: kvant.Codec) -> tuple[np.ndarray, object]:
    collected = Collected()
    report = decode_file(Reader(io.BytesIO(data)), lambda rate, count: nullcontext(collected), codec)
    return collected.wav, report


@pytest.mark.parametrize(("rate", "count"), [(24000, 1), (16000, 1), (44100, 2), (8000, 3)])
def test_file_by_blocks_is_the_whole_wav(
    tmp_path: Path, codec: kvant.Codec, speech: np.ndarray, rate: int, count: int
) -> None:
    wav = np.stack([np.roll(speech, 1000 * index)[: 5 * rate + 11] for index in range(count)])
    data = encoded(tmp_path, wav, rate, codec, num_codebooks=4)
    header, frame_slots = read_codes(io.BytesIO(data))
    assert (header.source_rate, header.channels, header.num_samples) == (rate, count, wav.shape[1])
    assert header.layout == (Layout.NATIVE if count == 1 else Layout.STREAMS)
    codes = codec.encode(wav, rate, 4)
    np.testing.assert_array_equal(channels(frame_slots, count), codes.codes)
    back, report = decoded(data, codec)
    assert report.complete
    assert not report.damage
    np.testing.assert_allclose(back, codec.decode(codes), atol=1e-5)


def test_compress_and_decompress(codec: kvant.Codec, speech: np.ndarray) -> None:
    data = kvant.compress(speech, 24000, bitrate=3000)
    wav, rate = kvant.decompress(data)
    assert rate == 24000
    np.testing.assert_allclose(wav, codec.decode(codec.encode(speech, 24000, 4)), atol=1e-5)
    assert info(io.BytesIO(data)).payload_bitrate == pytest.approx(3000, rel=0.01)


def test_truncated_is_encoded_at_the_lower_rate(codec: kvant.Codec, speech: np.ndarray) -> None:
    lower = io.BytesIO()
    truncate(io.BytesIO(kvant.compress(speech, 24000)), lower, 2)
    assert lower.getvalue() == kvant.compress(speech, 24000, num_codebooks=2)


def test_live_streams_decode_alike(tmp_path: Path, codec: kvant.Codec, speech: np.ndarray) -> None:
    wav = speech[None, :50_000]
    live, stored = (encoded(tmp_path, wav, 24000, codec, live=live) for live in (True, False))
    np.testing.assert_allclose(decoded(live, codec)[0], decoded(stored, codec)[0], atol=1e-5)


@pytest.mark.parametrize(("rate", "held"), [(24000, 0), (48000, 3)])
def test_a_live_frame_is_sent_before_anything_behind_it_is_awaited(
    codec: kvant.Codec, speech: np.ndarray, rate: int, held: int
) -> None:
    """Of a pipe that gives no more than it is asked for: whatever it has given is in the stream when it is asked again,
    but for the frame that is not full, and the frames that resampling holds back."""
    wav = io.BytesIO()
    write(wav, np.resize(speech, rate // 2), rate, format="WAV")
    sink, lacking = io.BytesIO(), []

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def read(self, size: int | None = -1) -> bytes:
            heard = max(0, self.tell() - 44) // 2 * 24000 // rate
            frames = sum(len(block.codes[0]) for block in Reader(io.BytesIO(sink.getvalue()))) if sink.tell() else 0
            lacking.append(heard // codec.hop_length - frames)
            return super().read(size)

    with open_audio(Pipe(wav.getvalue())) as source:
        encode_file(source, sink, codec, live=True)
    assert max(lacking) == held
    assert len(lacking) > 37


def test_lost_blocks_become_silence_and_the_rest_keeps_its_time(
    tmp_path: Path, codec: kvant.Codec, speech: np.ndarray
) -> None:
    data = encoded(tmp_path, speech[None], 24000, codec)
    clean, _ = decoded(data, codec)
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    wav, report = decoded(bytes(damaged), codec)
    assert wav.shape == clean.shape
    assert report.lost_frames == 75
    assert not report.complete
    lost = np.flatnonzero((wav == 0).all(axis=0))
    assert 74 * 320 <= len(lost) <= 76 * 320
    field = 40 * 320
    np.testing.assert_allclose(wav[:, : lost[0] - 320], clean[:, : lost[0] - 320], atol=1e-5)
    np.testing.assert_allclose(wav[:, lost[-1] + field :], clean[:, lost[-1] + field :], atol=1e-5)


@pytest.mark.parametrize("rate", [24000, 24001])
def test_of_a_live_stream_a_hop_is_held_back(tmp_path: Path, codec: kvant.Codec, speech: np.ndarray, rate: int) -> None:
    """Which END may cut off; at other rates also what resampling has not given yet."""
    heard, collected = [], Collected()

    class Watched(Reader):
        def __iter__(self) -> Iterator[Block]:
            for block in super().__iter__():
                heard.append(sum(part.shape[1] for part in collected.blocks))
                yield block

    wav = speech[None, :9700]
    data = encoded(tmp_path, wav, rate, codec, live=True)
    decode_file(Watched(io.BytesIO(data)), lambda rate, count: nullcontext(collected), codec)
    assert collected.wav.shape == wav.shape
    stream = codec.decoder_stream(rate)
    pushed = np.cumsum([0, *(stream.push(block.codes[None]).shape[1] for block in Reader(io.BytesIO(data)))])
    certain = [max(0, (frames - 1) * 320 - codec.pre_skip) * rate // 24000 for frames in range(len(pushed))]
    assert heard == np.minimum(pushed, certain).tolist()[:-1]


@pytest.mark.parametrize("lost", [1, 2, 6])
def test_lost_frames_at_the_end_are_silence_too(
    tmp_path: Path, codec: kvant.Codec, speech: np.ndarray, lost: int
) -> None:
    data = encoded(tmp_path, speech[None, :130_001], 24000, codec)
    clean, _ = decoded(data, codec)
    places = block_places(data)
    assert len(places) == 6
    damaged = bytearray(data)
    for place in places[-lost:]:
        damaged[place + 30] ^= 1
    wav, report = decoded(bytes(damaged), codec)
    assert wav.shape == clean.shape
    whole = 75 * (6 - lost)
    assert report.lost_frames == 408 - whole
    kept = max(0, whole * 320 - codec.pre_skip)
    assert not wav[:, kept:].any()
    np.testing.assert_allclose(wav[:, :kept], clean[:, :kept], atol=1e-6)


def block_places(data: bytes) -> list[int]:
    """Where the AUDIO blocks of a stream begin."""
    scanner = Scanner(io.BytesIO(data))
    scanner.header_block()
    blocks = iter(scanner.next_block, None)
    return [block.offset for block in blocks if block.type == BlockType.AUDIO]


def restarting(codec: kvant.Codec, parts: list[np.ndarray], interval: int, block_frames: int) -> bytes:
    """A stream of codes [C, K, T], each part from an encoder that began anew."""
    header = replace(header_for(codec, 24000, len(parts[0]), None), reset_interval=interval)
    sink = io.BytesIO()
    with Writer(sink, header, block_frames) as writer:
        for part in parts:
            writer.write(slots(part))
    return sink.getvalue()


@pytest.fixture(scope="module")
def parts(codec: kvant.Codec, speech: np.ndarray) -> list[np.ndarray]:
    """Codes [2, 4, 30] of thirty frames each, whose encoders began anew."""
    wav = np.stack([speech, speech[::-1]])
    return [codec.encoder_stream(channels=2, num_codebooks=4).push(wav[:, i : i + 9600]) for i in range(0, 48000, 9600)]


@pytest.fixture(scope="module")
def restarted(codec: kvant.Codec, parts: list[np.ndarray]) -> np.ndarray:
    """What a decoder makes of them that begins anew with each."""
    hops = [codec.decoder.step(part, codec.decoder.initial_state(2))[0] for part in parts]
    return np.concatenate(hops, axis=1).reshape(2, -1)[:, codec.pre_skip :]


@pytest.mark.parametrize("block_frames", [1, 7, 30])
def test_the_state_restarts_where_the_stream_says_so(
    codec: kvant.Codec, parts: list[np.ndarray], restarted: np.ndarray, block_frames: int
) -> None:
    wav, _ = decoded(restarting(codec, parts, 30, block_frames), codec)
    np.testing.assert_allclose(wav, restarted, atol=1e-6)


def test_a_lost_block_hides_no_restart(codec: kvant.Codec, parts: list[np.ndarray], restarted: np.ndarray) -> None:
    """Lost are frames 20 to 39, with the restart at 30. What the others decode to is silent where it needs them."""
    data = bytearray(restarting(codec, parts, 30, 10))
    for place in block_places(bytes(data))[2:4]:
        data[place + 30] ^= 1
    wav, report = decoded(bytes(data), codec)
    assert report.lost_frames == 20
    assert wav.shape == restarted.shape
    np.testing.assert_allclose(wav[:, 60 * 320 :], restarted[:, 60 * 320 :], atol=1e-6)


def test_hostile_gaps_are_bounded(codec: kvant.Codec) -> None:
    """Blocks that claim frames far away yield a minute of silence in all, and as much again as there is sound."""
    header = header_for(codec, 24000, 1, None)
    sink = io.BytesIO()
    Writer(sink, header)
    numbers = [75 * seconds for seconds in (40, 80, 120, 40_000_000)]
    blocks = [pack_block(header, number, np.zeros((1, 3), np.int64), False, None) for number in numbers]
    wav, report = decoded(sink.getvalue() + b"".join(block.to_bytes() for block in blocks), codec)
    assert wav.shape[1] == (60 * 75 + 3 * 3 + 4 * 3) * 320 - codec.pre_skip
    assert report.lost_frames == numbers[-1] - 9


def test_a_stream_of_another_model_is_refused_with_both_digests(codec: kvant.Codec, speech: np.ndarray) -> None:
    header = replace(header_for(codec, 24000, 1, 100), decoder_digest=bytes(range(32)))
    with pytest.raises(ModelError) as error:
        codec_for(header)
    assert bytes(range(8)).hex() in str(error.value)
    assert codec.decoder_digest.hex()[:16] in str(error.value)


def test_a_forged_header_is_refused(codec: kvant.Codec) -> None:
    header = replace(header_for(codec, 24000, 1, 100), codebook_sizes=(4096,) * 12)
    with pytest.raises(BitstreamError, match="forged"):
        codec_for(header)


def test_too_many_channels_are_refused(codec: kvant.Codec) -> None:
    with pytest.raises(UsageError, match="at most 5, or 9 with 7 codebooks each"):
        header_for(codec, 24000, 9, None)
    with pytest.raises(UsageError, match="ask for so few"):
        kvant.compress(np.zeros((9, 1000), np.float32), 24000, num_codebooks=8)


@pytest.mark.parametrize(("count", "levels"), [(9, 1), (9, 7), (64, 1)])
def test_many_channels_of_few_codebooks_fit(
    tmp_path: Path, codec: kvant.Codec, speech: np.ndarray, count: int, levels: int
) -> None:
    wav = np.stack([speech[500 * index :][:4000] for index in range(count)])
    data = kvant.compress(wav, 24000, num_codebooks=levels)
    assert encoded(tmp_path, wav, 24000, codec, num_codebooks=levels) == data
    heard, _ = kvant.decompress(data)
    np.testing.assert_allclose(heard, codec.decode(codec.encode(wav, 24000, levels)), atol=1e-5)


def test_one_channel_is_one_stream_in_either_layout(codec: kvant.Codec) -> None:
    header = header_for(codec, 24000, 1, 100)
    assert codec_for(replace(header, layout=Layout.STREAMS)).name == codec.name
    with pytest.raises(BitstreamError, match="forged"):
        codec_for(replace(header, channels=2))


@pytest.mark.parametrize("rate", [1, 999])
def test_rates_that_streams_cannot_name_are_refused(rate: int) -> None:
    with pytest.raises(UsageError, match=f"{rate} Hz: streams are of recordings of 1000 to 768000 Hz"):
        kvant.compress(np.zeros(1000, np.float32), rate)


def test_slots_of_a_truncated_stereo_stream(codec: kvant.Codec, speech: np.ndarray) -> None:
    stereo = np.stack([speech[:24_000], speech[24_000:48_000]])
    lower = io.BytesIO()
    truncate(io.BytesIO(kvant.compress(stereo, 24000)), lower, 2 * 3)
    _, frame_slots = read_codes(io.BytesIO(lower.getvalue()))
    np.testing.assert_array_equal(frame_slots, slots(codec.encode(stereo, 24000, 3).codes))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's account of peak memory")
def test_memory_does_not_grow_with_length(tmp_path: Path, speech: np.ndarray) -> None:
    """Peak memory of encoding 6 minutes is that of encoding 1 minute, and below 400 MB."""
    script = (
        "import sys, io, kvant\n"
        "from kvant.audio import open_audio\n"
        "from kvant.runtime.files import encode_file\n"
        "with open_audio(sys.argv[1]) as source: encode_file(source, io.BytesIO(), kvant.load())\n"
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "print(int(status['VmHWM'].split()[0]) / 1024)"
    )
    peaks = []
    for minutes in (1, 6):
        path = tmp_path / f"{minutes}.wav"
        write(path, np.resize(speech, minutes * 60 * 24_000), 24_000)
        run = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
        peaks.append(float(run.stdout))
    print("peak MB:", peaks)
    assert max(peaks) < 400
    assert peaks[1] < peaks[0] + 20
