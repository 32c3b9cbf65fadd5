"""Beam search written plainly, in double precision, to judge the fast ones by: without torch, for both sides."""

import numpy as np


def plain_beam(latents: np.ndarray, codebooks: list[np.ndarray], beam: int) -> tuple[np.ndarray, float]:
    """Codes [K] of latents [D], and how near the search came to other ones.

    That is the least relative gap of squared distances between the worst sum that a level keeps and the best it drops.
    """
    sums, codes, narrowest = np.zeros((1, len(latents))), np.zeros((1, 0), int), np.inf
    for level, vectors in enumerate(codebooks, start=1):
        kept = 1 if level == len(codebooks) else beam
        sums = (sums[:, None] + vectors).reshape(-1, len(latents))
        codes = np.column_stack([np.repeat(codes, len(vectors), axis=0), np.tile(np.arange(len(vectors)), len(codes))])
        distances = np.square(latents - sums).sum(axis=1)
        order = np.argsort(distances, kind="stable")
        if kept < len(order):
            last, dropped = distances[order[kept - 1 : kept + 1]]
            narrowest = min(narrowest, (dropped - last) / last)
        sums, codes = sums[order[:kept]], codes[order[:kept]]
    return codes[0], float(narrowest)


def count_beam_ties(
    latents: np.ndarray,
    codebooks: list[np.ndarray],
    codes: np.ndarray,
    others: np.ndarray,
    beam: int,
    closest: float = 1e-5,
) -> int:
    """Frames in which two searches for latents [T, D] gave `codes` and `others` [K, T]: where a choice was near a tie.

    More than one in a hundred, or one whose choices were all clearer than `closest`, is no matter of rounding.
    """
    assert codes.shape == others.shape == (len(codes), len(latents))
    differing = np.flatnonzero((codes != others).any(axis=0))
    for frame in differing:
        gap = plain_beam(latents[frame], codebooks[: len(codes)], beam)[1]
        assert gap < closest, f"frame {frame}: codes differ, and no choice was nearer than {gap:.2e}"
    assert len(differing) <= max(1, len(latents) // 100)
    return len(differing)
