"""Published weights with a tensor of another shape: refused by name, wherever on the way it stops fitting."""

import pytest
import torch

from kvant.errors import ModelError
from kvant.importing.filling import fill
from kvant.importing.weight_norm import fold_weight_norm
from tests.importing import test_encodec, test_mimi

WEIGHTS = {
    "encodec": (test_encodec.TINY, test_encodec.tiny()[0]),
    "moshi": (test_mimi.TINY, test_mimi.weights("moshi")),
    "transformers": (test_mimi.TINY, test_mimi.weights("transformers")),
}
COMPUTED_WITH = [
    ("encodec", "encoder.model.0.conv.conv.weight_v"),
    ("encodec", "decoder.model.3.convtr.convtr.weight_v"),
    ("moshi", "decoder.model.2.convtr.convtr.weight"),
    ("moshi", "quantizer.rvq_first.vq.layers.0._codebook.cluster_usage"),
    ("moshi", "quantizer.rvq_first.vq.layers.0._codebook.embedding_sum"),
    ("transformers", "encoder_transformer.layers.0.self_attn.k_proj.weight"),
    ("transformers", "downsample.conv.weight"),
]
"""Layouts, and names of tensors that are more than renamed."""


@pytest.mark.parametrize("shape", [(), (3,), (0,), (3, 2), (3, 2, 1), (3, 2, 3), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize(("layout", "name"), COMPUTED_WITH)
def test_a_tensor_of_another_shape(layout: str, name: str, shape: tuple[int, ...]) -> None:
    published, state = WEIGHTS[layout]
    assert name in state
    with pytest.raises(ModelError):
        fill(published, state | {name: torch.ones(shape)})


@pytest.mark.parametrize("gain", [(4,), (3, 1), (4, 1, 1), (1, 5, 1)], ids=str)
def test_weight_norm_of_pairs_that_do_not_fit(gain: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"x\.weight_g"):
        fold_weight_norm({"x.weight_g": torch.ones(gain), "x.weight_v": torch.ones(3, 2, 2)})
