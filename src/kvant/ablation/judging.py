"""What a trained cell is worth, on audio it has not heard."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kvant.ablation.fixed import natural_depths
from kvant.ablation.results import Level, Rate
from kvant.codec import Codec
from kvant.data import Segments
from kvant.evaluation.clip import Clip
from kvant.evaluation.metrics import Metric
from kvant.evaluation.scoring import score
from kvant.training.diagnosis.levels import count_codes, usage_measures

LOOKS, ITEMS = 20, 16
"""Batches of held-out segments in which codes are counted, and segments in each: 24,000 frames of 1 s segments."""


@torch.no_grad()
def judge_rates(codec: Codec, clips: Sequence[Clip], metrics: Sequence[Metric], held_out: Segments) -> list[Rate]:
    """Distortion of latents over `held_out`, and mean scores over `clips`, at 1, 2, 4 ... levels and at all.

    Where a score is undefined for some clip the mean is over the others. In evaluation mode what a codec makes of a wav
    is what its codes decode to, so nothing is encoded and decoded apart.
    """
    rates = []
    latents = [codec.encoder(codec.pad(held_out.batch(index, ITEMS).wav)) for index in range(LOOKS)]
    for depth in natural_depths(codec.num_codebooks) or (None,):
        scores: dict[str, list[float]] = {metric.name: [] for metric in metrics}
        for clip in clips:
            estimate = codec(torch.from_numpy(clip.wav)[None, None], depth).wav[0, 0].clamp(-1, 1).numpy()
            for metric in metrics:
                scores[metric.name].append(score(metric, estimate, clip.wav, clip.sample_rate)[0])
        means = {name: _mean(values) for name, values in scores.items()}
        bits = sum(map(math.log2, codec.quantizer.codebook_sizes[:depth]))
        rates.append(Rate(depth or 0, codec.frame_rate * bits, latent_snr(codec, latents, depth), means))
    return rates


def latent_snr(codec: Codec, latents: Sequence[Tensor], depth: int | None) -> float:
    """10 log10 of the energy of latents over that of what `depth` levels leave of them, in dB, over all [B, D, T]."""
    energy = sum(float(each.square().sum()) for each in latents)
    left = sum(float((each - codec.quantizer(each, depth).latents).square().sum()) for each in latents)
    return 10 * math.log10(energy / left) if left and energy else math.nan


@torch.no_grad()
def judge_levels(codec: Codec, held_out: Segments) -> list[Level]:
    """How each level's codes are used on `held_out`."""
    sizes = codec.quantizer.codebook_sizes
    counts = [torch.zeros(size, dtype=torch.int64) for size in sizes]
    for index in range(LOOKS if sizes else 0):
        codes = codec.encode(held_out.batch(index, ITEMS).wav)
        counts = [before + now for before, now in zip(counts, count_codes(codes, sizes))]
    measures = usage_measures(counts)
    return [
        Level(
            measures[f"level_{level}/usage"],
            measures[f"level_{level}/perplexity"],
            size,
            int(counts[level].sum()),
        )
        for level, size in enumerate(sizes)
    ]


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan
