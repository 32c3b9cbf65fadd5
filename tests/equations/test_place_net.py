"""Attention to the whole signal and group norms over it, against their definitions."""

import math

import pytest
import torch
from torch import Tensor, nn

from kvant.layers.place_net import GroupNormUnit, PlaceNet, WholeAttention


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 8, 11, generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_attention_is_a_mean_of_values_weighted_by_likeness(x: Tensor) -> None:
    torch.manual_seed(0)
    attention = WholeAttention(8, groups=2)
    y = nn.functional.group_norm(x, 2, eps=1e-6)
    q, k, v = (
        torch.einsum("oc,bct->bot", each.weight[..., 0], y) + each.bias[:, None]
        for each in (attention.q, attention.k, attention.v)
    )
    weights = (torch.einsum("bcq,bck->bqk", q, k) / math.sqrt(8)).softmax(dim=-1)
    expected = x + attention.out(torch.einsum("bqk,bck->bcq", weights, v))
    torch.testing.assert_close(attention(x), expected, rtol=0, atol=1e-5)


@torch.no_grad()
def test_attention_knows_no_order(x: Tensor) -> None:
    """Frames in another order give the same frames in that order: only convolutions tell where a frame is."""
    torch.manual_seed(0)
    attention, unit = WholeAttention(8, groups=2), GroupNormUnit(8, groups=2).eval()
    order = torch.randperm(11)
    torch.testing.assert_close(attention(x[..., order]), attention(x)[..., order], rtol=0, atol=1e-5)
    assert (unit(x[..., order]) - unit(x)[..., order]).abs().max() > 0.01


@torch.no_grad()
def test_it_hears_no_loudness(x: Tensor) -> None:
    """But for eps: its last norm takes mean and deviation away, over time, in every group."""
    net = PlaceNet(8, groups=2).eval()
    y = net(100 * x).unflatten(1, (2, 4)).flatten(2)
    torch.testing.assert_close(y.mean(-1), torch.zeros(2, 2), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.var(-1, correction=0), torch.ones(2, 2), rtol=0, atol=1e-4)
