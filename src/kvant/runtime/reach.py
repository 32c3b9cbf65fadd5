"""How far a codec hears beyond a frame, as its model file says, and what its streams therefore wait for."""

from math import inf, isinf
from typing import Any, NamedTuple

from kvant.runtime.feeds import Axes, Feed, Half, Overlap, PieceFeed, StepFeed

STEP_SAMPLES = 1 << 16
"""At a time, of what steps: 2.7 s at 24 kHz, enough frames for the matrices and few enough samples for caches."""
PIECE_SAMPLES = 1 << 17
"""At a time, of what looks ahead: some hundred MB in codecs of usual widths, and little overlap."""
WHOLE_SAMPLES = 1 << 23
"""At most, in all channels, of what hears everything: some 8 GB, at 0.9 kB a sample in SpeechTokenizer's encoder."""


class Reach(NamedTuple):
    """A codec of steps, unless an overlap says that half of it looks ahead.

    first_frames: what a stream of steps must begin with. grain: samples that the encoder takes whole numbers of, a hop,
    or one if it completes the last hop itself.
    """

    hop_length: int
    grain: int
    first_frames: int
    encoder: Overlap | None
    decoder: Overlap | None

    @property
    def frames(self) -> float:
        """Frames that must have been heard before the first of them has come back."""
        behind = [overlap.behind for overlap in (self.encoder, self.decoder) if overlap]
        return (self.first_frames if len(behind) < 2 else 1) + sum(behind)

    def encoder_feed(self, half: Half, channels: int) -> Feed:
        """wav [C, n, grain] to codes [C, K, T]."""
        return self._feed(half, channels, Axes(1, 2, self.hop_length // self.grain), self.encoder)

    def decoder_feed(self, half: Half, channels: int) -> Feed:
        """Codes [C, k, T] to wav [C, T, hop]."""
        return self._feed(half, channels, Axes(2, 1), self.decoder)

    def _feed(self, half: Half, channels: int, axes: Axes, overlap: Overlap | None) -> Feed:
        if overlap is None:
            return StepFeed(half, channels, axes, self.first_frames, max(1, STEP_SAMPLES // self.hop_length))
        samples = WHOLE_SAMPLES // channels if isinf(overlap.behind) else PIECE_SAMPLES
        return PieceFeed(half, channels, axes, overlap, max(1, samples // self.hop_length))


def reach_of(signal: dict[str, Any]) -> Reach:
    """Of a model file's `signal`. KeyError, TypeError, ValueError: garbled."""
    hop_length = int(signal["hop_length"])
    return Reach(
        hop_length,
        grain=1 if signal.get("completes") else hop_length,
        first_frames=int(signal.get("first_frames", 1)),
        encoder=_overlap(signal, "encoder_overlap"),
        decoder=_overlap(signal, "decoder_overlap"),
    )


def _overlap(signal: dict[str, Any], name: str) -> Overlap | None:
    if name not in signal:
        return None
    if signal[name] is None:
        return Overlap(inf, inf)
    before, behind = map(int, signal[name])
    return Overlap(before, behind)
