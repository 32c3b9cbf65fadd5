"""Conventional codecs to compare with, and the recording itself."""

import numpy as np
import soxr

from kvant.evaluation.alignment import Array, shift
from kvant.evaluation.system import Coded
from kvant.extras import import_extra

OPUS_RATE, CODEC2_RATE, CODEC2_DELAY = 24000, 8000, 160


class Recording:
    """The wav itself at its cost as 16-bit PCM: the row of a table that must be perfect."""

    def encode(self, wav: Array, sample_rate: int) -> Coded:
        return Coded(wav, 16 * len(wav), sample_rate, len(wav))

    def decode(self, coded: Coded) -> Array:
        return np.asarray(coded.content)


class Opus:
    """Opus (RFC 6716) by libopus through PyAV: mono 24 kHz, 20 ms frames, speech application, hard constant bitrate.

    `bitrate` in bit/s, at least 6000. The payload is the packets, without Ogg. The decoder removes the encoder's
    lookahead. UsageError without `kvant[eval]`.
    """

    def __init__(self, bitrate: int) -> None:
        self.bitrate = bitrate
        import_extra("av", "eval", "Opus")

    def encode(self, wav: Array, sample_rate: int) -> Coded:
        av = import_extra("av", "eval", "Opus")
        encoder = av.CodecContext.create("libopus", "w")
        encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = OPUS_RATE, "mono", "flt", self.bitrate
        encoder.options = {"application": "voip", "vbr": "off", "frame_duration": "20"}
        encoder.open()
        lookahead = int.from_bytes(encoder.extradata[10:12], "little") // 2  # OpusHead counts it at 48 kHz
        packets = []
        for index, block in enumerate(
            blocks(soxr.resample(wav, sample_rate, OPUS_RATE), encoder.frame_size, lookahead)
        ):
            frame = av.AudioFrame.from_ndarray(block[None].astype(np.float32), format="flt", layout="mono")
            frame.sample_rate, frame.pts = OPUS_RATE, index * encoder.frame_size
            packets += encoder.encode(frame)
        bits = 8 * sum(packet.size for packet in packets)
        return Coded((encoder.extradata, packets), bits, sample_rate, len(wav))

    def decode(self, coded: Coded) -> Array:
        decoder = import_extra("av", "eval", "Opus").CodecContext.create("libopus", "r")
        decoder.extradata, packets = coded.content
        decoded = [frame.to_ndarray().reshape(-1) for packet in packets for frame in decoder.decode(packet)]
        wav = soxr.resample(np.concatenate(decoded).astype(np.float32) / 32768, 48000, coded.sample_rate)
        return shift(wav, 0, coded.num_samples)


class Codec2:
    """Codec2 (Rowe), a sinusoidal vocoder at 8 kHz, by pycodec2; `bitrate` is that of one of its modes, in bit/s.

    Its delay of 20 ms (that of envelopes: the waveform is not kept) is removed. Its decoder draws random phases that no
    seed governs, so its scores differ in the last digits from run to run. UsageError without `kvant[eval]`.
    """

    def __init__(self, bitrate: int) -> None:
        self.bitrate = bitrate
        import_extra("pycodec2", "eval", "Codec2")

    def encode(self, wav: Array, sample_rate: int) -> Coded:
        codec = import_extra("pycodec2", "eval", "Codec2").Codec2(self.bitrate)
        frames = blocks(soxr.resample(wav, sample_rate, CODEC2_RATE), codec.samples_per_frame(), CODEC2_DELAY)
        pcm = np.round(np.clip(frames, -1, 1) * 32767).astype(np.int16)
        return Coded([codec.encode(frame) for frame in pcm], codec.bits_per_frame() * len(pcm), sample_rate, len(wav))

    def decode(self, coded: Coded) -> Array:
        codec = import_extra("pycodec2", "eval", "Codec2").Codec2(self.bitrate)
        decoded = np.concatenate([codec.decode(frame) for frame in coded.content]).astype(np.float32) / 32768
        return shift(soxr.resample(decoded[CODEC2_DELAY:], CODEC2_RATE, coded.sample_rate), 0, coded.num_samples)


def blocks(wav: Array, size: int, delay: int) -> Array:
    """wav [N] -> [blocks, size], with zeros behind so that a codec delayed by `delay` samples returns all of N."""
    count = -(-(len(wav) + delay) // size)
    return np.pad(wav, (0, count * size - len(wav))).reshape(count, size)
