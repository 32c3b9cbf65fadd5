"""Rules that give each frame of a residual codec its own number of levels, and what it costs to tell a decoder."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kvant.bitstream.range_coder import RangeDecoder, RangeEncoder, cumulative, frequencies
from kvant.codec import Codec

DEPTHS = (0, 1, 2, 4, 8)
"""Levels of a frame; 0: its latents are those of the frame before."""
CODE_BITS = 10
CONSTANT = (1, 2, 3, 4, 6, 8)
CUTS = (40, 25, 15, 10)
"""dB below the loud frames (95th percentile) from which the energy rule gives 4 or 8 levels instead of 1."""
PRICES = (0.06, 0.12, 0.2, 0.3, 0.5, 0.8)
"""Squared error of the latents that ten bits must take off."""


class Coded(NamedTuple):
    """sums [K + 1, T, D]: of the vectors of the first k levels. errors [K + 1, T]: squared, from `latents` [T, D]."""

    latents: Tensor
    sums: Tensor
    errors: Tensor
    level_db: Tensor


def code(codec: Codec, wav: Tensor) -> Coded:
    padded = codec.pad(wav)
    latents = codec.encoder(padded)[0].T
    codes = codec.quantizer.encode(latents.T[None])
    prefixes = [codec.quantizer.decode(codes[:, :depth])[0].T for depth in range(1, codes.shape[1] + 1)]
    sums = torch.stack([torch.zeros_like(latents), *prefixes])
    power = padded[0, 0].reshape(-1, codec.hop_length).square().mean(-1)
    return Coded(latents, sums, (latents - sums).square().sum(-1), 10 * torch.log10(power + 1e-10))


def choices(coded: Coded) -> Iterator[tuple[str, float, list[int]]]:
    """(rule, its parameter, the depth of every frame)."""
    frames = len(coded.latents)
    for depth in CONSTANT:
        yield "constant", depth, [depth] * frames
    for cut in CUTS:
        loud = coded.level_db > torch.quantile(coded.level_db, 0.95) - cut
        for depth in (4, 8):
            yield "energy", cut + depth / 100, torch.where(loud, depth, 1).tolist()
    for price in PRICES:
        costs = torch.stack([coded.errors[depth] + price * CODE_BITS * depth for depth in DEPTHS[1:]])
        cheapest, places = costs.min(0)
        depths = [DEPTHS[1:][place] for place in places.tolist()]
        yield "error", price, depths
        merged, last = list[int](), 0
        for time, (depth, cost) in enumerate(zip(depths, cheapest.tolist())):
            held = coded.sums[merged[last], last] if time else coded.sums[0, 0]
            repeats = time > 0 and float((coded.latents[time] - held).square().sum()) < cost
            merged.append(0 if repeats else depth)
            last = last if repeats else time
        yield "merging", price, merged


class AdaptiveCounts:
    """How often each depth has followed each so far: what encoder and decoder both know, in integers."""

    def __init__(self) -> None:
        self.counts = np.ones((len(DEPTHS), len(DEPTHS)), np.int64)
        self.last = 0

    def starts(self) -> np.ndarray:
        """For the range coder, of the next symbol."""
        return cumulative(frequencies(self.counts[self.last]))

    def saw(self, symbol: int) -> int:
        """Count it."""
        self.counts[self.last, symbol] += 8
        self.last = symbol
        return symbol


def pack(depths: list[int]) -> bytes:
    """The depth of every frame, range coded with counts that adapt to the depth before."""
    encoder, counts = RangeEncoder(), AdaptiveCounts()
    for depth in depths:
        encoder.put(DEPTHS.index(depth), counts.starts())
        counts.saw(DEPTHS.index(depth))
    return encoder.finish()


def unpack(data: bytes, frames: int) -> list[int]:
    """Inverse of `pack`."""
    decoder, counts = RangeDecoder(data), AdaptiveCounts()
    depths = [DEPTHS[counts.saw(decoder.get(counts.starts()))] for _ in range(frames)]
    decoder.finish()
    return depths


def restored(sums: Tensor, depths: list[int]) -> Tensor:
    """Latents [T, D] that a decoder makes of the chosen levels; a frame of depth 0 repeats the last one before it."""
    places = np.maximum.accumulate(np.where(np.array(depths) > 0, np.arange(len(depths)), 0))
    return sums[torch.tensor(depths)[places], torch.from_numpy(places)]
