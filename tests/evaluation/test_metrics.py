"""Metrics against closed forms, and what they make of silence and of bad input."""

import numpy as np
import pytest

from kvant.errors import AudioError, UsageError
from kvant.evaluation.metrics import MelDistance, Pesq, SiSdr, StftDistance, Stoi, UndefinedScore, Visqol
from kvant.evaluation.metrics.choice import METRICS, choose
from kvant.evaluation.metrics.mel_distance import log_mel, mel_bands
from kvant.evaluation.metrics.spectrum import FLOOR, WINDOWS, amplitude
from kvant.extras import import_extra

RATE = 24000


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
@pytest.mark.parametrize("gain", [1.0, -0.3])
def test_si_sdr_is_the_signal_to_noise_ratio_of_orthogonal_noise_at_any_gain(snr, gain):
    rng = np.random.default_rng(0)
    reference, noise = rng.normal(size=(2, RATE))
    noise -= np.dot(noise, reference) / np.dot(reference, reference) * reference
    noise *= np.linalg.norm(reference) / np.linalg.norm(noise) * 10 ** (-snr / 20)
    score = SiSdr()(gain * (reference + noise), reference, RATE)
    assert score == pytest.approx([snr], abs=1e-9)


def test_si_sdr_is_limited_at_identity_and_silence(voice):
    pair = np.stack([voice, np.zeros_like(voice)])
    np.testing.assert_array_equal(SiSdr()(pair, np.stack([voice, voice]), RATE), [100.0, -100.0])


def test_si_sdr_does_not_forgive_delay(voice):
    assert SiSdr()(np.roll(voice, 60), voice, RATE)[0] < 10


@pytest.mark.parametrize("gain", [0.5, 2.0, 3.7])
def test_mel_distance_of_a_gain_is_its_logarithm(gain):
    # Above the floor everywhere, so every |difference| is the same log10 g.
    noise = np.random.default_rng(0).normal(scale=0.1, size=(2, RATE))
    np.testing.assert_allclose(MelDistance()(gain * noise, noise, RATE), abs(np.log10(gain)), rtol=1e-6)


@pytest.mark.parametrize("gain", [0.5, 2.0, -3.7])
def test_stft_distance_of_a_gain_is_closed(gain):
    # |g| - 1 of the norm in every window, and the same |ln g| in every bin.
    noise = np.random.default_rng(0).normal(scale=0.1, size=RATE)
    expected = abs(abs(gain) - 1) + abs(np.log(abs(gain)))
    np.testing.assert_allclose(StftDistance()(gain * noise, noise, RATE), expected, rtol=1e-4)  # a bin may be empty


def test_stft_distance_to_silence_is_that_of_the_whole_reference():
    # Convergence is 1; in every bin the logarithm falls from the reference's to the floor's.
    noise = np.random.default_rng(0).normal(scale=0.1, size=RATE)
    fall = np.mean([np.log(np.maximum(amplitude(noise, window), FLOOR) / FLOOR).mean() for window in WINDOWS])
    np.testing.assert_allclose(StftDistance()(np.zeros(RATE), noise, RATE), 1 + fall)


def test_stft_distance_is_zero_at_identity_and_blind_to_what_is_below_the_floor(voice):
    faint = np.random.default_rng(0).normal(scale=1e-7, size=len(voice)).astype(np.float32)
    assert StftDistance()(voice, voice, RATE)[0] == 0
    assert StftDistance()(voice + faint, voice, RATE)[0] < 1e-2


def test_mel_distance_is_symmetric_and_zero_at_identity(voice):
    other = np.roll(voice, 1000)
    assert MelDistance()(voice, voice, RATE)[0] == 0
    assert MelDistance()(voice, other, RATE) == pytest.approx(MelDistance()(other, voice, RATE))


def test_mel_distance_ignores_what_is_below_the_floor(voice):
    faint = np.random.default_rng(0).normal(scale=1e-6, size=(2, RATE))
    assert MelDistance()(faint[0], faint[1], RATE)[0] == 0


