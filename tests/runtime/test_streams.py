"""Whole = chunked = batched = streamed, in the runtime: identical codes, waveform within 1e-5, exact lengths."""

import numpy as np
import pytest

import kvant
from kvant.runtime.files import slots
from kvant.runtime.playback import channels

LENGTHS = (0, 1, 319, 320, 321, 3203, 240_007)


def push_all(codec: kvant.Codec, wav: np.ndarray, sizes: list[int], rate: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Codes of wav [C, N] pushed in blocks of `sizes` samples in turn, and the parts they came in."""
    stream = codec.encoder_stream(rate, len(wav))
    parts, start, turn = [], 0, 0
    while start < wav.shape[1]:
        size = sizes[turn % len(sizes)]
        parts.append(stream.push(wav[:, start : start + size]))
        start, turn = start + size, turn + 1
    parts.append(stream.flush())
    return np.concatenate(parts, axis=-1), parts


@pytest.mark.parametrize("num_samples", LENGTHS)
@pytest.mark.parametrize("rate", [24000, 16000, 44100])
def test_lengths_are_exact(codec: kvant.Codec, speech: np.ndarray, num_samples: int, rate: int) -> None:
    wav = np.resize(speech, num_samples)
    codes = codec.encode(wav, rate)
    resampled = -(-num_samples * 24000 // rate)
    frames = -(-(resampled + codec.pre_skip) // codec.hop_length) if num_samples else 0
    assert codes.codes.shape == (1, codec.default_codebooks, frames)
    assert codec.decode(codes).shape == (1, num_samples)


@pytest.mark.parametrize("sizes", [[320], [640], [960], [2240], [1], [777, 13, 0, 5000]], ids=str)
def test_any_chunking_gives_the_whole(codec: kvant.Codec, speech: np.ndarray, sizes: list[int]) -> None:
    wav = speech[None, : 3200 if sizes == [1] else 72_007]
    whole = codec.encode(wav, 24000)
    codes, parts = push_all(codec, wav, sizes, 24000)
    np.testing.assert_array_equal(codes, whole.codes)
    stream = codec.decoder_stream()
    streamed = np.concatenate([stream.push(part) for part in parts] + [stream.flush()], axis=-1)
    np.testing.assert_allclose(streamed[:, : wav.shape[1]], codec.decode(whole), atol=1e-5)


def test_a_channel_is_coded_as_if_alone(codec: kvant.Codec, speech: np.ndarray) -> None:
    stereo = np.stack([speech[:50_000], 0.3 * speech[20_000:70_000]])
    both = codec.encode(stereo, 44100)
    for index, channel in enumerate(stereo):
        alone = codec.encode(channel, 44100)
        np.testing.assert_array_equal(both.codes[index], alone.codes[0])
        np.testing.assert_allclose(codec.decode(both)[index], codec.decode(alone)[0], atol=1e-5)


def test_threads_do_not_change_codes(codec: kvant.Codec, speech: np.ndarray) -> None:
    two = kvant.load(threads=2)
    np.testing.assert_array_equal(two.encode(speech, 24000).codes, codec.encode(speech, 24000).codes)


def test_a_prefix_of_levels_is_the_code_at_that_rate(codec: kvant.Codec, speech: np.ndarray) -> None:
    full = codec.encode(speech, 24000, codec.num_codebooks)
    for levels in range(1, codec.num_codebooks + 1):
        np.testing.assert_array_equal(codec.encode(speech, 24000, levels).codes, full.codes[:, :levels])


def test_latency_is_what_is_declared(codec: kvant.Codec, speech: np.ndarray) -> None:
    """Changing the input from sample i on leaves codes before frame i // hop, and output before that frame's start, as
    they were: so a sample is out once `latency` samples from its frame's start on are in, and not before."""
    assert codec.latency == 640
    wav = speech[:16_000]
    change = 8000
    other = wav.copy()
    other[change:] = -other[change:] + 0.1
    codes, changed = (codec.encode(x, 24000) for x in (wav, other))
    differs = (codes.codes != changed.codes).any(axis=(0, 1))
    assert np.flatnonzero(differs)[0] == change // codec.hop_length
    out, moved = codec.decode(codes), codec.decode(changed)
    first = np.flatnonzero(np.abs(out - moved)[0] > 1e-6)[0]
    start = change // codec.hop_length * codec.hop_length
    assert start - codec.pre_skip <= first < start + codec.hop_length
    assert start + codec.hop_length - first <= codec.latency


def test_frames_come_out_as_soon_as_they_are_full(codec: kvant.Codec, speech: np.ndarray) -> None:
    encoder, decoder = codec.encoder_stream(), codec.decoder_stream()
    heard = 0
    for index in range(10):
        codes = encoder.push(speech[None, index * 320 : (index + 1) * 320])
        assert codes.shape[-1] == 1
        heard += decoder.push(codes).shape[-1]
        assert heard == (index + 1) * 320 - codec.pre_skip


def test_slots_put_levels_first() -> None:
    codes = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    frame = slots(codes)
    np.testing.assert_array_equal(frame[:2], codes[:, 0])
    np.testing.assert_array_equal(channels(frame, 2), codes)
    np.testing.assert_array_equal(channels(frame[:4], 2), codes[:, :2])


def test_levels_fit_into_a_bitrate(codec: kvant.Codec) -> None:
    assert [codec.levels(rate) for rate in (750, 1499, 1500, 3000, 6000, 1e6)] == [1, 1, 2, 4, 8, 12]
    assert [codec.bitrate(k) for k in (1, 2, 4, 8)] == [750, 1500, 3000, 6000]
    with pytest.raises(kvant.errors.UsageError, match="too low"):
        codec.levels(700)


def test_codes_that_no_codebook_has_are_refused(codec: kvant.Codec) -> None:
    stream = codec.decoder_stream()
    for codes in (np.full((1, 8, 3), 1024), np.full((1, 8, 3), -2), np.zeros((1, 13, 3), int), np.zeros((1, 8, 3))):
        with pytest.raises(kvant.errors.UsageError, match="codes"):
            stream.push(codes)


@pytest.mark.parametrize("rate", [24000, 44100])
def test_what_is_not_finite_is_refused_and_leaves_no_trace(codec: kvant.Codec, speech: np.ndarray, rate: int) -> None:
    wav, clean = speech[None, :3000], codec.encoder_stream(rate)
    stream = codec.encoder_stream(rate)
    for value in (np.nan, np.inf):
        with pytest.raises(kvant.errors.AudioError, match="the first is sample 7 of channel 0"):
            stream.push(np.pad([[np.float32(value)]], ((0, 0), (7, 20))))
    assert stream.flush().shape[-1] == 0
    for each in (stream, clean):
        each.push(wav)
    with pytest.raises(kvant.errors.AudioError, match="the first is sample 3000 of"):
        stream.push(np.full((1, 400), np.nan, np.float32))
    np.testing.assert_array_equal(stream.flush(), clean.flush())
