"""A step of training of the official Mimi: its waveform, its commitment, its gradients, what its codebooks learn.

How to install it is said in `test_mimi_codec.py`; without it these tests are skipped. The package has no distillation
of the semantic level, and no discriminators.
"""

from typing import Any

import pytest
import torch

from kvant.codec import Codec
from kvant.codecs import mimi_layouts
from kvant.quantizers.codebooks import EMACodebook
from kvant.quantizers.gradients import Unquantized
from tests.peers.official_mimi import HOP, small_pair
from tests.peers.training_steps import assert_same_gradients
from tests.speech import speech

pytest.importorskip("einops")


@pytest.fixture
def pair() -> tuple[Any, Codec]:
    """(theirs, ours) in the midst of training, with the same statistics of codebooks; each test has its own."""
    theirs, ours = small_pair()
    for official, book in zip(official_books(theirs), books(ours), strict=True):
        official._initialized.fill_(1)
        book.counts.copy_(official.cluster_usage)
        book.sums.copy_(official.embedding_sum)
    return theirs.train(), ours.train()


def official_books(theirs: Any) -> list[Any]:
    """The semantic one first."""
    return [level._codebook for side in sides(theirs) for level in side.vq.layers]


def sides(theirs: Any) -> tuple[Any, Any]:
    return theirs.quantizer.rvq_first, theirs.quantizer.rvq_rest


def books(ours: Codec) -> list[EMACodebook]:
    return [module for module in ours.modules() if isinstance(module, EMACodebook)]


def quantize(ours: Codec, share: float) -> None:
    """Both sides let so many items go unquantized."""
    for part in ours.modules():
        if hasattr(part, "gradient"):
            part.gradient = Unquantized(share)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_step_of_training_is_its(pair: tuple[Any, Codec], share: float) -> None:
    """Half of the items go unquantized, each side drawing its own. Codebooks learn from them as from the others."""
    theirs, ours = pair
    for side in sides(theirs):
        side.no_quantization_rate = share
    if share != 0.5:
        quantize(ours, share)
    clean = speech(0.4, batch=8, seed=5)[..., : 20 * HOP]
    wav, other = clean.clone().requires_grad_(), clean.clone().requires_grad_()
    torch.manual_seed(3)
    expected = theirs(other)
    torch.manual_seed(3)
    result = ours(wav)
    heard, commitment = result.wav, result.quantized.losses["commitment"]
    assert torch.equal(result.quantized.codes, expected.codes)
    torch.testing.assert_close(heard, expected.x, rtol=0, atol=1e-5 * float(expected.x.detach().abs().max()))
    torch.testing.assert_close(commitment, expected.penalty)
    for official, book in zip(official_books(theirs), books(ours), strict=True):
        torch.testing.assert_close(book.counts, official.cluster_usage)
        torch.testing.assert_close(book.sums, official.embedding_sum, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(book.weight, official.embedding, rtol=1e-5, atol=1e-5)
    ((heard - clean).abs().mean() + commitment).backward()
    ((expected.x - clean).abs().mean() + expected.penalty).backward()
    assert wav.grad is not None
    assert other.grad is not None
    torch.testing.assert_close(wav.grad, other.grad, rtol=0, atol=1e-4 * float(other.grad.abs().max()))
    assert_same_gradients(theirs, ours, mimi_layouts.from_official)