def test_a_sine_reads_its_amplitude_in_its_mel_band():
    # Unit-sum Hann: a sine of amplitude a on a bin has |X| = a/2 there and a/4 on both neighbours.
    window, bin_index, amplitude = 1024, 100, 0.8
    wav = amplitude * np.sin(2 * np.pi * bin_index / window * np.arange(8 * window))
    bands = mel_bands(RATE, window)
    expected = bands[:, bin_index] * amplitude / 2 + (bands[:, bin_index - 1] + bands[:, bin_index + 1]) * amplitude / 4
    measured = log_mel(wav, RATE, window)[12]
    np.testing.assert_allclose(measured, np.log10(np.maximum(expected, FLOOR)), atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
@pytest.mark.parametrize("window", [512, 2048])
def test_mel_bands_average_and_cover_the_spectrum(rate, window):
    bands = mel_bands(rate, window)
    np.testing.assert_allclose(bands.sum(axis=1), 1)
    assert len(bands) == 80
    assert (bands[:, 1:-1].sum(axis=0) > 0).all()


def test_a_silent_reference_is_undefined_with_its_reason_and_the_rest_of_the_batch_is_scored(voice):
    reference = np.stack([np.zeros_like(voice), voice])
    with pytest.warns(UndefinedScore, match="silent"):
        scores = SiSdr()(np.stack([voice, voice]), reference, RATE)
    np.testing.assert_array_equal(scores, [np.nan, 100.0])


@pytest.mark.parametrize("length", [0, 1, 100])
def test_short_signals_are_defined_or_say_why(length):
    wav = np.full(length, 0.1, np.float32)
    if length == 0:
        with pytest.warns(UndefinedScore):
            assert np.isnan(MelDistance()(wav, wav, RATE)[0])
    else:
        assert MelDistance()(wav, wav, RATE)[0] == 0


@pytest.mark.parametrize("metric", [SiSdr(), MelDistance(), StftDistance()])
def test_shapes_and_samples_are_checked(metric):
    with pytest.raises(AudioError, match=r"\(3,\) and \(4,\)"):
        metric(np.ones(3), np.ones(4), RATE)
    with pytest.raises(AudioError, match="finite"):
        metric(np.array([1.0, np.nan]), np.ones(2), RATE)


def test_a_missing_extra_names_its_remedy():
    with pytest.raises(UsageError, match=r"pip install 'kvant\[eval\]'"):
        import_extra("no_such_package_of_kvant", "eval", "This test")


def test_what_kvant_itself_lacks_is_no_missing_extra():
    with pytest.raises(ModuleNotFoundError, match=r"kvant\.no_such_part"):
        import_extra("kvant.no_such_part", "eval", "This test")


def test_metrics_are_chosen_by_name_in_one_order():
    chosen, notes = choose(["stft", "si-sdr"])
    assert [(name, metric.name) for name, metric in chosen.items()] == [("si-sdr", "SI-SDR"), ("stft", "STFT distance")]
    assert notes == []
    for names in (["si-sdr", "loudness"], []):
        with pytest.raises(UsageError, match=", ".join(METRICS)):
            choose(names)


def test_by_default_what_is_not_installed_is_left_out_with_a_note_and_refused_when_asked_for(monkeypatch):
    for package in ("pesq", "pystoi"):
        pytest.importorskip(package)

    def missing():
        import_extra("no_such_package_of_kvant", "eval", "ViSQOL")

    monkeypatch.setitem(METRICS, "visqol", missing)
    chosen, notes = choose(None)
    assert list(chosen) == [name for name in METRICS if name != "visqol"]
    assert len(notes) == 1
    assert notes[0].startswith("without visqol: ViSQOL needs the package")
    with pytest.raises(UsageError, match="pip install"):
        choose(["visqol"])


class TestPerceptual:
    """PESQ, STOI, ViSQOL: identity is perfect, silence is defined."""

    @pytest.fixture(params=["pesq-wb", "pesq-nb", "stoi", "visqol"])
    def metric(self, request):
        package = {"pesq-wb": "pesq", "pesq-nb": "pesq", "stoi": "pystoi", "visqol": "visqol"}[request.param]
        pytest.importorskip(package)
        makers = {"pesq-wb": Pesq, "pesq-nb": lambda: Pesq("NB"), "stoi": Stoi, "visqol": Visqol}
        return makers[request.param]()

    def test_identity_is_perfect_and_noise_is_not(self, metric, voice):
        voice = voice[: 2 * RATE]
        noise = np.random.default_rng(0).normal(scale=0.1, size=len(voice)).astype(np.float32)
        identity, noisy = metric(np.stack([voice, voice + noise]), np.stack([voice, voice]), RATE)
        assert identity == pytest.approx(metric.perfect, abs=1e-3)
        assert noisy < identity - 0.05

    def test_silence_for_speech_is_the_worst_score_and_silence_for_silence_is_undefined(self, metric, voice):
        voice = voice[: 2 * RATE]
        silence = np.zeros_like(voice)
        assert metric(silence, voice, RATE)[0] < 1.1
        with pytest.warns(UndefinedScore, match="silent"):
            assert np.isnan(metric(silence, silence, RATE)[0])

    def test_too_short_is_undefined_with_its_reason(self, metric, voice):
        with pytest.warns(UndefinedScore, match="needs"):
            assert np.isnan(metric(voice[6000:9000], voice[6000:9000], RATE)[0])
