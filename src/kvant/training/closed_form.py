"""The closed-form start of the frame codec: KLT and residual k-means codebooks from data, before any gradient.

A network started from noise spends its first hours rediscovering a linear transform. A classical transform codec is
known in closed form instead: eigenvectors give the transform (`layers.klt`), Lloyd's algorithm the codebooks, level
by level on what the levels before leave. The same algorithm refits the codebooks when training has ended.
"""

import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.decoders.frame import FrameDecoder
from kvant.encoders.frame import FrameEncoder
from kvant.errors import UsageError
from kvant.layers.klt import solve_klt
from kvant.quantizers.kmeans import lloyd, random_centres
from kvant.quantizers.residual import ResidualQuantizer


@torch.no_grad()
def sample_features(encoder: FrameEncoder, wav: Tensor, max_frames: int, generator: torch.Generator) -> Tensor:
    """Features [n, F] of at most `max_frames` frames drawn from wav [B, 1, T * hop]."""
    rows = []
    for part in wav.split(16):
        spectra = encoder.analysis(part).transpose(1, 2)
        rows.append(encoder.features(spectra).flatten(0, 1))
    features = torch.cat(rows)
    return features[torch.randperm(len(features), generator=generator)[:max_frames]]


@torch.no_grad()
def solve(codec: Codec, wav: Tensor, max_frames: int = 60_000, seed: int = 0) -> dict[str, float]:
    """Set a frame codec's KLT and codebooks from wav [B, 1, N]; return the share of variance each stage leaves.

    The latents are scaled to a mean variance of 1 per dimension, so that losses on them mean the same for every codec.
    `klt`: share lost by keeping `latent_dim` dimensions. `level_k`: share of the latents' energy left after level k.
    UsageError: a codec that is not made of a frame encoder, a residual quantizer and a frame decoder.
    """
    quantizer = codec.quantizer
    if not isinstance(quantizer, ResidualQuantizer):
        raise UsageError("only residual codebooks have a closed form; train these from k-means initialised ones")
    generator = torch.Generator().manual_seed(seed)
    latents, lost = solve_transform(codec, wav, max_frames, generator)
    for codebook in quantizer.codebooks:
        codebook.steps.zero_()
    return {"klt": lost} | solve_codebooks(quantizer, latents, 12, generator)


@torch.no_grad()
def solve_transform(codec: Codec, wav: Tensor, max_frames: int, generator: torch.Generator) -> tuple[Tensor, float]:
    """Set a frame codec's KLT from wav [B, 1, N], whatever its quantizer; return latents [n, D], and the share lost.

    UsageError: a codec that is not made of a frame encoder and a frame decoder.
    """
    encoder, decoder = codec.encoder, codec.decoder
    if not (isinstance(encoder, FrameEncoder) and isinstance(decoder, FrameDecoder)):
        raise UsageError("only a frame codec has a closed form; train this one from k-means initialised codebooks")
    features = sample_features(encoder, codec.pad(wav), max_frames, generator)
    latent_dim = len(encoder.klt.basis)
    mean, basis, variances = solve_klt(features, latent_dim)
    scale = variances[:latent_dim].mean().sqrt()
    encoder.klt.mean.copy_(mean)
    encoder.klt.basis.copy_(basis / scale)
    decoder.klt.mean.copy_(mean)
    decoder.klt.basis.copy_(basis * scale)
    return encoder.klt(features), float(variances[latent_dim:].sum() / variances.sum())


@torch.no_grad()
def solve_codebooks(
    quantizer: ResidualQuantizer, latents: Tensor, iterations: int, generator: torch.Generator
) -> dict[str, float]:
    """Lloyd's algorithm, level by level, on what latents [n, D] leave; return the share of their energy left, by level.

    Codebooks that have trained start from where they are, new ones from random latents.
    """
    left = {}
    residual, energy = latents, latents.square().mean()
    for level, codebook in enumerate(quantizer.codebooks):
        trained = codebook.steps > 0
        start = codebook.vectors.clone() if trained else random_centres(residual, codebook.size, generator)
        centres = lloyd(residual, start, iterations, generator)
        codebook.replace(torch.ones(codebook.size, dtype=torch.bool), centres)
        codebook.keep()
        codes = torch.cat([codebook.search(part) for part in residual.split(16384)])
        residual = residual - codebook.lookup(codes)
        left[f"level_{level}"] = float(residual.square().mean() / energy)
    return left


@torch.no_grad()
def refit_codebooks(codec: Codec, wav: Tensor, seed: int = 0) -> dict[str, float]:
    """Put the codebooks of a trained codec at the cluster centres of its latents for wav [B, 1, N].

    In training they follow, by running means over small batches, an encoder that moves; this is where they were headed.
    A few iterations from where they are suffice, over a hundred frames per code or more: with fewer they overfit.
    Returns the share of the latents' energy left after each level, as `solve` does.
    """
    if not isinstance(codec.quantizer, ResidualQuantizer):
        raise UsageError("only residual codebooks can be refitted level by level")
    latents = torch.cat([codec.encoder(codec.pad(part)).transpose(1, 2).flatten(0, 1) for part in wav.split(16)])
    return solve_codebooks(codec.quantizer, latents, 6, torch.Generator().manual_seed(seed))
