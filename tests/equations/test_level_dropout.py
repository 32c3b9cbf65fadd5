"""Policies of level dropout: which depths, and how often."""

import dataclasses
import json

import pytest
import torch

from kvant.quantizers import LEVEL_DROPOUTS, NoDropout, StructuredDropout, UniformDropout


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shares(policy: object, full: int) -> torch.Tensor:
    return torch.bincount(policy(20_000, full, generator()), minlength=full + 1) / 20_000


def test_none_uses_all() -> None:
    assert NoDropout()(5, 8, generator()).tolist() == [8] * 5


def test_uniform_draws_every_depth_alike() -> None:
    """All levels are drawn too: p / K on top of 1 - p."""
    expected = torch.tensor([0, *[0.15] * 3, 0.15 + 0.4])
    torch.testing.assert_close(shares(UniformDropout(0.6), 4), expected, rtol=0, atol=0.015)


def test_structured_draws_the_depths_given() -> None:
    expected = torch.tensor([0, 0.25, 0.25, 0, 0.25, 0, 0, 0, 0.25])
    torch.testing.assert_close(shares(StructuredDropout((1, 2, 4), 0.75), 8), expected, rtol=0, atol=0.015)


@pytest.mark.parametrize("policy", [UniformDropout(0.0), StructuredDropout((1, 2), 0.0)])
def test_with_probability_zero_it_never_strikes(policy: object) -> None:
    assert set(policy(500, 8, generator()).tolist()) == {8}


def test_with_probability_one_it_always_strikes() -> None:
    assert set(StructuredDropout((1, 2), 1.0)(500, 8, generator()).tolist()) == {1, 2}
    assert set(UniformDropout(1.0)(500, 3, generator()).tolist()) == {1, 2, 3}


@pytest.mark.parametrize("kind", LEVEL_DROPOUTS)
def test_same_generator_same_depths_and_the_policy_is_a_json_able_value(kind: type) -> None:
    policy = kind((1, 2)) if kind is StructuredDropout else kind()
    assert torch.equal(policy(50, 4, generator(7)), policy(50, 4, generator(7)))
    fields = json.loads(json.dumps(dataclasses.asdict(policy)))
    assert (
        kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}) == policy
    )
