"""The closed-form start of the frame codec: KLT and residual k-means codebooks from data, before any gradient.

A network started from noise spends its first hours rediscovering a linear transform. A classical transform codec is
known in closed form instead: eigenvectors give the transform (`layers.klt`), Lloyd's algorithm the codebooks, level
by level on what the levels before leave.
"""

import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.layers.klt import solve_klt
from kvant.quantizers.kmeans import kmeans


@torch.no_grad()
def solve_features(codec: Codec, wav: Tensor, max_frames: int, generator: torch.Generator) -> Tensor:
    """Features [n, F] of at most `max_frames` frames drawn from wav [B, 1, N]."""
    rows = []
    for part in wav.split(16):
        spectra = codec.encoder.analysis(codec.pad(part)).transpose(1, 2)
        rows.append(codec.encoder.features(spectra).flatten(0, 1))
    features = torch.cat(rows)
    return features[torch.randperm(len(features), generator=generator)[:max_frames]]


@torch.no_grad()
def solve(codec: Codec, wav: Tensor, max_frames: int = 60_000, seed: int = 0) -> dict[str, float]:
    """Set the codec's KLT and codebooks from wav [B, 1, N]; return the share of variance each stage leaves.

    The latents are scaled to a mean variance of 1 per dimension, so that losses on them mean the same for every codec.
    `klt`: share lost by keeping `latent_dim` dimensions. `level_k`: share of the latents' energy left after level k.
    """
    generator = torch.Generator().manual_seed(seed)
    features = solve_features(codec, wav, max_frames, generator)
    latent_dim = codec.encoder.klt.basis.shape[0]
    mean, basis, variances = solve_klt(features, latent_dim)
    scale = variances[:latent_dim].mean().sqrt()
    for klt, factor in ((codec.encoder.klt, 1 / scale), (codec.decoder.klt, scale)):
        klt.mean.copy_(mean)
        klt.basis.copy_(basis * factor)
    residual = codec.encoder.klt(features)
    left = {"klt": float(variances[latent_dim:].sum() / variances.sum())}
    energy = residual.square().mean()
    for level, codebook in enumerate(codec.quantizer.codebooks):
        centres = kmeans(residual, codebook.size, iterations=12, generator=generator)
        codebook.replace(torch.ones(codebook.size, dtype=torch.bool), centres)
        codebook.steps.fill_(1)
        residual = residual - codebook.lookup(codebook.search(residual))
        left[f"level_{level}"] = float(residual.square().mean() / energy)
    return left
