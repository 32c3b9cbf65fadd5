"""Range coding (Martin, 1979): codes as bytes in as many bits as their frequencies imply, by integers alone.

The message so far is an interval [low, low + range) of the numbers between 0 and 1, written to as many digits of base
256 as are settled. A symbol whose share is frequency / 2^16, and whose predecessors in the alphabet have start / 2^16,
keeps that part of it:

    step = range // 2^16,    low += step * start,    range = step * frequency,

and whenever range < 2^24 a byte is settled: range stays above 2^24, so dividing it by 2^16 costs less than 2^-8 of it.
Any number within the last interval names the message. Encoder and decoder are equal on every machine, since neither
computes with anything but integers; what predicts the frequencies has to be so, too.
"""

import numpy as np

from kvant.bitstream.errors import Damaged
from kvant.errors import UsageError

PRECISION = 16
TOTAL = 1 << PRECISION
"""What the frequencies of an alphabet add up to."""
_TOP = 1 << 32
_SETTLED = 1 << 24


def frequencies(weights: np.ndarray) -> np.ndarray:
    """int64 [..., V] of integer weights [..., V] >= 0: at least 1 each, sums 2^16, else in proportion.

    So every symbol can be coded, at the price of V / 2^16 of the probability. Remainders of the division go to the
    largest, of equal ones to the lower index. UsageError: other than integers, negative ones, sums of 0 or of 2^46 and
    more, or V > 2^15.
    """
    weights = np.asarray(weights)
    size = weights.shape[-1]
    if not np.issubdtype(weights.dtype, np.integer) or size > TOTAL // 2:
        raise UsageError(f"{weights.dtype} weights of {size} symbols: give integers, of 1 to {TOTAL // 2} symbols")
    sums = weights.sum(axis=-1, keepdims=True, dtype=np.float64)
    if weights.min(initial=0) < 0 or not (sums > 0).all() or (sums >= 2.0**46).any():
        raise UsageError("weights of symbols must be 0 or more, with a sum above 0 and below 2^46")
    weights = weights.astype(np.int64)
    products = weights * (TOTAL - size)
    shares, remainders = np.divmod(products, weights.sum(axis=-1, keepdims=True))
    missing = TOTAL - size - shares.sum(axis=-1, keepdims=True)
    ranks = remainders * size + np.arange(size)[::-1]  # no two are equal
    least = np.take_along_axis(np.sort(ranks, axis=-1), size - missing.clip(1), axis=-1)
    return 1 + shares + ((ranks >= least) & (missing > 0))


def cumulative(table: np.ndarray) -> np.ndarray:
    """int64 [..., V + 1] from 0 to 2^16: where each symbol of frequencies [..., V] starts.

    UsageError: no such frequencies.
    """
    starts = np.zeros((*table.shape[:-1], table.shape[-1] + 1), np.int64)
    np.cumsum(table, axis=-1, out=starts[..., 1:])
    if (np.asarray(table) < 1).any() or (starts[..., -1] != TOTAL).any():
        raise UsageError(f"frequencies must be at least 1 and add up to {TOTAL}; make them with frequencies()")
    return starts


def _ending(low: int, width: int) -> tuple[int, int]:
    """The number in [low, low + width) with the fewest digits behind the settled ones, and how many: 0 or 1.

    The decoder reads zeros beyond the end. One digit always suffices, since width >= 2^24.
    """
    digits = 0 if low == 0 or low + width > _TOP else 1
    unit = _TOP >> 8 * digits
    return -(-low // unit) * unit, digits


class RangeEncoder:
    """Symbols one by one, each with the table of its alphabet at that moment; then `finish`."""

    def __init__(self) -> None:
        self._low, self._range = 0, _TOP
        self._bytes = bytearray()

    def put(self, symbol: int, starts: np.ndarray) -> None:
        """Append `symbol`; starts [V + 1] as `cumulative` makes them."""
        step = self._range >> PRECISION
        start = int(starts[symbol])
        self._low += step * start
        self._range = step * (int(starts[symbol + 1]) - start)
        self._carry()
        while self._range < _SETTLED:
            self._bytes.append(self._low >> 24)
            self._low = self._low << 8 & (_TOP - 1)
            self._range <<= 8

    def _carry(self) -> None:
        """What `low` has above 32 bits belongs to the bytes before: ...12 FF FF + 1 is ...13 00 00."""
        if self._low >= _TOP:
            self._low -= _TOP
            place = len(self._bytes) - 1
            while self._bytes[place] == 0xFF:
                self._bytes[place] = 0
                place -= 1
            self._bytes[place] += 1

    def finish(self) -> bytes:
        """All bytes."""
        number, digits = _ending(self._low, self._range)
        self._low = number
        self._carry()
        self._bytes += self._low.to_bytes(4, "big")[:digits]
        return bytes(self._bytes)


class RangeDecoder:
    """The symbols of `data`, in the order and with the tables they were put in; then `finish`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 4
        self._low, self._range = 0, _TOP  # as in the encoder, without carries
        self._offset = int.from_bytes(data[:4].ljust(4, b"\0"), "big")  # of the number from `low`

    def get(self, starts: np.ndarray) -> int:
        """The next symbol; starts as for `put`. Damaged: bytes that no encoder made with these tables."""
        step = self._range >> PRECISION
        target = self._offset // step
        if target >= TOTAL:
            raise Damaged("range coded data point outside every symbol")
        symbol = int(starts.searchsorted(target, "right")) - 1
        start = int(starts[symbol])
        self._low = self._low + step * start & (_TOP - 1)
        self._offset -= step * start
        self._range = step * (int(starts[symbol + 1]) - start)
        while self._range < _SETTLED:
            if self._position > len(self._data) + 3:
                raise Damaged("range coded data end before the last symbol")
            following = self._data[self._position] if self._position < len(self._data) else 0
            self._offset = self._offset << 8 | following
            self._low = self._low << 8 & (_TOP - 1)
            self._range <<= 8
            self._position += 1
        return symbol

    def finish(self) -> None:
        """Damaged: bytes that no encoder would have ended with here, such as some left over."""
        number, digits = _ending(self._low, self._range)
        if self._offset != number - self._low or self._position + digits != len(self._data) + 4:
            raise Damaged("range coded data do not end where the last symbol does")
