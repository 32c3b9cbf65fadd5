"""Feeds: whatever blocks frames come in, what comes out is the whole, no later than it can be."""

from math import inf

import numpy as np
import pytest

from kvant.bitstream import ABSENT
from kvant.errors import UsageError
from kvant.runtime.feeds import Axes, Feed, Overlap, PieceFeed, StepFeed, joined
from kvant.runtime.graph import State
from kvant.runtime.reach import reach_of

FRAMES = 40
SIZES = [[1], [3], [7, 0, 2], [100]]
SIGNAL = {"hop_length": 320}


class Window:
    """Looks ahead: row t of its output [B, 1, T] sums frames t - before .. t + behind of [B, 1, T], and numbers it."""

    def __init__(self, before: int, behind: int) -> None:
        self.before, self.behind = before, behind
        self.longest = 0

    def initial_state(self, batch: int) -> State:
        raise AssertionError("it has none")

    def step(self, block: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        frames = block.shape[2]
        self.longest = max(self.longest, frames)
        padded = np.pad(block, ((0, 0), (0, 0), (self.before, self.behind)))
        sums = sum(padded[..., shift : shift + frames] for shift in range(self.before + self.behind + 1))
        return sums + 1000 * (state[0][:, None, None] + np.arange(frames)), ()


class Total:
    """Steps: the sum so far; it refuses a first block of fewer than `first` frames when another follows."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.longest = 0

    def initial_state(self, batch: int) -> State:
        return (np.zeros((batch, 1, 1)), np.zeros(batch))

    def step(self, block: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        total, heard = state
        self.longest = max(self.longest, block.shape[2])
        assert (heard == 0).all() or (heard >= self.first).all()
        sums = total + block.cumsum(axis=2)
        return sums, (sums[..., -1:], heard + block.shape[2])


def run(feed: Feed, x: np.ndarray, sizes: list[int]) -> tuple[np.ndarray, list[int]]:
    """What comes out, and how much of it has come when so much has gone in."""
    outputs, come, start, turn = [np.zeros((2, 1, 0))], [0] * (x.shape[2] + 1), 0, 0
    while start < x.shape[2]:
        size = sizes[turn % len(sizes)]
        outputs += feed.push(x[..., start : start + size])
        start, turn = start + size, turn + 1
        come[min(start, x.shape[2]) :] = [sum(block.shape[2] for block in outputs)] * (x.shape[2] + 1 - start)
    return np.concatenate([*outputs, *feed.flush()], axis=2), come


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).integers(100, size=(2, 1, FRAMES))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize(("before", "behind"), [(0, 0), (3, 2), (0, 5), (4, 0), (60, 60)])
def test_pieces_are_the_whole_and_wait_for_their_overlap_alone(
    x: np.ndarray, before: int, behind: int, sizes: list[int]
) -> None:
    whole, _ = Window(before, behind).step(x, (np.zeros(2, int),))
    window = Window(before, behind)
    feed = PieceFeed(window, 2, Axes(2, 2), Overlap(before, behind), most=6)
    for _ in range(2):
        out, come = run(feed, x, sizes)
        np.testing.assert_array_equal(out, whole)
        if sizes == [1]:
            assert come == [max(n - behind, 0) for n in range(FRAMES + 1)]
    assert window.longest <= before + 6 + behind


def test_one_frame_less_is_not_enough(x: np.ndarray) -> None:
    whole, _ = Window(3, 2).step(x, (np.zeros(2, int),))
    for overlap in (Overlap(2, 2), Overlap(3, 1)):
        out, _ = run(PieceFeed(Window(3, 2), 2, Axes(2, 2), overlap, most=6), x, [5])
        assert (out != whole).any()


def test_what_hears_everything_gives_it_at_the_end_and_takes_no_more_than_memory_may_hold(x: np.ndarray) -> None:
    window = Window(FRAMES, FRAMES)
    feed = PieceFeed(window, 2, Axes(2, 2), Overlap(inf, inf), most=FRAMES)
    out, come = run(feed, x, [3])
    assert set(come) == {0}
    assert window.longest == FRAMES
    np.testing.assert_array_equal(out, window.step(x, (np.zeros(2, int),))[0])
    assert feed.push(x) == []
    with pytest.raises(UsageError, match="more than 40 frames: this model hears all of it at once"):
        feed.push(x[..., :1])


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("first", [1, 7, 60])
def test_steps_wait_for_their_beginning_alone(x: np.ndarray, first: int, sizes: list[int]) -> None:
    total = Total(first)
    feed = StepFeed(total, 2, Axes(2, 2), first, most=6)
    for _ in range(2):
        out, come = run(feed, x, sizes)
        np.testing.assert_array_equal(out, x.cumsum(axis=2))
        if sizes == [1]:
            assert come == [n if n >= first else 0 for n in range(FRAMES + 1)]
    assert total.longest <= max(first, 6)


def test_frames_of_several_rows_and_a_last_one_that_is_not_whole() -> None:
    """Wav by samples, of an encoder that completes the last hop: 3 rows a frame, 2 in the last."""

    class Hops:
        def initial_state(self, batch: int) -> State:
            return ()

        def step(self, block: np.ndarray, state: State) -> tuple[np.ndarray, State]:
            rows = np.pad(block[..., 0], ((0, 0), (0, -block.shape[1] % 3)))
            return rows.reshape(len(rows), 1, -1, 3).sum(-1), ()

    x = np.arange(2 * 29).reshape(2, 29, 1)
    whole, _ = Hops().step(x, ())
    for feed in (
        StepFeed(Hops(), 2, Axes(1, 2, 3), 2, most=4),
        PieceFeed(Hops(), 2, Axes(1, 2, 3), Overlap(2, 1), most=4),
    ):
        outputs = [block for start in range(0, 29, 3) for block in feed.push(x[:, start : start + 3])] + feed.flush()
        np.testing.assert_array_equal(np.concatenate(outputs, axis=2), whole)


def test_levels_that_a_block_of_codes_lacks_are_absent() -> None:
    deep, shallow = np.ones((1, 3, 2), int), np.zeros((1, 1, 2), int)
    expected = [[1, 1, 0, 0], [1, 1, ABSENT, ABSENT], [1, 1, ABSENT, ABSENT]]
    assert joined([deep, shallow], axis=2)[0].tolist() == expected


class TestReach:
    def test_of_a_codec_of_steps(self) -> None:
        reach = reach_of(SIGNAL)
        assert (reach.grain, reach.frames) == (320, 1)
        assert reach_of({**SIGNAL, "first_frames": 7, "completes": True}).frames == 7

    def test_of_what_looks_ahead(self) -> None:
        both = {**SIGNAL, "encoder_overlap": [8, 5], "decoder_overlap": [10, 9]}
        assert reach_of(both).frames == 1 + 5 + 9
        assert reach_of({**both, "decoder_overlap": None}).frames == inf

    def test_what_hears_everything_takes_minutes_and_no_hour(self) -> None:
        """2^23 samples in all channels, so that memory does not end first."""
        feed = reach_of({**SIGNAL, "encoder_overlap": None}).encoder_feed(Window(0, 0), channels=2)
        frames = 2**23 // 2 // 320
        assert feed.push(np.broadcast_to(np.float32(0), (2, frames, 320))) == []
        with pytest.raises(UsageError, match=f"more than {frames} frames"):
            feed.push(np.zeros((2, 1, 320), np.float32))

    @pytest.mark.parametrize("garbled", [{"encoder_overlap": 3}, {"decoder_overlap": [1]}, {"first_frames": "x"}])
    def test_what_is_garbled_is_an_error_that_a_codec_names(self, garbled: dict[str, object]) -> None:
        with pytest.raises((TypeError, ValueError)):
            reach_of({**SIGNAL, **garbled})
