"""What is computed otherwise without gradient, for speed, is what torch computes with it."""

import pytest
import torch
from torch import Tensor, nn

from kvant.encoders.dac import encoder_block
from kvant.layers.channels_last import Conv1d, ConvTranspose1d, along_time
from kvant.layers.depthwise_conv import DepthwiseConv1d
from kvant.layers.elu import ELU
from kvant.layers.snake import Snake
from kvant.layers.transposed_conv import interleaved
from kvant.pieces import TILE, in_tiles
from kvant.receptive_field import receptive_field

LAYERS = {
    "one channel": lambda: Conv1d(1, 6, 7, padding=3),
    "dense": lambda: Conv1d(5, 6, 7, padding=3),
    "dilated": lambda: Conv1d(5, 6, 7, padding=9, dilation=3),
    "strided": lambda: Conv1d(5, 6, 4, stride=2, padding=1),
    "pointwise": lambda: Conv1d(5, 6, 1, bias=False),
    "groups": lambda: Conv1d(6, 6, 3, groups=2),
    "heavy, dilated": lambda: Conv1d(130, 90, 7, padding=9, dilation=3),
    "heavy, strided": lambda: Conv1d(130, 90, 8, stride=4, padding=2),
    "transposed": lambda: ConvTranspose1d(5, 6, 6, stride=3, padding=2, output_padding=1),
    "depthwise": lambda: DepthwiseConv1d(5, 7),
    "depthwise, dilated": lambda: DepthwiseConv1d(5, 7, dilation=9),
    "snake": lambda: Snake(5),
    "elu": ELU,
}


def signal(channels: int, length: int, last: bool) -> Tensor:
    """[2, channels, length], channels side by side in memory if `last`."""
    x = torch.randn(2, length, channels, generator=torch.Generator().manual_seed(0)).transpose(1, 2)
    return x if last else x.contiguous()


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("length", [20, 40, 2000])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_give_what_they_give_with_gradient(name: str, length: int, last: bool) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name]()
    x = signal(getattr(layer, "in_channels", 5), length, last)
    expected = layer(x.requires_grad_())
    assert expected.requires_grad
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), expected.detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("last", [False, True])
def test_parts_joined_and_phases_interleaved_keep_their_layout(last: bool) -> None:
    x, before = signal(6, 9, last), signal(6, 2, False)
    joined = along_time(before, x)
    assert torch.equal(joined, torch.cat([before, x], -1))
    phases = interleaved(x, 3)
    assert torch.equal(phases, x.unflatten(1, (2, 3)).transpose(2, 3).flatten(2))
    for made in (joined, phases):
        assert (made.stride(1) == 1) == last


def test_a_large_signal_goes_through_a_block_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the whole; a block whose activations fit a cache goes through at once."""
    torch.manual_seed(0)
    block, heard = encoder_block(16, 4), []
    forward = nn.Sequential.forward
    monkeypatch.setattr(
        nn.Sequential,
        "forward",
        lambda self, x: (heard.append(x.shape[-1]) if self is block else None, forward(self, x))[1],
    )
    x, field = torch.randn(1, 16, TILE // 4), receptive_field(block)
    with torch.inference_mode():
        expected = block(x)
        assert heard == [x.shape[-1]]
        torch.testing.assert_close(in_tiles(block, field, x, 0), expected, rtol=0, atol=1e-5)
        assert len(heard) > 3
        assert max(heard[1:]) < x.shape[-1] / 3
        heard.clear()
        in_tiles(block, field, x[..., :4000], 0)
        assert heard == [4000]
