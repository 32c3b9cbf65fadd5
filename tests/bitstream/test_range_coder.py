"""Range coding: exact bytes by hand, round trips, the rate against -log2 p, and damage."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvant.bitstream import Damaged
from kvant.bitstream.range_coder import TOTAL, RangeDecoder, RangeEncoder, cumulative, frequencies
from kvant.errors import UsageError


def encode(symbols: list[int], tables: list[np.ndarray]) -> bytes:
    """Symbol n is coded with table n modulo their number: the model may change from symbol to symbol."""
    encoder = RangeEncoder()
    for place, symbol in enumerate(symbols):
        encoder.put(symbol, tables[place % len(tables)])
    return encoder.finish()


def decode(data: bytes, count: int, tables: list[np.ndarray]) -> list[int]:
    decoder = RangeDecoder(data)
    symbols = [decoder.get(tables[place % len(tables)]) for place in range(count)]
    decoder.finish()
    return symbols


def ideal_bits(symbols: list[int], starts: np.ndarray) -> float:
    return float(sum(np.log2(TOTAL / (starts[symbol + 1] - starts[symbol])) for symbol in symbols))


skewed = st.lists(st.sampled_from([0, 0, 0, 1, 2, 1000, 10**9]), min_size=2, max_size=40).filter(any)


@given(st.lists(skewed, min_size=1, max_size=3), st.data())
def test_decoding_inverts_encoding(weights: list[list[int]], data: st.DataObject) -> None:
    """Also of symbols that the weights call impossible, and where runs of the certain one take hardly a bit."""
    tables = [cumulative(frequencies(np.array(each))) for each in weights]
    smallest = min(map(len, tables)) - 1
    symbols = data.draw(st.lists(st.integers(0, smallest - 1), max_size=60))
    assert decode(encode(symbols, tables), len(symbols), tables) == symbols


@given(st.lists(st.integers(0, 255), max_size=8))
def test_equal_shares_of_256_are_the_bytes_themselves(symbols: list[int]) -> None:
    """Less the trailing zeros, of which at most the last byte is left out."""
    data = encode(symbols, [cumulative(np.full(256, TOTAL // 256))])
    assert data in (bytes(symbols), bytes(symbols[:-1]))
    assert data == bytes(symbols) or symbols[-1] == 0


@given(st.lists(st.integers(0, 2), max_size=7))
def test_the_bytes_are_a_number_of_the_exact_interval(symbols: list[int]) -> None:
    """Of the real interval, by fractions: dividing by 2^16 in integers only ever shortens it."""
    starts = cumulative(np.array([1, TOTAL - 3, 2]))
    low, width = Fraction(0), Fraction(1)
    for symbol in symbols:
        low += width * int(starts[symbol]) / TOTAL
        width = width * int(starts[symbol + 1] - starts[symbol]) / TOTAL
    data = encode(symbols, [starts])
    number = Fraction(int.from_bytes(data, "big"), 256 ** len(data))
    assert abs(number - low) <= width + Fraction(1, 2**8) * len(symbols)
    assert len(data) <= -np.log2(float(width)) / 8 + 1.01


def test_a_carry_runs_through_settled_bytes() -> None:
    """0.FFFF.. of the first symbols, then a step upwards: 00 and 80 follow a byte that was FF."""
    starts = np.array([0, 1, 2, TOTAL - 1, TOTAL])
    for symbols in ([3, 3, 3, 0], [2] * 3000 + [3, 0], [2, 3, 2, 3] * 40):
        assert decode(encode(symbols, [starts]), len(symbols), [starts]) == symbols
    alternating = [2, 3] * 100
    data = encode(alternating, [starts])
    assert 0 in data or 0xFF in data
    assert decode(data, 200, [starts]) == alternating


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_the_rate_is_the_entropy_the_model_promises(exponent: float) -> None:
    """Within 0.2 % of -sum log2 of the coder's own shares; those cost log2(2^16 / (2^16 - V)) a symbol at most."""
    rng = np.random.default_rng(0)
    size = 1024
    shares = (np.arange(size) + 1.0) ** -exponent
    shares /= shares.sum()
    symbols = rng.choice(size, 20_000, p=shares).tolist()
    starts = cumulative(frequencies(np.round(shares * 2**40).astype(np.int64)))
    bits = 8 * len(encode(symbols, [starts]))
    assert ideal_bits(symbols, starts) <= bits <= 1.002 * ideal_bits(symbols, starts) + 8
    wanted = -np.log2(shares)[symbols].sum()
    promised = wanted + len(symbols) * np.log2(TOTAL / (TOTAL - size))
    assert bits <= 1.002 * promised + 8
    assert exponent > 2 or bits <= 1.01 * wanted


def test_frequencies_are_in_proportion_and_never_zero() -> None:
    table = frequencies(np.array([[0, 1, 3], [5, 5, 5]]))
    assert table.tolist() == [[1, 1 + 16383, 1 + 49150], [1 + 21845, 1 + 21844, 1 + 21844]]
    assert (frequencies(np.arange(1, 2**15)).sum(), frequencies(np.ones(7, np.uint8)).min()) == (TOTAL, 9362)


@pytest.mark.parametrize("weights", [[0, 0], [1, -1], [0.5, 0.5], [2**45, 2**45]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(UsageError, match="weights"):
        frequencies(np.array(weights))


@pytest.mark.parametrize("table", [[TOTAL, 0], [1, 1], [-1, TOTAL + 1]])
def test_tables_that_cannot_code_every_symbol_are_refused(table: list[int]) -> None:
    with pytest.raises(UsageError, match="at least 1 and add up to 65536"):
        cumulative(np.array(table))


def test_exact_bytes() -> None:
    """The format: a change here makes streams of other versions unreadable."""
    starts = cumulative(frequencies(np.array([5, 3, 2, 0])))
    symbols = [0, 1, 2, 0, 0, 3, 1, 0, 2, 0]
    assert encode(symbols, [starts]).hex() == "60a0e08f"
    assert encode([], [starts]) == b""


def test_missing_and_additional_bytes_are_noticed() -> None:
    starts = cumulative(frequencies(np.arange(1, 50)))
    symbols = np.random.default_rng(1).integers(0, 49, 300).tolist()
    data = encode(symbols, [starts])
    with pytest.raises(Damaged, match="do not end where"):
        decode(data + b"\1", 300, [starts])
    with pytest.raises(Damaged, match="end before"):
        decode(data[:-6], 300, [starts])


@given(st.binary(min_size=3, max_size=6))
def test_bytes_that_no_encoder_makes_are_refused(data: bytes) -> None:
    starts = cumulative(frequencies(np.array([1, 2, 0, 4])))
    try:
        symbols = decode(data, 20, [starts])
    except Damaged:
        return
    assert encode(symbols, [starts]) == data
