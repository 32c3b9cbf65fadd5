"""Models of codes that count, their ideal code lengths, and the bytes that a range coder makes of them.

Weights are integers [T, V], for each code in turn, or [1, V] for all of them; what a model says is their share.
"""

import numpy as np

from kvant.bitstream.range_coder import RangeDecoder, RangeEncoder, cumulative, frequencies

V = 1024
BACKOFF = (30, 100, 300, 1000)
"""Observations that zero-order frequencies count for in the bigram's; chosen on a part of the training codes."""


def zero_order(learned: np.ndarray, coded: np.ndarray) -> np.ndarray:
    """Weights [1, V]: how often each code was seen, and once more."""
    return np.bincount(learned, minlength=V)[None] + 1


def bigram(learned: np.ndarray, coded: np.ndarray) -> np.ndarray:
    """Weights [T, V] given the level's code in the frame before: n(a, b) + backoff p(b), times the number of codes."""

    def weights(learned: np.ndarray, coded: np.ndarray, backoff: int) -> np.ndarray:
        pairs = np.bincount(learned[:-1] * V + learned[1:], minlength=V * V).reshape(V, V)
        single = zero_order(learned, coded)
        return (pairs * single.sum() + backoff * single)[np.concatenate([learned[-1:], coded[:-1]])]

    kept = len(learned) * 9 // 10
    tried = [code_lengths(weights(learned[:kept], learned[kept:], each), learned[kept:]).sum() for each in BACKOFF]
    return weights(learned, coded, BACKOFF[int(np.argmin(tried))])


def code_lengths(weights: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Bits [T] of codes [T] under weights [T or 1, V]."""
    rows = np.broadcast_to(weights, (len(codes), V))
    return np.log2(rows.sum(axis=1) / rows[np.arange(len(codes)), codes])


def coded_bytes(weights: np.ndarray, codes: np.ndarray) -> tuple[int, bool]:
    """Bytes that a range coder makes of codes [T], and whether the codes come back from them."""
    tables = [
        cumulative(table) for part in np.array_split(weights, -(-len(weights) // 512)) for table in frequencies(part)
    ]
    rows = tables if len(tables) > 1 else tables * len(codes)
    encoder = RangeEncoder()
    for code, starts in zip(codes.tolist(), rows):
        encoder.put(code, starts)
    data = encoder.finish()
    decoder = RangeDecoder(data)
    same = [decoder.get(starts) for starts in rows] == codes.tolist()
    decoder.finish()
    return len(data), same
