"""Sample-rate conversion by soxr's HQ filter, whole or block by block with the same result."""

import math

import numpy as np
import soxr

from kvant.audio.validation import check_finite, check_sample_rate
from kvant.errors import AudioError

_BLOCK = 1 << 16
_MAX_UPSAMPLING = 2**19  # soxr never returns from larger ratios


class Resampler:
    """Streaming sample-rate conversion: the blocks of `push` and `flush`, joined, are `resample` of the whole.

    N samples pushed in any blocks give ceil(N * to_rate / from_rate). Linear phase, delay removed: sample k out is at
    the time k / to_rate. HQ: flat to 0.91 of the lower Nyquist frequency, 120 dB down from that frequency on.
    AudioError: a rate that is not an integer from 1 to 768,000 Hz, or upsampling by more than 2^19.
    """

    def __init__(self, from_rate: int, to_rate: int, channels: int) -> None:
        self.from_rate, self.to_rate = check_sample_rate(from_rate), check_sample_rate(to_rate)
        self.channels = channels
        if to_rate > from_rate * _MAX_UPSAMPLING:
            raise AudioError(f"cannot resample from {from_rate} to {to_rate} Hz: more than {_MAX_UPSAMPLING} times")
        try:
            self._stream = soxr.ResampleStream(from_rate, to_rate, channels, dtype="float32", quality="HQ")
        except (ValueError, RuntimeError) as error:
            raise AudioError(
                f"cannot resample {channels} channels from {from_rate} to {to_rate} Hz: {error}"
            ) from error
        self._pushed = self._returned = 0

    def push(self, block: np.ndarray) -> np.ndarray:
        """The samples [C, m] that `block` [C, n] completes, n >= 0; m is near n * to_rate / from_rate in the long run.

        AudioError: not float [C, n], or not finite: one NaN would stay in the filter, and in all that hears its output.
        """
        if block.ndim != 2 or len(block) != self.channels or block.dtype.kind != "f":
            shape = list(block.shape)
            raise AudioError(f"expected floats of shape [{self.channels}, n] to resample, got {block.dtype} {shape}")
        check_finite(block, offset=self._pushed)
        self._pushed += block.shape[1]
        if self.from_rate == self.to_rate or block.size == 0:
            return block.astype(np.float32)
        return self._convert(block, last=False)

    def flush(self) -> np.ndarray:
        """The samples [C, m] still owed. Afterwards the resampler is as new, ready for another signal."""
        owed = output_length(self._pushed, self.from_rate, self.to_rate) - self._returned
        if self.from_rate == self.to_rate:
            owed = 0
        # Left alone, soxr rounds the length to the nearest. Two more output samples of silence, which it assumes past
        # the end anyhow, bring it to the ceiling.
        silence = np.zeros((self.channels, 2 * math.ceil(self.from_rate / self.to_rate)), np.float32)
        tail = self._convert(silence, last=True)[:, :owed] if owed else silence[:, :0]
        self._stream.clear()
        self._pushed = self._returned = 0
        return tail

    def _convert(self, block: np.ndarray, last: bool) -> np.ndarray:
        interleaved = np.ascontiguousarray(block.T, dtype=np.float32)
        out = np.ascontiguousarray(self._stream.resample_chunk(interleaved, last=last).T)
        self._returned += out.shape[1]
        return out


def resample(wav: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """`wav` [..., N] at another sample rate: float32 [..., ceil(N * to_rate / from_rate)], each signal on its own.

    Rates in Hz. Equal rates change nothing. There and back gives at least N samples: cut to N.
    AudioError: as `Resampler`, samples that are not finite among them.
    """
    if wav.ndim == 0:
        raise AudioError("cannot resample a single number; wav must be [..., N]")
    *batch, num_samples = wav.shape
    signals = wav.reshape(math.prod(batch), num_samples)
    out = np.zeros((len(signals), output_length(num_samples, from_rate, to_rate)), np.float32)
    if out.size:
        resampler = Resampler(from_rate, to_rate, len(signals))
        blocks = [resampler.push(signals[:, start : start + _BLOCK]) for start in range(0, num_samples, _BLOCK)]
        np.concatenate([*blocks, resampler.flush()], axis=1, out=out)
    return out.reshape(*batch, out.shape[1])


def output_length(num_samples: int, from_rate: int, to_rate: int) -> int:
    """ceil(num_samples * to_rate / from_rate): how many samples `resample` gives. AudioError: impossible rates."""
    return -(-num_samples * check_sample_rate(to_rate) // check_sample_rate(from_rate))
