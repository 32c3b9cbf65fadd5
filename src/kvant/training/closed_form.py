"""The closed-form start of the frame codec: KLT and residual k-means codebooks from data, before any gradient.

A network started from noise spends its first hours rediscovering a linear transform. A classical transform codec is
known in closed form instead: eigenvectors give the transform (`layers.klt`), Lloyd's algorithm the codebooks, level
by level on what the levels before leave.
"""

import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.decoders.frame import FrameDecoder
from kvant.encoders.frame import FrameEncoder
from kvant.errors import UsageError
from kvant.layers.klt import solve_klt
from kvant.quantizers.kmeans import kmeans
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
    encoder, quantizer, decoder = codec.encoder, codec.quantizer, codec.decoder
    if not (
        isinstance(encoder, FrameEncoder)
        and isinstance(quantizer, ResidualQuantizer)
        and isinstance(decoder, FrameDecoder)
    ):
        raise UsageError("only a frame codec has a closed form; train this one from k-means initialised codebooks")
    generator = torch.Generator().manual_seed(seed)
    features = sample_features(encoder, codec.pad(wav), max_frames, generator)
    latent_dim = len(encoder.klt.basis)
    mean, basis, variances = solve_klt(features, latent_dim)
    scale = variances[:latent_dim].mean().sqrt()
    encoder.klt.mean.copy_(mean)
    encoder.klt.basis.copy_(basis / scale)
    decoder.klt.mean.copy_(mean)
    decoder.klt.basis.copy_(basis * scale)
    residual = encoder.klt(features)
    left = {"klt": float(variances[latent_dim:].sum() / variances.sum())}
    energy = residual.square().mean()
    for level, codebook in enumerate(quantizer.codebooks):
        centres = kmeans(residual, codebook.size, iterations=12, generator=generator)
        codebook.replace(torch.ones(codebook.size, dtype=torch.bool), centres)
        codebook.steps.fill_(1)
        residual = residual - codebook.lookup(codebook.search(residual))
        left[f"level_{level}"] = float(residual.square().mean() / energy)
    return left
