"""Conventional codecs, as systems: (wav [N], sample_rate) -> (decoded wav [N], bits of payload)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import soxr

from kvant.evaluation.alignment import Array, shift
from kvant.evaluation.extras import extra

System = Callable[[Array, int], tuple[Array, int]]
"""A codec under test: float32 wav [N] and its rate in Hz -> decoded wav [N] at that rate, and payload in bits."""


@dataclass(frozen=True)
class Opus:
    """Opus (RFC 6716) by libopus through PyAV: mono 24 kHz, 20 ms frames, speech application, hard constant bitrate.

    `bitrate` in bit/s, at least 6000. The payload is the packets, without Ogg. The decoder removes the encoder's
    lookahead. UsageError without `kvant[eval]`.
    """

    bitrate: int

    def __call__(self, wav: Array, sample_rate: int) -> tuple[Array, int]:
        av = extra("av", "Opus")
        encoder = av.CodecContext.create("libopus", "w")
        encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = 24000, "mono", "flt", self.bitrate
        encoder.options = {"application": "voip", "vbr": "off", "frame_duration": "20"}
        encoder.open()
        lookahead = int.from_bytes(encoder.extradata[10:12], "little") // 2  # OpusHead counts it at 48 kHz
        packets = []
        for index, block in enumerate(_blocks(soxr.resample(wav, sample_rate, 24000), encoder.frame_size, lookahead)):
            frame = av.AudioFrame.from_ndarray(block[None].astype(np.float32), format="flt", layout="mono")
            frame.sample_rate, frame.pts = 24000, index * encoder.frame_size
            packets += encoder.encode(frame)
        decoder = av.CodecContext.create("libopus", "r")
        decoder.extradata = encoder.extradata
        blocks = [frame.to_ndarray().reshape(-1) for packet in packets for frame in decoder.decode(packet)]
        decoded = soxr.resample(np.concatenate(blocks).astype(np.float32) / 32768, 48000, sample_rate)
        return shift(decoded, 0, len(wav)), 8 * sum(packet.size for packet in packets)


@dataclass(frozen=True)
class Codec2:
    """Codec2 (Rowe), a sinusoidal vocoder at 8 kHz, by pycodec2; `bitrate` 3200, 1600 or 1300 bit/s.

    Its delay of 20 ms (that of envelopes: the waveform is not kept) is removed. UsageError without `kvant[eval]`.
    """

    bitrate: int

    def __call__(self, wav: Array, sample_rate: int) -> tuple[Array, int]:
        codec = extra("pycodec2", "Codec2").Codec2(self.bitrate)
        blocks = _blocks(soxr.resample(wav, sample_rate, 8000), codec.samples_per_frame(), 160)
        pcm = np.round(np.clip(blocks, -1, 1) * 32767).astype(np.int16)
        decoded = np.concatenate([codec.decode(codec.encode(block)) for block in pcm]).astype(np.float32) / 32768
        decoded = soxr.resample(decoded[160:], 8000, sample_rate)
        return shift(decoded, 0, len(wav)), codec.bits_per_frame() * len(pcm)


def identity(wav: Array, sample_rate: int) -> tuple[Array, int]:
    """The wav itself at its cost as 16-bit PCM: the row of a table that must be perfect."""
    return wav, 16 * len(wav)


def _blocks(wav: Array, size: int, delay: int) -> Array:
    """wav [N] -> [blocks, size], with zeros behind so that a codec delayed by `delay` samples returns all of N."""
    count = -(-(len(wav) + delay) // size)
    return np.pad(wav, (0, count * size - len(wav))).reshape(count, size)
