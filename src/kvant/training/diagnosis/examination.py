"""All measures of a codec on one batch, without disturbing the run they are taken from."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kvant.codec import Codec
from kvant.data import Batch
from kvant.training.diagnosis.drift import drift_measures
from kvant.training.diagnosis.gradients import Losses, gradient_measures
from kvant.training.diagnosis.levels import count_codes, residual_measures
from kvant.training.diagnosis.listening import Heard, codebooks_of, listening
from kvant.training.diagnosis.output import level_measures
from kvant.training.diagnosis.spectrum import buzz_measures, hole_measures, whistle_measures


class Examination(NamedTuple):
    """measures by name. counts: wins of each code by level. heard: what each codebook was asked. wav: the output."""

    measures: dict[str, float]
    counts: list[Tensor]
    heard: dict[int, Heard]
    wav: Tensor


@contextmanager
def undisturbed(*modules: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards every part's mode and torch's random numbers are as they were."""
    modes = [(part, part.training) for module in modules for part in module.modules()]
    with torch.random.fork_rng():
        for module in modules:
            module.eval()
        try:
            yield
        finally:
            for part, mode in modes:
                part.training = mode


def examine(codec: Codec, batch: Batch, losses: Losses) -> Examination:
    """Measure `codec` at full depth on `batch`; nothing learns from it, no statistics move."""
    with undisturbed(codec):
        with listening(codec) as heard:
            measures, reconstruction, latents = gradient_measures(codec, batch, losses)
        codes = codec.quantizer.encode(latents)
        measures |= residual_measures(codec.quantizer, latents, codes)
    wav = reconstruction.wav.detach()
    measures |= drift_measures(codebooks_of(codec), heard)
    measures |= level_measures(wav, batch.wav)
    measures |= hole_measures(wav, batch.wav, batch.bandwidth, codec.sample_rate)
    measures |= whistle_measures(wav, batch.wav, codec.sample_rate)
    measures |= buzz_measures(wav, batch.wav, codec.hop_length)
    return Examination(measures, count_codes(codes, codec.quantizer.codebook_sizes), heard, wav)
