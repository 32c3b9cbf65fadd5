"""Noise by place: white, normal, and nothing but a function of place and seed."""

import torch

from kvant.layers.noise_block import NoiseBlock, noise_at

LIKE = torch.empty(0, dtype=torch.float64)


def test_it_is_standard_normal() -> None:
    """Moments of 2^18 draws, each within 5 of its standard errors; tails as heavy as they should be."""
    n = noise_at(0, 2**18, 3, LIKE)
    error = len(n) ** -0.5
    assert abs(n.mean()) < 5 * error
    assert abs(n.square().mean() - 1) < 5 * error * 2**0.5
    assert abs(n.pow(3).mean()) < 5 * error * 15**0.5
    assert abs(n.pow(4).mean() - 3) < 5 * error * 96**0.5
    share = (n.abs() > 3).double().mean()
    assert abs(share - 0.0026998) < 5 * error * 0.0026998**0.5


def test_it_is_white_and_of_every_seed_another() -> None:
    n = torch.stack([noise_at(0, 2**16, seed, LIKE) for seed in range(4)])
    bound = 5 * n.shape[-1] ** -0.5
    for lag in (1, 2, 3, 8, 512):
        assert ((n[:, lag:] * n[:, :-lag]).mean(-1).abs() < bound).all()
    correlations = n @ n.T / n.shape[-1] - torch.eye(4)
    off = correlations[~torch.eye(4, dtype=torch.bool)]
    assert (off.abs() < bound).all()


def test_a_place_has_its_noise_wherever_one_starts() -> None:
    whole = noise_at(0, 1000, 1, LIKE)
    assert torch.equal(noise_at(317, 400, 1, LIKE), whole[317:717])
    assert torch.equal(noise_at(2**40 + 5, 10, 1, LIKE), noise_at(2**40, 15, 1, LIKE)[5:])


def test_the_block_scales_one_noise_for_each_channel() -> None:
    """y - x = n W x: rank one in time, the same for every item; W = 0 adds none; in training every item has its own."""
    block = NoiseBlock(3, seed=2).double().eval()
    x = torch.randn(2, 3, 50, dtype=torch.float64)
    added = block(x, start=70) - x
    torch.testing.assert_close(added, noise_at(70, 50, 2, x) * block.linear(x))
    block.train()
    ones = torch.ones(2, 3, 5000, dtype=torch.float64)
    noise = ((block(ones) - ones) / block.linear(ones)).detach()
    torch.testing.assert_close(noise, noise[:, :1].expand_as(noise))
    assert abs((noise[0, 0] * noise[1, 0]).mean()) < 5 * 5000**-0.5
    assert abs(noise.square().mean() - 1) < 5 * 5000**-0.5
    torch.nn.init.zeros_(block.linear.weight)
    assert torch.equal(block(x), x)
