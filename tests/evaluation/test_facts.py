"""What is said of a codec, against what can be counted by hand."""

from dataclasses import replace
from math import inf

import pytest

from kvant.codec import Codec
from kvant.codecs import encodec, encodec_stereo
from kvant.evaluation.facts import HEAD, Facts, facts, row
from kvant.layers.seanet import SEANetConfig
from kvant.quantizers import LearnedCodebook, ResidualQuantizer
from tests.laws.small_codecs import SMALL
from tests.laws.test_segmented_codec import CONFIG as STEREO


def test_a_small_encodec_costs_what_its_layers_do() -> None:
    """Two a multiply-add: taps x channels in x channels out at the rate of the output, and the LSTM's 8 H^2 a layer."""
    seanet = SEANetConfig(filters=2, strides=(2, 5))
    config = encodec.Config(sample_rate=200, latent_dim=4, num_codebooks=2, codebook_size=8, seanet=seanet)
    found = facts(encodec.build, config)
    units = {100 * 2: 2, 100: 4}  # rate -> channels, before each stride
    macs = 200 * 7 * 2  # first convolution
    for (rate, wide), stride in zip(units.items(), seanet.strides):
        macs += rate * (3 * wide * wide // 2 + wide // 2 * wide + wide * wide)  # residual unit and the matrix around it
        macs += rate // stride * 2 * stride * wide * 2 * wide
    macs += 20 * 2 * 8 * 8 * 8 + 20 * 7 * 8 * 4  # two LSTM layers, last convolution
    macs += 20 * 2 * 8 * 4  # scores of the search
    assert found.encode_flops == pytest.approx(2 * macs, rel=0.01)
    assert found.frame_rate == 20
    assert found.bitrate == 20 * 2 * 3
    assert found.latency == pytest.approx(10 / 200)
    assert found.streams


@pytest.mark.parametrize("name", SMALL)
def test_parameters_are_those_of_the_model_file(name: str) -> None:
    """Everything that learns is in the state, and counted once."""
    codec = SMALL[name]()
    found = facts(lambda _: codec, None)
    kept = {n: t for n, t in codec.state_dict().items() if t.is_floating_point()}
    assert 0 < found.parameters <= sum(tensor.numel() for tensor in kept.values())
    assert found.encode_flops > 0 < found.decode_flops
    if isinstance(codec, Codec):
        assert found.latency * codec.sample_rate == pytest.approx(codec.latency)


def test_what_codes_in_segments_waits_for_one() -> None:
    """Half a second at 400 Hz; and a row says so."""
    found = facts(encodec_stereo.build, replace(STEREO, sample_rate=400))
    assert (found.latency, found.channels, found.streams) == (0.5, 2, False)
    assert "| 500.0 | no |" in row("x", found)


def test_codes_take_whole_bits() -> None:
    """As in a stream: 8 of a codebook of 240, not log2 240."""
    codec = encodec.build(encodec.Config(sample_rate=100, seanet=SEANetConfig(filters=2, strides=(2, 5)), latent_dim=4))
    codec.quantizer = ResidualQuantizer([LearnedCodebook(240, 4) for _ in range(3)])
    assert facts(lambda _: codec, None).bitrate == 10 * 3 * 8


def test_a_row_has_a_cell_for_each_column() -> None:
    line = row("x", Facts(48000, 2, 150.0, (1024, 1024, 512), 4350.0, 10, 1e9, 2e9, inf, False))
    assert line.count("|") == HEAD.count("|")
    assert "2 of 1024 + 1 of 512" in line
    assert "whole signal" in line
