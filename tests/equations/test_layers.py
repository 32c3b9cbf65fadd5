"""Convolution, ConvNeXt, compression and bands against direct computation."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from kvant.errors import UsageError
from kvant.layers.bands import Bands, band_edges
from kvant.layers.compression import compress, expand
from kvant.layers.context import ContextConfig, context_stack
from kvant.layers.conv import CausalConv1d
from kvant.layers.convnext import ConvNeXtBlock


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("kernel", "dilation", "groups"), [(1, 1, 1), (3, 1, 1), (3, 4, 2), (7, 2, 6)])
def test_convolution_is_torchs_with_left_padding(kernel: int, dilation: int, groups: int) -> None:
    layer = CausalConv1d(6, 12, kernel, dilation, groups)
    x = noise(2, 6, 30)
    padded = F.pad(x, ((kernel - 1) * dilation, 0))
    expected = F.conv1d(padded, layer.conv.weight, layer.conv.bias, dilation=dilation, groups=groups)
    torch.testing.assert_close(layer(x), expected)


def test_convnext_is_the_equation_of_its_docstring() -> None:
    block = ConvNeXtBlock(6, 10, kernel_size=5, dilation=3)
    x = noise(2, 6, 30)
    y = torch.zeros_like(x)
    weight, bias = block.depthwise.conv.weight[:, 0], block.depthwise.conv.bias
    padded = F.pad(x, (12, 0))
    for tap in range(5):
        y = y + weight[:, tap, None] * padded[..., 3 * tap : 3 * tap + 30]
    y = y + bias[:, None]
    centred = y - y.mean(1, keepdim=True)
    normal = centred / torch.sqrt(centred.square().mean(1, keepdim=True) + 1e-5)
    normal = normal * block.norm.weight[:, None] + block.norm.bias[:, None]
    hidden = torch.einsum("hc,bct->bht", block.expand.weight, normal) + block.expand.bias[:, None]
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    out = torch.einsum("ch,bht->bct", block.project.weight, hidden) + block.project.bias[:, None]
    torch.testing.assert_close(block(x), x + 0.1 * out, rtol=1e-5, atol=1e-5)


def test_a_stack_sees_as_far_back_as_its_dilations_add_up() -> None:
    """Each block of kernel 7 sees 6 dilations back: 6 * (1 + 1 + 2 + 2) = 36 frames, and not one more."""
    stack = context_stack(ContextConfig(channels=4, hidden=8, dilations=(1, 1, 2, 2)))
    x = noise(1, 4, 60).requires_grad_()
    (stack(x)[..., -1] * torch.arange(1.0, 5)).sum().backward()
    reached = (x.grad.abs().sum(1) > 0).flatten().nonzero().flatten()
    assert reached.tolist() == list(range(59 - 36, 60))


@pytest.mark.parametrize("exponent", [0.3, 0.6, 1.0])
def test_compression_is_odd_and_invertible(exponent: float) -> None:
    x = torch.cat([noise(100) * 3, torch.tensor([0.0, 1.0, -1.0, 1e-4, -1e-4])]).double()
    torch.testing.assert_close(expand(compress(x, exponent), exponent), x)
    assert torch.equal(compress(-x, exponent), -compress(x, exponent))
    torch.testing.assert_close(compress(10 * x, exponent), 10**exponent * compress(x, exponent))


def test_slope_of_expansion_is_zero_at_zero() -> None:
    x = torch.zeros(3, requires_grad=True)
    expand(x, 0.6).sum().backward()
    assert not x.grad.any()


@pytest.mark.parametrize(("bins", "bands"), [(320, 20), (16, 4), (160, 24)])
def test_bands_cover_every_bin_once(bins: int, bands: int) -> None:
    edges = band_edges(bins, bands, 12000)
    assert (edges[0], edges[-1], len(edges)) == (0, bins, bands + 1)
    assert min(b - a for a, b in itertools.pairwise(edges)) >= 2
    assert torch.equal(Bands(bins, bands, 12000).members.sum(1), torch.ones(bins))


@pytest.mark.parametrize(("bins", "bands"), [(64, 40), (8, 5), (320, 200)])
def test_more_bands_than_bins_for_them_are_refused(bins: int, bands: int) -> None:
    """A band without a bin would have no mean."""
    with pytest.raises(UsageError, match=f"num_bands={bands}: {bins} bins are too few"):
        Bands(bins, bands, 12000)


def test_wide_bands_have_equal_width_on_the_erb_rate_scale() -> None:
    """Where the two-bin minimum does not bind, edges are equal steps of log10(1 + f/229) to within half a bin."""
    edges = torch.tensor(band_edges(320, 20, 12000)).double() / 320 * 12000
    rates = torch.log10(1 + edges / 229)
    step = math.log10(1 + 12000 / 229) / 20
    slope = 1 / math.log(10) / (229 + edges)
    assert ((rates - step * torch.arange(21)).abs()[8:] <= (12000 / 320 / 2 * slope)[8:] + 1e-9).all()


def test_mean_of_spread_is_identity_and_spread_of_mean_keeps_energy() -> None:
    bands = Bands(320, 20, 12000)
    levels, spectrum = noise(5, 20), noise(5, 320).square()
    torch.testing.assert_close(bands.mean(bands.spread(levels)), levels)
    torch.testing.assert_close(bands.spread(bands.mean(spectrum)).sum(-1), spectrum.sum(-1))
    assert torch.equal(bands.spread(levels)[0, :2], levels[0, :1].repeat(2))
