"""Refined codes: nearer to the recording by the losses that are descended, in the same format, whatever the blocks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import kvant
from kvant.audio import read, resample
from kvant.bitstream import ABSENT
from kvant.checkpoint import load_codec
from kvant.codec import Codec
from kvant.codecs import snac
from kvant.errors import UsageError
from kvant.losses import DisturbanceLoss, LogMagnitudeLoss, LoudnessLoss
from kvant.refining import Refiner
from kvant.runtime import load
from kvant.runtime.models import DEFAULT, WEIGHTS, find
from kvant.runtime.search import Search

ASSETS = Path(kvant.__file__).parent / "assets"
LIMIT = 20.0


@pytest.fixture(scope="module")
def codec() -> Codec:
    return load_codec(find(DEFAULT) / WEIGHTS)


@pytest.fixture(scope="module")
def wav() -> np.ndarray:
    """Six seconds: three of speech, twice."""
    speech = resample(*read(ASSETS / "en.flac"), 24000)
    return np.concatenate([speech, speech], axis=1)[:, : 6 * 24000]


def refined(
    codec: Codec, wav: np.ndarray, steps: int, limit: float | None = None, sizes: tuple[int, ...] = ()
) -> Tensor:
    """Codes [C, K, T] of wav [C, N], pushed in blocks of so many frames, and the rest."""
    hops = codec.pad(torch.from_numpy(wav)).reshape(len(wav), -1, codec.hop_length).numpy()
    refiner = Refiner(codec, len(wav), Search(4, 1, limit, steps))
    parts = []
    for block in np.split(hops, np.cumsum(sizes), axis=1):
        parts += refiner.push(block)
    return torch.from_numpy(np.concatenate([*parts, *refiner.flush()], axis=-1))


def distance(codec: Codec, codes: Tensor, wav: np.ndarray) -> float:
    """What is descended, of the whole signal."""
    reference = torch.from_numpy(wav)[:, None]
    estimate = codec.decode(codes, wav.shape[1])
    losses = (30, LoudnessLoss(24000)), (4, DisturbanceLoss(24000)), (4, LogMagnitudeLoss())
    return float(sum(weight * loss(estimate, reference) for weight, loss in losses))


def test_without_a_step_codes_are_those_of_the_encoder(codec: Codec, wav: np.ndarray) -> None:
    """At all levels, and at depths of constant error, where they are those of the runtime."""
    short = wav[:, :30000]
    assert torch.equal(refined(codec, short, 0), codec.encode(torch.from_numpy(short)[:, None], 4))
    expected = load().encode(short, 24000, 4, limit=LIMIT).codes
    np.testing.assert_array_equal(refined(codec, short, 0, LIMIT).numpy(), expected)
    assert (expected == ABSENT).any()


@pytest.mark.parametrize("limit", [None, LIMIT])
def test_a_few_steps_come_nearer_at_the_same_depths(codec: Codec, wav: np.ndarray, limit: float | None) -> None:
    plain, better = (refined(codec, wav[:, :48000], steps, limit) for steps in (0, 8))
    assert torch.equal(plain == ABSENT, better == ABSENT)
    assert distance(codec, better, wav[:, :48000]) < 0.97 * distance(codec, plain, wav[:, :48000])


def test_blocks_and_other_channels_change_nothing(codec: Codec, wav: np.ndarray) -> None:
    """Pieces are those of the signal: two channels of six seconds in blocks are each of them in one go."""
    both = np.concatenate([wav, 0.5 * wav[:, ::-1]])
    together = refined(codec, both, 2, LIMIT, sizes=(1, 7, 300, 50))
    for channel, alone in zip(both, together):
        assert torch.equal(refined(codec, channel[None].copy(), 2, LIMIT)[0], alone)


def test_a_flushed_refiner_is_as_new(codec: Codec, wav: np.ndarray) -> None:
    refiner = Refiner(codec, 1, Search(4, refine=1))
    hops = codec.pad(torch.from_numpy(wav[:, :9600])).reshape(1, -1, codec.hop_length).numpy()
    first, second = (np.concatenate(refiner.push(hops) + refiner.flush(), axis=-1) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert refiner.flush() == []


def test_what_looks_ahead_is_refused() -> None:
    with pytest.raises(UsageError, match="causal"):
        Refiner(snac.build(snac.Config()), 1, Search(refine=1))
