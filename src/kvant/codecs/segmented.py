"""Coding in segments of fixed length that overlap, each with a scale of its own beside its codes."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kvant.codec import Reconstruction, check_wav
from kvant.codecs.fade import Fade
from kvant.errors import UsageError
from kvant.protocols import Quantizer
from kvant.quantizers.depth import check_depths, levels_of
from kvant.quantizers.slots import check_codes
from kvant.streaming import LookAhead

QUIETEST = 1e-8
"""Added to every scale, so that silence is not divided by zero."""


class Segment(NamedTuple):
    """codes: int64 [B, K, T]. scale: [B], the loudness that decoded samples get back."""

    codes: Tensor
    scale: Tensor


class SegmentedCodec(nn.Module):
    """wav [B, C, N] -> segments -> wav [B, C, N].

    Segment i holds samples i * stride to i * stride + segment_length, or to the end of the signal; every one that
    begins within the signal is coded, alone, after division by the root mean square of its mean over channels. Decoded
    segments get their scale back and are faded into each other over the overlap, linearly.

    This is no `Codec`: there are scales besides the codes, and frames of two segments where these overlap.
    """

    def __init__(
        self,
        encoder: LookAhead,
        quantizer: Quantizer,
        decoder: LookAhead,
        sample_rate: int,
        hop_length: int,
        segment_length: int,
        segment_stride: int,
        channels: int,
    ) -> None:
        """UsageError: segments that leave gaps, or are no whole number of hops."""
        super().__init__()
        if not 0 < segment_stride <= segment_length or segment_length % hop_length:
            raise UsageError(
                f"segments of {segment_length} samples every {segment_stride}: must be whole hops of {hop_length}, "
                "and must not leave gaps"
            )
        self.encoder = encoder
        self.quantizer = quantizer
        self.decoder = decoder
        self.sample_rate = sample_rate
        self.hop_length = hop_length
        self.segment_length = segment_length
        self.segment_stride = segment_stride
        self.channels = channels

    @property
    def num_codebooks(self) -> int:
        """K, the number of levels."""
        return len(self.quantizer.codebook_sizes)

    @property
    def frame_rate(self) -> float:
        """Frames per second of signal, with those that overlap: hop_length apart in a segment."""
        return self.segment_length / self.hop_length * self.sample_rate / self.segment_stride

    @property
    def latency(self) -> float:
        """In samples, as `Codec.latency`: a segment, which must be full before it is coded."""
        return self.segment_length

    def forward(self, wav: Tensor, num_codebooks: int | Tensor | None = None) -> Reconstruction:
        """Through the codec with gradient, as in training.

        UsageError: wav is not [B, C, N] of 1 to segment_length samples; a depth that the quantizer has not.
        """
        check_wav(wav, self.channels)
        check_depths(num_codebooks, len(wav), self.num_codebooks)
        if wav.shape[-1] == 0:
            raise UsageError("no samples: there is nothing to learn from")
        if wav.shape[-1] > self.segment_length:
            raise UsageError(f"{wav.shape[-1]} samples: training takes at most a segment, {self.segment_length}")
        scale = self.scale_of(wav)
        with torch.autocast(wav.device.type, enabled=False):
            quantized = self.quantizer(self.encoder(wav / scale).float(), num_codebooks)
        return Reconstruction((self.decoder(quantized.latents) * scale)[..., : wav.shape[-1]], quantized)

    @torch.inference_mode()
    def encode(self, wav: Tensor, num_codebooks: int | None = None) -> list[Segment]:
        """The segments of wav [B, C, N], clipped to [-1, 1]; none of an empty one.

        UsageError: wav of another shape, a depth that the quantizer has not.
        """
        check_wav(wav, self.channels)
        levels_of(num_codebooks, self.num_codebooks)
        starts = range(0, wav.shape[-1], self.segment_stride)
        return [self.encode_segment(wav[..., n : n + self.segment_length].clamp(-1, 1), num_codebooks) for n in starts]

    @torch.inference_mode()
    def decode(self, segments: Sequence[Segment], num_samples: int | None = None) -> Tensor:
        """wav [B, C, N]; N is `num_samples`, or all that the last segment's frames hold.

        UsageError: no segments, codes that the quantizer has not, fewer than 0 samples.
        """
        if not segments:
            raise UsageError("no segments: an empty signal has nothing to decode")
        for segment in segments:
            check_codes(segment.codes, self.quantizer.codebook_sizes)
        if num_samples is not None and num_samples < 0:
            raise UsageError(f"num_samples={num_samples}: must be 0 or more")
        return self.faded([self.decode_segment(segment) for segment in segments])[..., :num_samples]

    def encode_segment(self, wav: Tensor, num_codebooks: int | None = None) -> Segment:
        """Of wav [B, C, N], at most segment_length samples."""
        scale = self.scale_of(wav)
        return Segment(self.quantizer.encode(self.encoder(wav / scale), num_codebooks), scale[:, 0, 0])

    def decode_segment(self, segment: Segment) -> Tensor:
        """wav [B, C, T hop_length]."""
        return self.decoder(self.quantizer.decode(segment.codes)) * segment.scale[:, None, None]

    def scale_of(self, wav: Tensor) -> Tensor:
        """[B, 1, 1], the root mean square of the mean over channels: tiny, where these cancel each other."""
        return wav.mean(1, keepdim=True).square().mean(2, keepdim=True).sqrt() + QUIETEST

    def faded(self, wavs: Sequence[Tensor]) -> Tensor:
        """Decoded segments [B, C, n] joined, as `Fade` does."""
        fade = Fade(self.segment_stride, wavs[0][..., :0])
        return torch.cat([*map(fade.push, wavs), fade.flush()], dim=-1)
