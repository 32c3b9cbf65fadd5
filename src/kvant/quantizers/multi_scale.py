"""Residual quantization at several frame rates (SNAC, Siuzdak et al., 2024): coarse codes last longer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.protocols import Quantized, Quantizer
from kvant.quantizers.beam import beam_search, check_beam
from kvant.quantizers.depth import depths_of, levels_of
from kvant.quantizers.multi_stage import MultiStageQuantizer
from kvant.quantizers.slots import decode_present, padded, vectors_of


class StridedQuantizer(nn.Module):
    """A quantizer of one code for every `stride` latent frames: their mean is quantized, and held for all of them.

    Latents [B, D, T * span] -> codes [B, span / stride, T]: a frame of codes is `span` latent frames long, and holds
    the codes of its stretches in order of time. Each stretch counts as an item of its own, so a prefix of the codes is
    the first stretches, and those that are cut off are zero. The gradient is hold J mean.
    """

    def __init__(self, quantizer: Quantizer, stride: int, span: int) -> None:
        """UsageError: `quantizer` has several codes, or `stride` does not divide `span`."""
        super().__init__()
        if len(quantizer.codebook_sizes) != 1:
            raise UsageError(f"a scale needs a quantizer of one code, not of {len(quantizer.codebook_sizes)}")
        if stride < 1 or span % stride:
            raise UsageError(f"stride {stride}: must divide {span}, what a frame spans")
        self.quantizer, self.stride, self.span = quantizer, stride, span
        self.codebook_sizes = quantizer.codebook_sizes * (span // stride)

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """Quantize with gradient, to the first stretches of each frame: a number of them, or int64 [B]."""
        stretches = len(self.codebook_sizes)
        depths, computed = depths_of(num_codebooks, latents, stretches)
        active = depths[:, None] > torch.arange(stretches, device=depths.device)
        result = self.quantizer(self.means(latents), active.flatten().long())
        codes = result.codes.reshape(len(latents), stretches, -1)[:, :computed]
        return Quantized(self.held(result.latents), codes, result.losses)

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Codes int64 [B, k, T] of latents [B, D, T * span]."""
        stretches = levels_of(num_codebooks, len(self.codebook_sizes))
        codes = self.quantizer.encode(self.means(latents))
        return codes.unflatten(0, (-1, len(self.codebook_sizes))).flatten(2)[:, :stretches]

    def decode(self, codes: Tensor) -> Tensor:
        """Latents [B, D, T * span] of codes [B, k, T]; zero in stretches that have no code."""
        whole = padded(codes, len(self.codebook_sizes))
        return self.held(decode_present(self.quantizer, whole.flatten(0, 1)[:, None]))

    def means(self, latents: Tensor) -> Tensor:
        """[B * stretches, D, T] of latents [B, D, T * span]."""
        batch, dim = latents.shape[:2]
        means = latents.reshape(batch, dim, -1, len(self.codebook_sizes), self.stride).mean(-1)
        return means.permute(0, 3, 1, 2).flatten(0, 1)

    def held(self, means: Tensor) -> Tensor:
        """Latents [B, D, T * span] of [B * stretches, D, T]."""
        means = means.unflatten(0, (-1, len(self.codebook_sizes))).permute(0, 2, 3, 1)
        return means[..., None].expand(*means.shape, self.stride).flatten(2)


class MultiScaleQuantizer(MultiStageQuantizer):
    """Stages of falling stride: latents [B, D, T * S] -> codes [B, K, T], K = sum of S / stride; S is the first stride.

    Strides (4, 2, 1) give a frame 1 + 2 + 4 = 7 slots, coarse first, each scale's in order of time; `unfold` gives the
    paper's list, a sequence for each scale. A frame may hold more than one code of the first scale: `span` is S then, a
    multiple of all strides. A frame of codes lasts S latent frames, so a codec built on this counts S of its encoder's
    hops as one `hop_length`, and pads to whole frames as ever; latents that are not whole frames are refused. The
    stages are those of a MultiStageQuantizer, so its gradient is too: I, if the last stride is 1 and its stage is
    straight-through.
    """

    def __init__(self, levels: Sequence[Quantizer], strides: Sequence[int], span: int | None = None) -> None:
        """levels: of one code each. UsageError: strides are not as many, rise, or do not divide the span."""
        if len(levels) != len(strides) or sorted(strides, reverse=True) != list(strides):
            raise UsageError(f"strides {tuple(strides)}: one for each of {len(levels)} levels, the longest first")
        whole = strides[0] if span is None else span
        super().__init__([StridedQuantizer(level, stride, whole) for level, stride in zip(levels, strides)])
        self.strides, self.span = tuple(strides), whole
        self.slot_strides = tuple(stride for stride in strides for _ in range(whole // stride))

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """As MultiStageQuantizer's. UsageError: latents that are not whole frames."""
        self.check(latents)
        return super().forward(latents, num_codebooks)

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Codes int64 [B, K, T] of latents [B, D, T * S]. UsageError: latents that are not whole frames."""
        self.check(latents)
        return super().encode(latents, num_codebooks)

    def search(self, latents: Tensor, num_codebooks: int | None, beam: int) -> Tensor:
        """Codes [B, K, T] of all scales together; 1 is `encode`.

        A frame is one vector of D * S numbers here, and a code adds one that is zero outside its stretch.
        """
        check_beam(beam)
        if beam == 1:
            return self.encode(latents, num_codebooks)
        self.check(latents)
        codebooks = self.blocks(latents, levels_of(num_codebooks, len(self.codebook_sizes)))
        batch, dim, _ = latents.shape
        frames = latents.reshape(batch, dim, -1, self.span).transpose(1, 2)
        codes = beam_search(frames.reshape(-1, dim * self.span), codebooks, beam)
        return codes.reshape(batch, -1, len(codebooks)).transpose(1, 2)

    def decode_level(self, level: Quantizer, codes: Tensor) -> Tensor:
        """Latents [B, D, T * S]: a scale knows itself which of its stretches are absent."""
        return level.decode(codes)

    def blocks(self, latents: Tensor, num_codebooks: int) -> list[Tensor]:
        """What each code of each slot adds to a frame: [V, D * S]."""
        blocks = []
        for scale in self.levels:
            vectors = vectors_of(scale.quantizer, latents)  # type: ignore[attr-defined]
            for start in range(0, self.span, scale.stride):  # type: ignore[attr-defined]
                block = vectors.new_zeros(*vectors.shape, self.span)
                block[..., start : start + scale.stride] = vectors[..., None]  # type: ignore[attr-defined]
                blocks.append(block.flatten(1))
        return blocks[:num_codebooks]

    def unfold(self, codes: Tensor) -> list[Tensor]:
        """Codes [B, K, T] as the paper has them: for each scale, int64 [B, T * S / stride]."""
        scales = codes.split([self.span // stride for stride in self.strides], dim=1)
        return [scale.transpose(1, 2).flatten(1) for scale in scales]

    def fold(self, scales: Sequence[Tensor]) -> Tensor:
        """Inverse of `unfold`."""
        slots = [self.span // stride for stride in self.strides]
        return torch.cat(
            [scale.unflatten(1, (-1, count)).transpose(1, 2) for scale, count in zip(scales, slots)], dim=1
        )

    def check(self, latents: Tensor) -> None:
        """UsageError: latents [B, D, n] whose n is no multiple of S."""
        if latents.shape[-1] % self.span:
            frames, span = latents.shape[-1], self.span
            raise UsageError(f"{frames} latent frames: a frame of codes takes {span}; pad the wav to whole ones")
