"""Laws of causal parts: every cutting of the input, every batch, gives the whole-signal output; nothing sees ahead."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kvant.streaming import Causal, flatten_state, select_streams, stepwise, unflatten_state
from tests.laws.implementers import CAUSAL, Part, causal_classes
from tests.wide_awake import wake

UNITS = 21
PARTS = [pytest.param(CAUSAL[kind], id=kind.__name__) for kind in causal_classes() if kind in CAUSAL]
every_part = pytest.mark.parametrize("part", PARTS)


def built(part: Part, batch: int = 3) -> tuple[Causal, Tensor]:
    """The part with nothing at zero, and noise to put in."""
    torch.manual_seed(0)
    causal = part.build().eval()
    wake(causal)
    return causal, torch.randn(batch, part.channels, UNITS * part.unit)


def assert_close(a: Tensor, b: Tensor) -> None:
    """Equal within 1e-5 of the signal's scale."""
    assert a.shape == b.shape
    assert (a - b).abs().max() <= 1e-5 * b.abs().max()


@every_part
@pytest.mark.parametrize("sizes", [[1] * 21, [2] * 10 + [1], [3] * 7, [7] * 3, [5, 1, 9, 2, 4]], ids=str)
def test_steps_equal_the_whole(part: Part, sizes: list[int]) -> None:
    causal, x = built(part)
    with torch.no_grad():
        assert_close(stepwise(causal, x, [size * part.unit for size in sizes]), causal(x))


@every_part
@settings(max_examples=15, deadline=None, derandomize=True)
@given(cuts=st.sets(st.integers(1, UNITS - 1)))
def test_any_cutting_equals_the_whole(part: Part, cuts: set[int]) -> None:
    causal, x = built(part)
    edges = [0, *sorted(cuts), UNITS]
    with torch.no_grad():
        assert_close(stepwise(causal, x, [(b - a) * part.unit for a, b in itertools.pairwise(edges)]), causal(x))


@every_part
@pytest.mark.parametrize("now", [1, 4, 20])
def test_output_is_untouched_by_what_comes_later(part: Part, now: int) -> None:
    """Loud as that may be. (A NaN would be heard through weights of zero, those of attention to what is masked.)"""
    causal, x = built(part)
    poisoned = x.clone()
    poisoned[..., now * part.unit :] *= 1e6
    with torch.no_grad():
        whole, other = causal(x), causal(poisoned)
    before = now * whole.shape[-1] // UNITS
    assert torch.equal(whole[..., :before], other[..., :before])


@every_part
def test_streams_of_a_batch_do_not_mix(part: Part) -> None:
    causal, x = built(part)
    with torch.no_grad():
        whole = causal(x)
        for item in range(len(x)):
            assert_close(causal(x[item : item + 1]), whole[item : item + 1])


@every_part
def test_a_stream_can_be_taken_out_of_a_batch_midway(part: Part) -> None:
    causal, x = built(part)
    first, rest = x.split([8 * part.unit, 13 * part.unit], dim=-1)
    with torch.no_grad():
        _, state = causal.step(first, causal.initial_state(len(x)))
        together, _ = causal.step(rest, state)
        alone, _ = causal.step(rest[1:2], select_streams(state, slice(1, 2)))
    assert_close(alone, together[1:2])


@every_part
def test_a_state_is_a_value_and_forks(part: Part) -> None:
    """A step leaves the state it was given as it was, so that two continuations from it agree."""
    causal, x = built(part)
    first, rest = x.split([8 * part.unit, 13 * part.unit], dim=-1)
    with torch.no_grad():
        _, state = causal.step(first, causal.initial_state(len(x)))
        kept = [tensor.clone() for tensor in flatten_state(state)]
        once, _ = causal.step(rest, state)
        twice, _ = causal.step(rest, state)
    assert torch.equal(once, twice)
    assert all(torch.equal(a, b) for a, b in zip(kept, flatten_state(state), strict=True))


@every_part
def test_state_is_zero_at_first_and_never_grows(part: Part) -> None:
    """Engines without this code start a stream from zeros, and a stream of days needs no more memory than one step."""
    causal, x = built(part)
    start = flatten_state(causal.initial_state(len(x)))
    assert not any(tensor.any() for tensor in start)
    with torch.no_grad():
        for units in (1, UNITS):
            _, state = causal.step(x[..., : units * part.unit], causal.initial_state(len(x)))
            after = flatten_state(state)
            assert [(t.shape, t.dtype) for t in after] == [(t.shape, t.dtype) for t in start]
    assert all(tensor.shape[0] == len(x) for tensor in start)


@every_part
def test_flat_states_unflatten_to_the_same_stream(part: Part) -> None:
    causal, x = built(part)
    first, rest = x.split([8 * part.unit, 13 * part.unit], dim=-1)
    with torch.no_grad():
        _, state = causal.step(first, causal.initial_state(len(x)))
        restored = unflatten_state(flatten_state(state), causal.initial_state(1))
        assert torch.equal(causal.step(rest, restored)[0], causal.step(rest, state)[0])


def test_a_part_without_a_step_says_so() -> None:
    class Unfinished(Causal):
        pass

    with pytest.raises(TypeError, match="Unfinished must define step"):
        Unfinished()(torch.zeros(1, 1, 1))
