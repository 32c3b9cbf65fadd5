"""A model at a variable bitrate: through bytes to the same codes, and the bits are those of the stream."""

import io

import numpy as np
import pytest

from kvant import bitstream
from kvant.errors import UsageError
from kvant.evaluation.neural import open_codec
from kvant.evaluation.plan import plan_systems
from kvant.evaluation.system import through
from kvant.evaluation.variable import Variable, variable_rates
from kvant.runtime import Codec

MODEL, RATE = "kvant-voice-24k", 24000


@pytest.fixture
def codec(monkeypatch: pytest.MonkeyPatch) -> Codec:
    codec = open_codec(MODEL)
    monkeypatch.setitem(codec.metadata, "variable", {"limits": {"700": 60.0, "4000": 6.0}})
    return codec


def test_what_is_heard_went_through_the_stream(codec: Codec, voice: np.ndarray) -> None:
    for beam in (1, 2):
        system = Variable(MODEL, 2000.0, beam)
        coded = system.encode(voice, RATE)
        expected = codec.encode(voice, RATE, None, beam, codec.limit(2000.0))
        depths = (expected.codes != bitstream.ABSENT).sum(axis=1)
        assert len(np.unique(depths)) > 2
        np.testing.assert_array_equal(system.decode(coded), codec.decode(expected)[0])
        found = bitstream.info(io.BytesIO(coded.content), lambda header: codec.entropy_model)
        assert coded.bits == found.payload_bits
        assert 0.5 * coded.bits < 8 * len(coded.content) - 8 * 200 < 2 * coded.bits


def test_more_bits_for_a_higher_rate(codec: Codec, voice: np.ndarray) -> None:
    (low, few), (high, many) = (through(Variable(MODEL, rate), voice, RATE) for rate in (800.0, 3500.0))
    assert many > 2 * few
    assert np.square(high - voice).sum() < np.square(low - voice).sum()


def test_rates_are_those_that_the_model_has_limits_for(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    assert variable_rates(codec, None) == [750.0, 1500.0, 3000.0]
    assert variable_rates(codec, [3000.0, 900.0]) == [900.0, 3000.0]
    with pytest.raises(UsageError, match="variable bitrates"):
        variable_rates(codec, [9000.0])
    systems, _, _ = plan_systems([MODEL], [1500.0], ["none"], (1, 2), variable=True)
    assert systems[f"{MODEL}, variable 1.5"] == Variable(MODEL, 1500.0)
    assert systems[f"{MODEL} (beam 2), variable 1.5"] == Variable(MODEL, 1500.0, 2)
    monkeypatch.delitem(codec.metadata, "variable")
    assert variable_rates(codec, None) == []
