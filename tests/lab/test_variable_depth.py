"""Depths frame by frame: what a decoder is told, and what it makes of it."""

import numpy as np
import torch

from kvant.lab.variable_depth import DEPTHS, pack, restored, unpack


def test_depths_come_back_and_repetition_is_cheap() -> None:
    rng = np.random.default_rng(0)
    mixed = rng.choice(DEPTHS, 500).tolist()
    assert unpack(pack(mixed), 500) == mixed
    assert len(pack(mixed)) > 500 * np.log2(len(DEPTHS)) / 8
    steady = [8] * 300 + [0] * 300
    assert unpack(pack(steady), 600) == steady
    assert len(pack(steady)) < 20


def test_a_frame_without_levels_holds_the_last_one() -> None:
    sums = torch.arange(3 * 5.0).reshape(3, 5, 1)  # depths 0, 1, 2 of five frames
    latents = restored(sums, [2, 0, 1, 0, 0])
    assert latents[:, 0].tolist() == [10, 10, 7, 7, 7]
