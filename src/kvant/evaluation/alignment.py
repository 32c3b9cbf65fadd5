"""Delay and polarity of an estimate, found before it is scored: a codec's latency is not distortion."""

from typing import NamedTuple

import numpy as np

from kvant.errors import AudioError
from kvant.evaluation.metrics.metric import Array

SURE = 0.5  # correlation above which the waveforms themselves give the delay
CLEARLY, PERFECTLY = 1.1, 0.98  # an inverted match is one if it beats the upright one by so much, or correlates so well
ENVELOPE = 0.02  # s: length of the window that smooths the envelopes, and their resolution


class Alignment(NamedTuple):
    """How an estimate lies against its reference.

    delay: samples, positive if the estimate is late. gain: least-squares gain of the estimate at that delay, negative
    if inverted. correlation: of the waveforms at that delay, in [-1, 1]; below 0.5 in magnitude the codec does not
    preserve waveforms (a vocoder), `gain` means little, and `delay` is that of the envelopes.
    """

    delay: int
    gain: float
    correlation: float

    @property
    def inverted(self) -> bool:
        """Whether the estimate matches best with its sign turned: of opposite polarity, or with phases blurred."""
        return self.correlation <= -SURE


def estimate_alignment(estimate: Array, reference: Array, sample_rate: int, max_delay: float = 0.25) -> Alignment:
    """Integer delay of largest |cross-correlation| within +-max_delay seconds; two [N], whose lengths may differ.

    A codec that blurs phases may match as well when inverted and half a pitch period late; so an inverted match must be
    better than the upright one by a tenth, unless it is all but perfect. Where waveforms correlate below 0.5 the
    envelopes decide, and a delay below their resolution of 20 ms counts as none: a pitch period is no delay. Silence on
    either side gives (0, 0, 0). AudioError if not [N].
    """
    e, s = np.asarray(estimate, np.float64), np.asarray(reference, np.float64)
    if e.ndim != 1 or s.ndim != 1:
        raise AudioError(f"alignment takes two [N], got {e.shape} and {s.shape}")
    if not (e.any() and s.any()):
        return Alignment(0, 0.0, 0.0)
    limit = round(max_delay * sample_rate)
    upright, inverted = _lag(e, s, limit), _lag(-e, s, limit)
    found, rival = _fit(e, s, upright)[1], -_fit(e, s, inverted)[1]
    delay = inverted if rival > (1 if rival > PERFECTLY else CLEARLY) * found else upright
    if abs(_fit(e, s, delay)[1]) < SURE:
        smooth = np.hanning(round(ENVELOPE * sample_rate) + 2)
        envelope, truth = (np.convolve(np.abs(wav), smooth, mode="same") for wav in (e, s))
        delay = _lag(envelope - envelope.mean(), truth - truth.mean(), limit)
        delay = delay if abs(delay) >= ENVELOPE * sample_rate else 0
    return Alignment(delay, *_fit(e, s, delay))


def shift(wav: Array, delay: int, length: int) -> Array:
    """`wav` [N] without its first `delay` samples (or after -delay zeros), cut or filled with zeros to `length`."""
    moved = wav[delay:] if delay >= 0 else np.concatenate([np.zeros(-delay, wav.dtype), wav])
    return np.pad(moved[:length], (0, max(length - len(moved), 0)))


def _lag(e: Array, s: Array, limit: int) -> int:
    """Of largest correlation."""
    size = 1 << (len(e) + len(s) + 2 * limit).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(e, size) * np.conj(np.fft.rfft(s, size)), size)
    lags = np.arange(-limit, limit + 1)
    return int(lags[np.argmax(correlation[lags])])


def _fit(e: Array, s: Array, delay: int) -> tuple[float, float]:
    e = shift(e, delay, len(s))
    product, energy, own = np.dot(e, s), np.dot(s, s), np.dot(e, e)
    return float(product / energy), float(product / np.sqrt(energy * own)) if own else 0.0
