"""The smallest codec that learns: two small networks around a quantizer, on the closed-form latents of real speech."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log10
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from kvant.entropy import entropy
from kvant.lab.bench import SAMPLE_RATE
from kvant.lab.latents import DIM, Latents
from kvant.losses.mel import MelLoss
from kvant.protocols import Quantized, Quantizer
from kvant.quantizers import UniformDropout

COMMITMENT = 0.25


@dataclass(frozen=True)
class Training:
    """steps of `items` stretches of `frames` frames each; Adam at `rate`; level dropout for a share of the items.

    guided: whether commitment and the codebook's losses are asked for, or the squared error alone.
    """

    steps: int = 800
    items: int = 16
    frames: int = 64
    rate: float = 1e-3
    dropout: float = 0.5
    guided: bool = True


class TinyCodec(nn.Module):
    """Frames [B, T, 64] of the closed form -> `dim` latents each -> quantizer -> [B, T, 64]. No frame sees another.

    With `Latents`, which leads from a wav to frames and back, a codec at 75 frames a second.
    """

    def __init__(self, quantizer: Quantizer, dim: int = 8, hidden: int = 128) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(DIM, hidden), nn.GELU(), nn.Linear(hidden, dim))
        self.quantizer = quantizer
        self.decoder = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, DIM))

    def forward(self, frames: Tensor, num_codebooks: int | Tensor | None = None) -> tuple[Tensor, Quantized]:
        """The estimate of frames [B, T, 64], and what was quantized on the way."""
        quantized = self.quantizer(self.encoder(frames).transpose(1, 2), num_codebooks)
        return self.decoder(quantized.latents.transpose(1, 2)), quantized


class Score(NamedTuple):
    """bitrate: kbit/s. snr: of the closed-form latents, dB. mel: log-mel distance of the wav.

    used, perplexity: of the codes of level 0. left: share of the energy of the codec's own latents that quantization
    leaves.
    """

    levels: int
    bitrate: float
    snr: float
    mel: float
    left: float
    used: int
    perplexity: float


def train(
    codec: TinyCodec,
    frames: Tensor,
    seed: int,
    plan: Training,
    watch: Callable[[int, float, Tensor], None] = lambda step, loss, codes: None,
) -> None:
    """On frames [n, 64]: squared error + 0.25 commitment + the codebook's own losses. watch: (step, loss, codes)."""
    generator = torch.Generator().manual_seed(seed)
    stretches = frames[: len(frames) // plan.frames * plan.frames].reshape(-1, plan.frames, DIM)
    optimizer = torch.optim.Adam(codec.parameters(), plan.rate)
    levels = len(codec.quantizer.codebook_sizes)
    codec.train()
    for step in range(plan.steps):
        batch = stretches[torch.randint(len(stretches), (plan.items,), generator=generator)]
        depths = UniformDropout(plan.dropout)(plan.items, levels, generator)
        estimate, quantized = codec(batch, depths)
        error = (estimate - batch).square().mean()
        weighted = [(COMMITMENT if name == "commitment" else 1) * loss for name, loss in quantized.losses.items()]
        optimizer.zero_grad()
        (error + sum(weighted) * plan.guided).backward()
        optimizer.step()
        watch(step, error.item(), quantized.codes)
    codec.eval()


@torch.no_grad()
def score(codec: TinyCodec, transform: Latents, wav: np.ndarray, levels: int) -> Score:
    """With the first `levels` levels, on wav float32 [n] that it has not heard."""
    frames = transform.encode(wav)[None]
    estimate, quantized = codec(frames, levels)
    latents = codec.encoder(frames).transpose(1, 2)
    noise = (estimate - frames).square().mean() / frames.square().mean()
    decoded = torch.from_numpy(transform.decode(estimate[0]))[None, None]
    reference = torch.from_numpy(wav[: decoded.shape[-1]])[None, None]
    counts = torch.bincount(quantized.codes[0, 0]).numpy()
    bits = float(np.log2(codec.quantizer.codebook_sizes[:levels]).sum())
    return Score(
        levels,
        bitrate=bits * SAMPLE_RATE / 320 / 1000,
        snr=-10 * log10(noise.item()),
        mel=MelLoss(SAMPLE_RATE)(decoded[..., : reference.shape[-1]], reference).item(),
        left=((latents - quantized.latents).square().mean() / latents.square().mean()).item(),
        used=int((counts > 0).sum()),
        perplexity=2 ** entropy(counts, corrected=False),
    )
