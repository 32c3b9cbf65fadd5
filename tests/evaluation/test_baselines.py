"""Conventional codecs: bitrate, length, delay, and the order the metrics put them in."""

import numpy as np
import pytest

from kvant.errors import UsageError
from kvant.evaluation import comparisons as offers
from kvant.evaluation.alignment import estimate_alignment
from kvant.evaluation.baselines import Codec2, Opus, Recording
from kvant.evaluation.comparisons import comparisons
from kvant.evaluation.metrics import MelDistance, Pesq, SiSdr, StftDistance, Stoi, Visqol
from kvant.evaluation.speex import Speex
from kvant.evaluation.speex import encoder as speex_encoder
from kvant.evaluation.system import through

RATE = 24000


@pytest.mark.parametrize("bitrate", [6000, 8000, 12000])
def test_opus_keeps_its_bitrate_length_and_time(voice, bitrate):
    pytest.importorskip("av")
    decoded, bits = through(Opus(bitrate), voice, RATE)
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
        decoded, bits = through(codec, wav, rate)
        assert decoded.shape == wav.shape
        assert bits % 8 == 0
        assert bits > 0


@pytest.mark.parametrize("bitrate", [3200, 1600])
def test_codec2_keeps_its_bitrate_and_the_time_of_envelopes(voice, bitrate):
    pytest.importorskip("pycodec2")
    decoded, bits = through(Codec2(bitrate), voice, RATE)
    assert bits * RATE / len(voice) == pytest.approx(bitrate, rel=0.05)
    envelopes = [np.convolve(np.abs(wav), np.hanning(1200), mode="same") for wav in (decoded, voice)]
    lags = range(-1200, 1201, 120)
    best = max(lags, key=lambda lag: np.corrcoef(np.roll(envelopes[0], -lag), envelopes[1])[0, 1])
    assert abs(best) <= 240


@pytest.fixture
def speex():
    pytest.importorskip("av")
    try:
        speex_encoder()
    except UsageError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("bitrate", "actual"), [(4000, 4000), (8000, 8000), (9000, 8000)])
@pytest.mark.usefixtures("speex")
def test_speex_keeps_the_bitrate_of_a_mode_its_length_and_time(voice, bitrate, actual):
    decoded, bits = through(Speex(bitrate), voice, RATE)
    assert bits * RATE / len(voice) == pytest.approx(actual, rel=0.05)
    assert decoded.shape == voice.shape
    assert abs(estimate_alignment(decoded, voice, RATE).delay) <= 12


def test_speex_without_a_program_says_which(monkeypatch):
    monkeypatch.setattr("kvant.evaluation.speex.shutil.which", lambda _: None)
    speex_encoder.cache_clear()
    with pytest.raises(UsageError, match="speexenc, or ffmpeg with libspeex"):
        speex_encoder()
    speex_encoder.cache_clear()


def test_the_recording_is_itself_at_16_bits(voice):
    decoded, bits = through(Recording(), voice, RATE)
    np.testing.assert_array_equal(decoded, voice)
    assert bits == 16 * len(voice)


def test_baselines_are_named_with_their_rates():
    pytest.importorskip("av")
    pytest.importorskip("pycodec2")
    systems, notes = comparisons(["opus:12,6.5 codec2:1600"])
    assert {name: system.bitrate for name, system in systems.items()} == {
        "Opus 12": 12000,
        "Opus 6.5": 6500,
        "Codec2 1600": 1600,
    }
    assert notes == []
    assert comparisons(["none"]) == ({}, [])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mp3:64", "no baseline"),
        ("opus", "no baseline"),
        ("opus:4", "6 to 510 kbit/s"),
        ("opus:six", "'six' is not a rate"),
        ("opus:6,", "'' is not a rate"),
        ("opus:nan", "6 to 510 kbit/s"),
        ("codec2:3000", "modes 3200"),
    ],
)
def test_impossible_baselines_are_refused(spec, message):
    pytest.importorskip("av")
    with pytest.raises(UsageError, match=message):
        comparisons([spec])


def test_baselines_not_installed_are_left_out_with_a_note_and_refused_when_asked_for(monkeypatch):
    def missing(bitrate):
        raise UsageError("Speex needs a program")

    title, _, *limits = offers._KINDS["speex"]
    monkeypatch.setitem(offers._KINDS, "speex", (title, missing, *limits))
    systems, notes = comparisons(None)
    assert not any(name.startswith("Speex") for name in systems)
    assert notes[-1] == "without speex: Speex needs a program"
    with pytest.raises(UsageError, match="needs a program"):
        comparisons(["speex:4"])


@pytest.mark.parametrize(
    ("metric", "package"),
    [
        (Pesq, "pesq"),
        (Stoi, "pystoi"),
        (Visqol, "visqol"),
        (MelDistance, "numpy"),
        (StftDistance, "numpy"),
        (SiSdr, "numpy"),
    ],
)
def test_metrics_order_clean_over_opus_12_over_opus_6(voice, metric, package):
    pytest.importorskip("av")
    pytest.importorskip(package)
    measure = metric()
    voice = voice[: 3 * RATE // 2]
    estimates = np.stack([voice, through(Opus(12000), voice, RATE)[0], through(Opus(6000), voice, RATE)[0]])
    scores = measure(estimates, np.stack([voice] * 3), RATE) * (1 if measure.higher_is_better else -1)
    assert scores[0] > scores[1] > scores[2]
