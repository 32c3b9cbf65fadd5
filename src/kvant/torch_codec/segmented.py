"""A model that codes in segments, on torch behind the verbs of the runtime."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kvant.audio import Resampler, check_sample_rate, validate
from kvant.bitstream import ABSENT
from kvant.checkpoint import load_segmented, signal_of
from kvant.codecs.fade import Fade
from kvant.codecs.segmented import Segment as TorchSegment
from kvant.errors import ModelError, UsageError
from kvant.model_file import ModelFile, read_model_file
from kvant.runtime import Codec, Codes
from kvant.runtime.search import check_beam
from kvant.runtime.segments import Segment
from kvant.runtime.streams import check_codes
from kvant.torch_codec.threads import torch_threads


class SegmentedTorchCodec(Codec):
    """The codec of a model file, `network`, on the processor.

    Its channels are coded together; of a mono wav all are the same, and their mean comes back. Streams give and take
    segments. Codes of `encode` are those of all segments one behind the other.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.network = load_segmented(path)
        model = read_model_file(path)
        # Files of before do not tell all of it.
        signal = {"signal": signal_of(self.network)}
        super().__init__(ModelFile(model.path, model.tensors, model.metadata | signal), threads)
        self.threads = threads
        self.segment_frames = self.network.segment_length // self.hop_length
        self.segment_stride = self.network.segment_stride

    @property
    def frame_rate(self) -> float:
        """Of both segments where two overlap."""
        return self.network.frame_rate

    @property
    def latency(self) -> float:
        """A segment: its first sample waits for its last, and those of the overlap for the next segment."""
        return self.network.segment_length

    def streams(self, channels: int) -> int:
        """One. UsageError: neither mono nor as many channels as the network's."""
        if channels not in (1, self.network.channels):
            own = self.network.channels
            raise UsageError(
                f"{channels} channels; {self.name} codes {own} together, or mono: split or mix the recording"
            )
        return 1

    def encoder_stream(  # type: ignore[override]  # segments are no codes
        self,
        sample_rate: int | None = None,
        channels: int = 1,
        num_codebooks: int | None = None,
        beam: int = 1,
        limit: float | None = None,
        refine: int = 0,
    ) -> "SegmentEncoder":
        """A stream that takes wav as it comes and gives segments. UsageError: a beam, a limit, steps to refine."""
        self.streams(channels)
        if check_beam(beam) > 1 or limit is not None or refine:
            raise UsageError(
                f"{self.name}: codes in segments, without a beam, levels where frames need them, or refinement"
            )
        return SegmentEncoder(self, sample_rate or self.sample_rate, channels, self.check_levels(num_codebooks))

    def decoder_stream(  # type: ignore[override]
        self, sample_rate: int | None = None, channels: int = 1
    ) -> "SegmentDecoder":
        """A stream that takes segments as they come and gives wav."""
        self.streams(channels)
        return SegmentDecoder(self, sample_rate or self.sample_rate, channels)

    def encode(
        self,
        wav: np.ndarray,
        sample_rate: int,
        num_codebooks: int | None = None,
        beam: int = 1,
        limit: float | None = None,
        refine: int = 0,
    ) -> Codes:
        """Codes of wav [C, N] or [N]: [1, K, T], and the gains of their segments."""
        wav = validate(wav, sample_rate)
        stream = self.encoder_stream(sample_rate, len(wav), num_codebooks, beam, limit, refine)
        segments = [*stream.push(wav), *stream.flush()]
        none = np.zeros((1, self.check_levels(num_codebooks), 0), np.int64)
        codes = np.concatenate([none, *(segment.codes for segment in segments)], axis=2)
        gains = tuple((segment.codes.shape[2], segment.gain) for segment in segments)
        return Codes(codes, sample_rate, wav.shape[1], len(wav), gains)

    def decode(self, codes: Codes) -> np.ndarray:
        """wav float32 [C, N]. UsageError: the gains are not those of so many frames."""
        if codes.channels is None or codes.codes.shape[-1] != sum(frames for frames, _ in codes.gains):
            raise UsageError(f"{codes.codes.shape[-1]} frames without gains of their own: give what encode gave")
        stream = self.decoder_stream(codes.sample_rate, codes.channels)
        blocks, start = [], 0
        for frames, gain in codes.gains:
            blocks.append(stream.push(Segment(codes.codes[..., start : start + frames], gain)))
            start += frames
        return np.concatenate([*blocks, stream.flush()], axis=1)[:, : codes.num_samples]


