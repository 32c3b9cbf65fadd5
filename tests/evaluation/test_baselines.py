"""Conventional codecs: bitrate, length, delay, and the order the metrics put them in."""

import numpy as np
import pytest

from kvant.evaluation.alignment import estimate_alignment
from kvant.evaluation.baselines import Codec2, Opus
from kvant.evaluation.metrics import MelDistance, Pesq, SiSdr, Stoi, Visqol

RATE = 24000


@pytest.mark.parametrize("bitrate", [6000, 8000, 12000])
def test_opus_keeps_its_bitrate_length_and_time(voice, bitrate):
    pytest.importorskip("av")
    decoded, bits = Opus(bitrate)(voice, RATE)
    assert bits * RATE / len(voice) == pytest.approx(bitrate, rel=0.05)
    assert decoded.shape == voice.shape
    assert decoded.dtype == np.float32
    alignment = estimate_alignment(decoded, voice, RATE)
    assert abs(alignment.delay) <= 12  # half a millisecond: the speech mode's filters are not linear-phase
    assert 0.3 < alignment.gain < 1.2


@pytest.mark.parametrize(("rate", "length"), [(16000, 16001), (44100, 44099), (48000, 960), (24000, 1)])
def test_any_rate_and_length(rate, length):
    pytest.importorskip("av")
    pytest.importorskip("pycodec2")
    wav = np.random.default_rng(0).normal(scale=0.1, size=length).astype(np.float32)
    for codec in (Opus(12000), Codec2(1600)):
        decoded, bits = codec(wav, rate)
        assert decoded.shape == wav.shape
        assert bits % 8 == 0
        assert bits > 0


@pytest.mark.parametrize("bitrate", [3200, 1600])
def test_codec2_keeps_its_bitrate_and_the_time_of_envelopes(voice, bitrate):
    pytest.importorskip("pycodec2")
    decoded, bits = Codec2(bitrate)(voice, RATE)
    assert bits * RATE / len(voice) == pytest.approx(bitrate, rel=0.05)
    envelopes = [np.convolve(np.abs(wav), np.hanning(1200), mode="same") for wav in (decoded, voice)]
    lags = range(-1200, 1201, 120)
    best = max(lags, key=lambda lag: np.corrcoef(np.roll(envelopes[0], -lag), envelopes[1])[0, 1])
    assert abs(best) <= 240


@pytest.mark.parametrize(
    ("metric", "package"),
    [(Pesq, "pesq"), (Stoi, "pystoi"), (Visqol, "visqol"), (MelDistance, "numpy"), (SiSdr, "numpy")],
)
def test_metrics_order_clean_over_opus_12_over_opus_6(voice, metric, package):
    pytest.importorskip("av")
    pytest.importorskip(package)
    measure = metric()
    estimates = np.stack([voice, Opus(12000)(voice, RATE)[0], Opus(6000)(voice, RATE)[0]])
    scores = measure(estimates, np.stack([voice] * 3), RATE) * (1 if measure.higher_is_better else -1)
    assert scores[0] > scores[1] > scores[2]
