"""What a decoder knows about a code before it reads it, as integers for a network.

A level is read for all frames of a block before the next one, so the coarser levels are known on both sides of a
frame, and the level's own only before it. Codes count as what they decode to: sums of their vectors, in integers.
"""

import numpy as np

DEPTH_REACH = 4
"""Frames on each side whose depths are looked at."""
DEPTHS_KNOWN = 2 * (2 * DEPTH_REACH + 1) + 1
"""Numbers that `told` gives."""
PAST = 4
"""Depths before a frame that its own is predicted from."""
DEPTH, INSIDE = 8, 64
"""What a level counts for, and what it counts that a frame is in the block."""


def decoded(
    tables: np.ndarray, level: int, own: bool, offsets: np.ndarray, codes: np.ndarray, frames: np.ndarray
) -> np.ndarray:
    """int32 [n, m * D]: what the frames at `offsets` [m] from each of `frames` [n] decode to, as far as known.

    tables: int [K, V + 1, D], rows of vectors and a last one of zeros, which ABSENT is. codes: [K, T]. own: whether
    offsets below 0 see the level itself, too. Outside of the block everything is 0.
    """
    first, last = int(frames[0] + offsets[0]), int(frames[-1] + offsets[-1]) + 1
    low, high = max(first, 0), min(max(last, 0), codes.shape[1])
    sums = np.zeros((last - first, tables.shape[2]), np.int32)
    inside = sums[low - first : high - first]
    for table, known in zip(tables[:level], codes):
        inside += table[known[low:high]]
    with_own = sums
    if own:
        with_own = sums.copy()
        past = min(int(frames[-1]), high)
        with_own[low - first : past - first] += tables[level][codes[level, low:past]]
    rows = frames - first
    seen = [(with_own if offset < 0 else sums)[rows + offset] for offset in offsets.tolist()]
    return np.concatenate(seen, axis=1)


def told(depths: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """int32 [n, DEPTHS_KNOWN]: depths around each frame, whether there are such frames, and the mean of the block."""
    near, inside = _at(depths, frames[:, None] + np.arange(-DEPTH_REACH, DEPTH_REACH + 1))
    mean = np.full((len(frames), 1), DEPTH * int(depths.sum()) // len(depths))
    return np.concatenate([near, inside, mean], axis=1).astype(np.int32)


def past_numbers(levels: int) -> int:
    """Numbers that `past_depths` gives."""
    return PAST * (levels + 1) + 4


def past_depths(depths: np.ndarray, frames: np.ndarray, levels: int) -> np.ndarray:
    """int32 [n, past_numbers(levels)] of the depths before each frame.

    Of the last ones each level that they have, and whether they are in the block; of all the least, greatest and mean,
    and how many.
    """
    near, inside = _at(depths, frames[:, None] + np.arange(-PAST, 0))
    had = INSIDE * (near[..., None] > DEPTH * np.arange(levels)).reshape(len(frames), -1)
    before = np.zeros((len(frames), 4), np.int64)
    known = depths[: int(frames[-1])]
    if len(known):
        counts = np.arange(1, len(known) + 1)
        sums = DEPTH * known.cumsum() // counts
        running = [DEPTH * np.minimum.accumulate(known), DEPTH * np.maximum.accumulate(known), sums]
        later = frames > 0
        before[later] = np.stack([*running, np.minimum(4 * counts, INSIDE)], axis=1)[frames[later] - 1]
    return np.concatenate([had, inside, before], axis=1).astype(np.int32)


def _at(depths: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inside = (places >= 0) & (places < len(depths))
    return DEPTH * np.where(inside, depths[places.clip(0, len(depths) - 1)], 0), INSIDE * inside