class SegmentEncoder:
    """`push` wav [C, n] in any amounts, get the segments that it completes; `flush` gives the rest."""

    def __init__(self, codec: SegmentedTorchCodec, sample_rate: int, channels: int, num_codebooks: int) -> None:
        self._network, self._num_codebooks, self._threads = codec.network, num_codebooks, codec.threads
        self._resampler = Resampler(sample_rate, codec.sample_rate, channels)
        self._waiting = np.zeros((channels, 0), np.float32)

    def push(self, wav: np.ndarray) -> list[Segment]:
        """Whole ones."""
        return self._encode(self._resampler.push(wav), self._network.segment_length)

    def flush(self) -> list[Segment]:
        """What begins in the rest; the stream is then as new."""
        return self._encode(self._resampler.flush(), 1)

    @torch.inference_mode()
    def _encode(self, wav: np.ndarray, least: int) -> list[Segment]:
        self._waiting = np.concatenate([self._waiting, wav], axis=1)
        segments = []
        while self._waiting.shape[1] >= least:
            piece = torch.tensor(self._waiting[:, : self._network.segment_length]).clamp(-1, 1)
            together = piece.expand(self._network.channels, -1)[None]
            with torch_threads(self._threads):
                codes, scale = self._network.encode_segment(together, self._num_codebooks)
            segments.append(Segment(codes.numpy(), scale.item()))
            self._waiting = self._waiting[:, self._network.segment_stride :]
        return segments


class SegmentDecoder:
    """`push` segments one by one, get the wav [C, n] that no later one touches; `flush` gives the rest."""

    def __init__(self, codec: SegmentedTorchCodec, sample_rate: int, channels: int) -> None:
        self._codec, self._channels = codec, channels
        self._silence = torch.zeros(1, channels, 0)
        self._fade = Fade(codec.segment_stride, self._silence)
        self._resampler = Resampler(codec.sample_rate, check_sample_rate(sample_rate), channels)

    @torch.inference_mode()
    def push(self, segment: Segment) -> np.ndarray:
        """wav float32 [C, n] at the stream's rate. UsageError, ModelError: as for codes of other codecs."""
        check_codes(segment.codes, 1, self._codec.codebook_sizes, lowest=ABSENT)
        if (segment.codes == ABSENT).any():
            raise ModelError(f"{self._codec.name} decodes no frames of fewer codes than others in their segment")
        codes = torch.tensor(segment.codes, dtype=torch.int64)
        with torch_threads(self._codec.threads):
            wav = self._codec.network.decode_segment(TorchSegment(codes, torch.tensor([segment.gain])))
        return self._emit(self._fade.push(wav if len(wav[0]) == self._channels else wav.mean(1, keepdim=True)))

    def skip(self, num_frames: int) -> np.ndarray:
        """Silence in place of lost segments, but for what the others say over their overlap."""
        lost = -(-num_frames // self._codec.segment_frames)
        wavs = [self._emit(self._fade.push(self._silence)) for _ in range(lost)]
        return np.concatenate([np.zeros((self._channels, 0), np.float32), *wavs], axis=1)

    def restart(self) -> np.ndarray:
        """Nothing: every segment begins anew."""
        return np.zeros((self._channels, 0), np.float32)

    def flush(self) -> np.ndarray:
        """The remaining wav; the stream is then as new."""
        return np.concatenate([self._emit(self._fade.flush()), self._resampler.flush()], axis=1)

    def _emit(self, wav: Tensor) -> np.ndarray:
        return self._resampler.push(wav[0].numpy())
