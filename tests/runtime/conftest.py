"""The shipped model and a bundled recording."""

from pathlib import Path

import numpy as np
import pytest

import kvant
import kvant.errors
from kvant.audio import read, resample


@pytest.fixture(scope="session")
def codec() -> kvant.Codec:
    return kvant.load()


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """Ten seconds and 7 samples of real speech at 24 kHz, float32 [N]."""
    assets = Path(kvant.__file__).parent / "assets"
    recordings = [read(path) for path in sorted(assets.glob("*.flac"))]
    wav = np.concatenate([resample(wav, rate, 24000)[0] for wav, rate in recordings])
    return np.resize(wav, 240_007)
