"""The estimator that CONTRIBUTING.md shows is one: it passes the laws, and has the gradient that it says."""

import inspect
import re
from pathlib import Path

import pytest
import torch

from kvant.protocols import GradientEstimator
from kvant.quantizers.gradients import GRADIENTS
from tests.laws import test_gradients

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILE, LINE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
LAWS = [law for name, law in vars(test_gradients).items() if name.startswith("test_")]
ALONE = [law for law in LAWS if list(inspect.signature(law).parameters) == ["gradient"]]


@pytest.fixture(scope="module")
def shown() -> GradientEstimator:
    names: dict[str, GradientEstimator] = {}
    exec(FILE, names)
    return names["cautious"]


@pytest.mark.parametrize("law", ALONE, ids=lambda law: law.__name__)
def test_the_laws_hold_for_it(law: object, shown: GradientEstimator) -> None:
    law(shown)


def test_most_laws_are_among_them() -> None:
    assert len(ALONE) >= 5


def test_the_line_is_the_list_with_one_more() -> None:
    listed = re.findall(r"\w+", LINE.partition("=")[2])
    assert listed == [*(kind.__name__ for kind in GRADIENTS), "cautious"]


def test_its_gradient_fades_with_the_error(shown: GradientEstimator) -> None:
    latents, quantized, upstream = torch.randn(3, 7, 5, dtype=torch.float64)
    (slope,) = torch.autograd.grad(shown(latents.requires_grad_(), quantized), latents, upstream)
    error = (quantized - latents).square().sum(-1, keepdim=True)
    torch.testing.assert_close(slope, upstream / (1 + error))
