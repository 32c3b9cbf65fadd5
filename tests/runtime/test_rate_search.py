"""A recording heard once, and the limit that brings it the bitrate that was asked for."""

import io

import numpy as np
import pytest

import kvant
from kvant.bitstream import ABSENT, Packing, info
from kvant.errors import UsageError
from kvant.runtime.all_depths import AllDepths, codes_at, limit_at, place_of
from kvant.runtime.beam import BeamEncoder
from kvant.runtime.files import header_for
from kvant.runtime.packing import packed
from kvant.runtime.rate_search import Found, Recording, find_limit
from kvant.runtime.survey import MOST_BLOCKS, Prices, Survey

RATE = 24_000


def of(codec: kvant.Codec, wav: np.ndarray, bitrate: float, beam: int = 1) -> Found:
    blocks = (wav[:, start : start + 2 * RATE] for start in range(0, wav.shape[1], 2 * RATE))
    return find_limit(Recording(blocks, RATE, len(wav)), codec, bitrate, beam, packed(codec, variable=True))


def payload(wav: np.ndarray, bitrate: float, **options: object) -> float:
    """bit/s per channel that a stream takes."""
    data = kvant.compress(wav, RATE, bitrate, variable=True, **options)
    return info(io.BytesIO(data)).payload_bitrate / len(wav)


@pytest.fixture(scope="module")
def rows(codec: kvant.Codec, speech: np.ndarray) -> np.ndarray:
    """Of some of the speech, [1, R, T], by a beam of 3."""
    hops = speech[: 150 * 320].reshape(1, -1, 320)
    encoder = codec.encoder_for(codec.num_codebooks, 3, 1.0)
    assert isinstance(encoder, BeamEncoder)
    return AllDepths(encoder).step(hops, encoder.initial_state(1))[0]


def test_places_ascend_as_limits_do() -> None:
    for place in (1, 256, 32_000, 34_567):
        assert place_of(limit_at(place)) == place
        assert limit_at(place) < limit_at(place + 1)
        assert place_of(np.nextafter(np.float32(limit_at(place)), np.float32(0))) == place - 1
    assert limit_at(32_001) / limit_at(32_000) == pytest.approx(1.004, abs=0.004)


@pytest.mark.parametrize("limit", [60.0, 20.0, 3.0])
def test_rows_hold_what_a_search_finds_at_a_limit(
    codec: kvant.Codec, speech: np.ndarray, rows: np.ndarray, limit: float
) -> None:
    place = place_of(limit)
    encoder = codec.encoder_for(codec.num_codebooks, 3, limit_at(place))
    hops = speech[: 150 * 320].reshape(1, -1, 320)
    expected, _ = encoder.step(hops, encoder.initial_state(1))
    np.testing.assert_array_equal(codes_at(rows, codec.num_codebooks, place), expected)


def test_costs_are_those_of_the_counted_levels(codec: kvant.Codec, rows: np.ndarray) -> None:
    how = packed(codec, variable=True)
    survey = Survey(header_for(codec, RATE, 1, None, how), how.model)
    survey.add(rows)
    survey.close()
    prices = Prices(np.arange(1.0, codec.num_codebooks + 1), 0.5)
    places = np.arange(place_of(5.0), place_of(50.0))
    costs = survey.costs(prices, places[0], places[-1])
    for place in places[::100]:
        present = (codes_at(rows, codec.num_codebooks, place) != ABSENT).sum(axis=(0, 2))
        assert costs[place - places[0]] == pytest.approx(0.5 * survey.frames + prices.codes @ present)
    finest, one_level = survey.ends(least=1)
    assert (codes_at(rows, codec.num_codebooks, finest) != ABSENT).all()
    assert (codes_at(rows, codec.num_codebooks, finest + 1) == ABSENT).any()
    assert (codes_at(rows, codec.num_codebooks, one_level)[:, 1:] == ABSENT).all()
    assert (codes_at(rows, codec.num_codebooks, one_level - 1)[:, 1:] != ABSENT).any()
    assert survey.ends(one_level + 7) == (one_level, one_level)


def test_a_long_recording_keeps_blocks_from_all_of_it(codec: kvant.Codec, rows: np.ndarray) -> None:
    how = packed(codec, variable=True)
    survey = Survey(header_for(codec, RATE, 1, None, how), how.model)
    for _ in range(5 * MOST_BLOCKS):
        survey.add(rows)
    survey.close()
    assert MOST_BLOCKS / 2 <= len(survey._blocks) <= MOST_BLOCKS
    assert survey._stride == 8
    assert survey.frames == 5 * MOST_BLOCKS * rows.shape[2]


@pytest.mark.parametrize("decibels", [-40, -23, -6])
def test_a_bitrate_is_met_at_any_level(speech: np.ndarray, decibels: float) -> None:
    wav = speech[None] * np.float32(10 ** (decibels / 20) / np.sqrt(np.square(speech).mean()))
    assert payload(wav, 1500) == pytest.approx(1500, rel=0.03)


@pytest.mark.parametrize("options", [{"beam": 3}, {"packing": Packing.RAW}])
def test_a_bitrate_is_met_however_it_is_searched_and_packed(speech: np.ndarray, options: dict[str, object]) -> None:
    assert payload(speech[None], 3000, **options) == pytest.approx(3000, rel=0.03)


def test_channels_and_pauses_share_a_bitrate(codec: kvant.Codec, speech: np.ndarray) -> None:
    wav = np.stack([speech, np.roll(speech, 50_000) / 10])
    assert payload(wav, 1500) == pytest.approx(1500, rel=0.03)
    paused = np.concatenate([speech[: 3 * RATE], np.zeros(18 * RATE, np.float32)])[None]
    found = of(codec, paused, 1000)
    assert found.bitrate == pytest.approx(1000, rel=0.03)
    codes = codec.encode(paused, RATE, limit=found.limit).codes
    depths = (codes != ABSENT).sum(axis=1)[0]
    assert depths.min() == 1
    assert (depths[-70 * 17 :] == 1).all()


def test_what_cannot_be_had(codec: kvant.Codec, speech: np.ndarray) -> None:
    wav = speech[None, : 3 * RATE]
    assert not of(codec, wav, 3000).exhausted
    assert of(codec, wav, 3000) == of(codec, wav, 3000)
    most = of(codec, wav, 20_000)
    assert most.exhausted
    assert 5000 < most.bitrate < 10_000
    silent = of(codec, np.zeros_like(wav), 1500)
    assert silent.exhausted
    assert silent.bitrate < 700
    with pytest.raises(UsageError, match="one codebook a frame, the least there is, takes 0"):
        of(codec, wav, 200)
    assert len(kvant.compress(wav[:, :0], RATE, 1500, variable=True)) < 300
