"""Wav to codes and codes to wav as they come: resampling, filling of hops, state and delay in one place each."""

from typing import TYPE_CHECKING

import numpy as np

from kvant.audio import Resampler, clip
from kvant.bitstream import ABSENT
from kvant.errors import ModelError, UsageError
from kvant.runtime.feeds import Feed

if TYPE_CHECKING:
    from kvant.runtime.codec import Codec


class EncoderStream:
    """`push` wav [C, n] in any amounts, get the codes [C, K, t] of the frames they fill; `flush` gives the rest.

    N samples in all (at the codec's rate) make ceil((N + pre_skip) / hop_length) frames; none make none.
    """

    def __init__(self, codec: "Codec", sample_rate: int, channels: int, num_codebooks: int, feed: Feed) -> None:
        self._codec = codec
        self._channels = channels
        self._num_codebooks = num_codebooks
        self._resampler = Resampler(sample_rate, codec.sample_rate, channels)
        self._waiting = np.zeros((channels, 0), np.float32)
        self._feed = feed
        self._started = False

    def push(self, wav: np.ndarray) -> np.ndarray:
        """Codes int64 [C, K, t] of the frames that `wav` float [C, n] completes; t may be 0.

        AudioError: not such floats, or not finite; the stream is then as if they had not come.
        """
        resampled = self._resampler.push(wav)
        self._started |= wav.shape[-1] > 0
        return self._encode(resampled, self._codec.hop_length)

    def flush(self) -> np.ndarray:
        """The remaining codes; the stream is then as new."""
        if not self._started:
            return self._joined([])
        tail = self._resampler.flush()
        filled = self._waiting.shape[1] + tail.shape[1] + self._codec.pre_skip
        silence = self._codec.pre_skip + -filled % self._codec.reach.grain
        codes = self._encode(np.pad(tail, ((0, 0), (0, silence))), self._codec.reach.grain)
        self._started = False
        return np.concatenate([codes, self._joined(self._feed.flush())], axis=-1)

    def _encode(self, wav: np.ndarray, multiple: int) -> np.ndarray:
        wav = np.concatenate([self._waiting, clip(wav)], axis=1)
        whole = wav.shape[1] // multiple * multiple
        self._waiting = wav[:, whole:]
        return self._joined(self._feed.push(wav[:, :whole].reshape(self._channels, -1, self._codec.reach.grain)))

    def _joined(self, blocks: list[np.ndarray]) -> np.ndarray:
        nothing = np.zeros((self._channels, self._num_codebooks, 0), np.int64)
        return np.concatenate([nothing, *(block[:, : self._num_codebooks] for block in blocks)], axis=-1)


class DecoderStream:
    """`push` codes [C, k, t] in any amounts, get the wav [C, n] they complete; `flush` gives what resampling held back.

    The codec's delay is removed: the first sample out is the first sample of the original. The last frames may hold
    up to a hop of silence past its end, for the caller to cut.
    """

    def __init__(self, codec: "Codec", sample_rate: int, channels: int) -> None:
        self._codec = codec
        self._channels = channels
        self._resampler = Resampler(codec.sample_rate, sample_rate, channels)
        self._feed = codec.reach.decoder_feed(codec.decoder, channels)
        self._lost = np.zeros(0, bool)
        self._to_skip = codec.pre_skip

    def push(self, codes: np.ndarray) -> np.ndarray:
        """wav float32 [C, n] at the stream's rate. UsageError: codes not [C, k, t], or not in their codebooks.

        Codes may be ABSENT behind those that a frame has. ModelError: not with this model.
        """
        check_codes(codes, self._channels, self._codec.codebook_sizes, lowest=ABSENT)
        if (codes == ABSENT).any() and not self._codec.takes_absent:
            raise ModelError(f"{self._codec.name} decodes no frames of fewer codes than others; export it again")
        return self._push(codes, lost=False)

    def skip(self, num_frames: int) -> np.ndarray:
        """Silence in place of lost frames. Decoding goes on behind them with the state's clock right, so that it is
        what it would have been once the decoder's receptive field holds no lost frame any more."""
        return self._push(np.zeros((self._channels, 1, num_frames), np.int64), lost=True)

    def restart(self) -> np.ndarray:
        """The wav that is still to come of the frames so far. The codec's state begins anew with the next frame; the
        stream goes on, its delay removed already."""
        return self._emit(self._feed.flush())

    def flush(self) -> np.ndarray:
        """The remaining wav; the stream is then as new."""
        wav = self.restart()
        self._to_skip = self._codec.pre_skip
        return np.concatenate([wav, self._resampler.flush()], axis=1)

    def _push(self, codes: np.ndarray, lost: bool) -> np.ndarray:
        self._lost = np.concatenate([self._lost, np.full(codes.shape[-1], lost)])
        return self._emit(self._feed.push(codes.astype(np.int64)))

    def _emit(self, blocks: list[np.ndarray]) -> np.ndarray:
        """Hops [C, t, hop], silent where their frames were lost, as wav."""
        wavs = [np.zeros((self._channels, 0), np.float32)]
        for hops in blocks:
            lost, self._lost = np.split(self._lost, [hops.shape[1]])
            wav = np.where(lost[:, None], np.float32(0), hops).reshape(self._channels, -1)
            skipped = min(self._to_skip, wav.shape[1])
            self._to_skip -= skipped
            wavs.append(self._resampler.push(wav[:, skipped:]))
        return np.concatenate(wavs, axis=1)


def check_codes(codes: np.ndarray, channels: int, sizes: tuple[int, ...], lowest: int = 0) -> None:
    """UsageError: not integers [C, k, t] of a prefix of the levels, or not from `lowest` to their codebooks' `sizes`.

    lowest: ABSENT where levels that a frame does not have may follow those that it has.
    """
    if codes.ndim != 3 or len(codes) != channels or not 1 <= codes.shape[1] <= len(sizes):
        raise UsageError(f"codes of shape {list(codes.shape)}; expected integers [{channels}, 1..{len(sizes)}, T]")
    if codes.dtype.kind not in "iu":
        raise UsageError(f"codes of type {codes.dtype}; expected integers")
    limits = np.array(sizes[: codes.shape[1]])[:, None]
    if codes.size and (codes.min() < lowest or (codes >= limits).any()):
        entries = ", ".join(map(str, sorted(set(sizes))))
        raise UsageError(f"codes from {codes.min()} to {codes.max()}; codebooks have {entries} entries")
    if ((codes[:, 1:] != ABSENT) & (codes[:, :-1] == ABSENT)).any():
        raise UsageError("a frame has a code behind an absent one; only trailing levels can be absent")
