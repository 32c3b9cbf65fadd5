"""Folded weight norm against torch's own, in each spelling."""

import warnings

import pytest
import torch
from torch import nn

from kvant.errors import ModelError
from kvant.importing.weight_norm import fold_weight_norm

LAYERS = [
    lambda: nn.Conv1d(3, 5, 4),
    lambda: nn.Conv1d(4, 4, 3, groups=4),
    lambda: nn.ConvTranspose1d(3, 5, 4),
    lambda: nn.Linear(3, 1),
]


@pytest.mark.parametrize("build", LAYERS)
@pytest.mark.parametrize("spelling", ["hook", "parametrization", "over everything"])
def test_folded_layers_compute_what_torchs_do(build: object, spelling: str) -> None:
    torch.manual_seed(0)
    plain, normed = build(), build()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if spelling == "parametrization":
            nn.utils.parametrizations.weight_norm(normed)
        else:
            nn.utils.weight_norm(normed, dim=0 if spelling == "hook" else None)
    with torch.no_grad():
        for parameter in normed.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    folded = fold_weight_norm(normed.state_dict())
    plain.load_state_dict(folded, strict=True)
    x = torch.randn(2, 3 if plain.weight.shape[1] == 3 or isinstance(plain, nn.ConvTranspose1d) else 4, 9)
    x = x.transpose(1, 2) if isinstance(plain, nn.Linear) else x
    torch.testing.assert_close(plain(x), normed(x), rtol=1e-6, atol=1e-6)
    assert fold_weight_norm(folded).keys() == folded.keys()


def test_names_keep_their_prefix_and_the_rest_passes() -> None:
    state = {
        "a.b.weight_g": torch.ones(2, 1),
        "a.b.weight_v": torch.tensor([[3.0, 4.0], [0.0, 2.0]]),
        "a.b.bias": torch.ones(2),
        "c.parametrizations.weight.original0": torch.full((1, 1), 10.0),
        "c.parametrizations.weight.original1": torch.tensor([[3.0, 4.0]]),
        "d.weight": torch.ones(1),
    }
    folded = fold_weight_norm(state)
    assert sorted(folded) == ["a.b.bias", "a.b.weight", "c.weight", "d.weight"]
    torch.testing.assert_close(folded["a.b.weight"], torch.tensor([[0.6, 0.8], [0.0, 1.0]]))
    torch.testing.assert_close(folded["c.weight"], torch.tensor([[6.0, 8.0]]))
    assert len(state) == 6, "the state given is left alone"


@pytest.mark.parametrize("lost", ["x.weight_g", "x.weight_v"])
def test_half_a_pair_is_refused(lost: str) -> None:
    state = {"x.weight_g": torch.ones(2, 1), "x.weight_v": torch.ones(2, 3)}
    del state[lost]
    with pytest.raises(ModelError, match="weight norm needs"):
        fold_weight_norm(state)


def test_a_zero_direction_is_refused() -> None:
    with pytest.raises(ModelError, match="zero direction"):
        fold_weight_norm({"weight_g": torch.ones(2, 1), "weight_v": torch.tensor([[1.0], [0.0]])})
