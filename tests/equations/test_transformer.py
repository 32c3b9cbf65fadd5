"""Rotary positions, windowed attention and transformer blocks against their equations, computed plainly."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kvant.errors import UsageError
from kvant.layers.rotary import Rotary
from kvant.layers.transformer import TransformerBlock, TransformerConfig, transformer
from kvant.layers.windowed_attention import WindowedAttention


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


class TestRotary:
    def test_pairs_of_neighbours_are_complex_numbers_that_turn(self) -> None:
        x, positions = noise(2, 3, 5, 8), torch.tensor([[0, 1, 2, 3, 4], [7, 8, 9, 10, 11]])
        rates = torch.tensor([100.0 ** (-2 * pair / 8) for pair in range(4)], dtype=torch.float64)
        turn = torch.exp(1j * positions[:, None, :, None] * rates)
        expected = torch.view_as_real(torch.view_as_complex(x.double().unflatten(-1, (-1, 2))) * turn).flatten(-2)
        torch.testing.assert_close(Rotary(8, max_period=100.0)(x, positions), expected.float())

    def test_products_depend_on_the_distance_alone_for_years(self) -> None:
        """2^31 frames at 25 Hz are more than two years; in float32 the first angle would be off by tens of radians."""
        rotary, query, key = Rotary(64), noise(1, 1, 1, 64), noise(1, 1, 1, 64).flip(-1)

        def product(position: int, distance: int) -> Tensor:
            there, here = torch.tensor([[position]]), torch.tensor([[position + distance]])
            return (rotary(query, here) * rotary(key, there)).sum()

        for distance in (0, 1, 17, 249):
            near, far = product(0, distance), product(2**31, distance)
            assert abs(near - far) < 1e-5 * query.norm() * key.norm()
        assert abs(product(0, 0) - product(0, 1)) > 0.1

    def test_half_precision_stays(self) -> None:
        assert Rotary(4)(noise(1, 1, 2, 4).half(), torch.zeros(1, 2, dtype=torch.int64)).dtype == torch.float16


def plainly(layer: WindowedAttention, x: Tensor) -> Tensor:
    """The equation of the docstring, a frame, a head and a key at a time."""
    batch, channels, length = x.shape
    size = channels // layer.heads
    rates = [10000.0 ** (-2 * pair / size) for pair in range(size // 2)]

    def turned(vector: Tensor, position: int) -> Tensor:
        turn = torch.tensor([complex(math.cos(position * rate), math.sin(position * rate)) for rate in rates])
        return torch.view_as_real(torch.view_as_complex(vector.reshape(-1, 2).contiguous()) * turn).flatten()

    frames = []
    for item in x:
        query, key, value = (layer.into.weight @ item).reshape(3, layer.heads, size, length)
        for t in range(length):
            first, answer = max(0, t - layer.window + 1), []
            for q, k, v in zip(query, key, value):
                asked = [turned(q[:, t], t) @ turned(k[:, s], s) / size**0.5 for s in range(first, t + 1)]
                answer.append(v[:, first : t + 1] @ torch.stack(asked).softmax(0))
            frames.append(layer.out.weight @ torch.cat(answer))
    return torch.stack(frames).reshape(batch, length, channels).transpose(1, 2)


@pytest.mark.parametrize("window", [1, 4, 50])
def test_attention_is_the_equation_of_its_docstring(window: int) -> None:
    torch.manual_seed(0)
    layer, x = WindowedAttention(8, heads=2, window=window), noise(2, 8, 12)
    with torch.no_grad():
        layer.into.weight.mul_(3)
        torch.testing.assert_close(layer(x), plainly(layer, x), rtol=1e-5, atol=1e-6)


def test_attention_a_window_at_a_time_is_attention_at_once() -> None:
    """As graphs have it; from the beginning, and amid streams of different ages."""
    layer, queries, keys, values = (
        WindowedAttention(8, 2, 5),
        noise(3, 2, 13, 4),
        noise(3, 2, 17, 4),
        noise(3, 2, 17, 4),
    )
    for heard in ([0, 0, 0], [0, 2, 100]):
        ages = torch.tensor(heard)
        at_once = layer._answer(queries, keys, values, ages)
        torch.testing.assert_close(layer._answers(queries, keys, values, ages), at_once)
    assert (at_once[0, :, 0] - values[0, :, 4]).abs().max() < 1e-6, "what begins asks itself alone"


def test_attention_forgets_what_left_the_window() -> None:
    """Frame 9 asks frames 5 to 9, all of them, and no others."""
    layer, x = WindowedAttention(8, heads=2, window=5), noise(1, 8, 12).requires_grad_()
    (gradient,) = torch.autograd.grad(layer(x)[..., 9].square().sum(), x)
    assert (gradient != 0).any(1).flatten().tolist() == [False] * 5 + [True] * 5 + [False] * 2


def test_attention_does_not_care_when_it_began() -> None:
    """Beyond the window, positions cancel: the same frames are answered alike, whatever came before."""
    layer, x = WindowedAttention(8, heads=2, window=5), noise(1, 8, 12)
    torch.testing.assert_close(layer(torch.cat([noise(1, 8, 30), x], dim=-1))[..., 34:], layer(x)[..., 4:])


def test_heads_that_cannot_turn_are_refused() -> None:
    for channels, heads, window in ((8, 3, 5), (6, 2, 5), (8, 2, 0)):
        with pytest.raises(UsageError, match="heads need an even number"):
            WindowedAttention(channels, heads, window)


def test_block_is_the_equation_of_its_docstring() -> None:
    torch.manual_seed(0)
    block, x = TransformerBlock(8, TransformerConfig(heads=2, hidden=12, window=4)), noise(2, 8, 10)
    with torch.no_grad():
        for parameter in (block.attention_scale, block.scale, block.norm.bias, block.attention_norm.weight):
            parameter.normal_()

        def normal(y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
            centred = y - y.mean(1, keepdim=True)
            return centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt() * weight[:, None] + bias[:, None]

        attended = block.attention(normal(x, block.attention_norm.weight, block.attention_norm.bias))
        h = x + block.attention_scale[:, None] * attended
        hidden = F.gelu(block.expand.weight @ normal(h, block.norm.weight, block.norm.bias))
        torch.testing.assert_close(block(x), h + block.scale[:, None] * (block.project.weight @ hidden))


def test_a_fresh_stack_is_close_to_the_identity() -> None:
    stack, x = transformer(8, TransformerConfig(layers=3, heads=2, hidden=12, window=4)), noise(1, 8, 10)
    y = stack(x)
    assert 0 < (y - x).norm() < 0.1 * x.norm()
    assert len(stack.parts) == 3
