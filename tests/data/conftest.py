"""Sound whose bandwidth, level and flaws are known because they were put there."""

import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

if find_spec("torch") is None:
    collect_ignore = ["test_segments.py", "test_balance.py", "test_sharded.py", "test_hugging_face.py"]

RATE = 16000


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path: Path) -> object:
    """No test may leave a temporary file of an unfinished output."""
    yield
    assert not list(tmp_path.rglob(".kvant-*"))


def noise(seconds: float, high: float, rate: int = RATE, level_dbfs: float = -20.0, seed: int = 0) -> np.ndarray:
    """float32 [N]: noise that is flat up to `high` Hz, nothing above, of this RMS."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(round(seconds * rate)))
    spectrum[np.fft.rfftfreq(round(seconds * rate), 1 / rate) > high] = 0
    wav = np.fft.irfft(spectrum, n=round(seconds * rate))
    return (wav / np.sqrt(np.mean(wav**2)) * 10 ** (level_dbfs / 20)).astype(np.float32)


def tone(seconds: float, frequency: float, peak: float, rate: int = RATE) -> np.ndarray:
    """float32 [N]."""
    return (peak * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def save(path: Path, wav: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> Path:
    """A file, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Integers, as libsndfile rounds floats differently for each format.
    sf.write(
        path,
        np.rint(np.clip(wav, -1, 1) * 32767).astype(np.int16) if subtype == "PCM_16" else wav,
        rate,
        subtype=subtype,
    )
    return path


def flac(wav: np.ndarray, rate: int = RATE) -> bytes:
    """The bytes of a FLAC file."""
    file = io.BytesIO()
    sf.write(file, wav, rate, format="FLAC")
    return file.getvalue()
