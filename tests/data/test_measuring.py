"""What is measured of a recording is what was put into it."""

from pathlib import Path

import numpy as np
import pytest

from kvant.data.measuring import SPECTRA, Spread, measure
from tests.data.conftest import RATE, noise, save, tone


@pytest.mark.parametrize("high", [1000, 3400, 5500, 7900])
@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_bandwidth_is_where_the_noise_ends(high: float, rate: int, tmp_path: Path) -> None:
    """To the 100 Hz of a band and the 200 Hz of the window's main lobe and smoothing, whatever rate the file has."""
    found = measure(save(tmp_path / "a.wav", noise(2, high, rate), rate), "a.wav")
    assert high <= found.bandwidth_hz <= min(high + 300, rate // 2)


def test_level_is_of_the_active_part(tmp_path: Path) -> None:
    """A sine of peak 0.5 for a second, silence for three: -9.03 dBFS, three quarters silent."""
    wav = np.concatenate([np.zeros(RATE), tone(1, 440, 0.5), np.zeros(2 * RATE)])
    found = measure(save(tmp_path / "a.wav", wav, subtype="FLOAT"), "a.wav")
    assert found.level_dbfs == pytest.approx(20 * np.log10(0.5 / 2**0.5), abs=0.02)
    assert found.silence == pytest.approx(0.75, abs=1e-6)
    assert found.peak == pytest.approx(0.5, abs=1e-3)
    assert found.duration_s == 4
    assert found.clipped == 0
    assert found.errors == ()


def test_the_share_of_clipped_samples(tmp_path: Path) -> None:
    """A sine of amplitude 2 cut at 1 is flat for two thirds of the time: |sin| > 1/2."""
    found = measure(save(tmp_path / "a.wav", np.clip(tone(2, 100, 2.0), -1, 1), subtype="FLOAT"), "a.wav")
    assert found.clipped == pytest.approx(2 / 3, abs=0.01)
    assert found.flaws[0] == "clipped"


def test_channels_are_averaged_for_level_and_searched_for_peaks(tmp_path: Path) -> None:
    left, right = tone(1, 440, 1.0), np.zeros(RATE, np.float32)
    found = measure(save(tmp_path / "a.wav", np.stack([left, right], 1), subtype="FLOAT"), "a.wav")
    assert found.channels == 2
    assert found.level_dbfs == pytest.approx(-9.03, abs=0.02)
    assert found.peak == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("level", [0, 1e-4])
def test_silence(level: float, tmp_path: Path) -> None:
    found = measure(save(tmp_path / "a.wav", tone(1, 440, level), subtype="FLOAT"), "a.wav")
    assert (found.level_dbfs, found.silence, found.bandwidth_hz) == (None, 1, 0)
    assert found.flaws == ("silent",)


def test_the_same_sound_in_another_container_has_the_same_hash(tmp_path: Path) -> None:
    wav = noise(1, 4000)
    first = measure(save(tmp_path / "a.wav", wav), "a.wav")
    assert measure(save(tmp_path / "a.flac", wav), "a.flac").audio_sha256 == first.audio_sha256
    assert measure(save(tmp_path / "b.wav", wav[:-1]), "b.wav").audio_sha256 != first.audio_sha256
    assert measure(save(tmp_path / "c.wav", wav, 8000), "c.wav").audio_sha256 != first.audio_sha256


def test_a_flac_file_cut_short(tmp_path: Path) -> None:
    path = save(tmp_path / "a.flac", noise(3, 4000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = measure(path, "a.flac")
    assert found.flaws == ("corrupt",)
    assert 1 < found.duration_s < 2
    (error,) = found.errors
    assert error.startswith(f"{path}: is cut short (1.")
    assert "of 3.00 s are there); get it again" in error


@pytest.mark.parametrize("suffix", ["wav", "aiff"])
def test_other_files_cut_short(suffix: str, tmp_path: Path) -> None:
    path = save(tmp_path / f"a.{suffix}", noise(1, 4000))
    assert measure(path, path.name).errors == ()
    path.write_bytes(path.read_bytes()[:-1000])
    found = measure(path, path.name)
    assert found.flaws == ("corrupt",)
    assert "is cut short (1000 bytes are missing); get it again" in found.errors[0]


def test_a_length_that_its_writer_did_not_know(tmp_path: Path) -> None:
    """As ffmpeg leaves it in a pipe."""
    path = save(tmp_path / "a.wav", noise(1, 4000))
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * 4 + data[8:40] + b"\xff" * 4 + data[44:])
    assert measure(path, "a.wav").errors == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"once upon a time " * 20, "not audio that can"),
        (b"\0\0\0\x18ftypM4A ", "convert it"),
    ],
)
def test_what_is_no_audio(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    found = measure(tmp_path / "a.wav", "a.wav")
    assert found.flaws == ("corrupt",)
    assert message in found.errors[0]
    assert str(tmp_path / "a.wav") in found.errors[0]


def test_no_samples_and_impossible_rates(tmp_path: Path) -> None:
    assert "holds no samples" in measure(save(tmp_path / "a.wav", np.zeros(0)), "a.wav").errors[0]
    assert "50 Hz is no rate for sound" in measure(save(tmp_path / "b.wav", np.zeros(99), 50), "b.wav").errors[0]


def test_spectra_are_spread_over_the_whole_recording() -> None:
    """Frames carry their number: those kept are every second, then every fourth, up to the end."""
    spread = Spread()
    numbers = np.arange(2.5 * SPECTRA)
    for start in range(0, len(numbers), 777):
        spread.add(numbers[start : start + 777, None])
    kept = spread.among(np.arange(len(numbers)))[:, 0]
    assert np.array_equal(kept, numbers[::4])
    assert np.array_equal(spread.among(np.arange(100, 110))[:, 0], [100, 104, 108])
