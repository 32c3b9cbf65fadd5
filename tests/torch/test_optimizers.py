"""Who learns how fast: a rate by part, and no weight decay where it would move what nobody uses."""

import dataclasses

import pytest
from torch import nn

from kvant.codecs import ablation
from kvant.quantizers import TrackedCodebook
from kvant.training.config import OptimConfig
from kvant.training.optimizers import codec_optimizer

OPTIM = dataclasses.replace(OptimConfig(), learning_rate=1e-3, weight_decay=0.01, codebook_scale=7.0)


@pytest.mark.parametrize("quantizer", ["ResidualQuantizer", "ProjectedQuantizer", "GroupedQuantizer"])
@pytest.mark.parametrize("codebook", ["LearnedCodebook", "SimVQCodebook", "AffineCodebook"])
def test_codebooks_have_a_rate_of_their_own_and_no_decay_wherever_they_are(quantizer: str, codebook: str) -> None:
    config = ablation.QuantizerConfig(quantizer=quantizer, codebook=codebook)
    codec = ablation.build(ablation.Config(quantizer=config))
    groups = {own: group for group in codec_optimizer(codec, OPTIM).param_groups for own in group["params"]}
    books = [own for part in codec.modules() if isinstance(part, TrackedCodebook) for own in part.parameters()]
    assert len(books) >= 4
    assert all((groups[own]["peak"], groups[own]["weight_decay"]) == (7e-3, 0.0) for own in books)
    linear = codec.decoder.leave
    assert isinstance(linear, nn.Linear)
    assert (groups[linear.weight]["peak"], groups[linear.weight]["weight_decay"]) == (1e-3, 0.01)
    assert groups[linear.bias]["weight_decay"] == 0.0
    assert set(groups) == set(codec.parameters())
