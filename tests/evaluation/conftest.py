"""A voice for the evaluation tests: synthetic, since the repository holds no recordings for them."""

import numpy as np
import pytest

RATE = 24000


def synthetic_voice(seconds: float = 4.0, seed: int = 0) -> np.ndarray:
    """Float32 [N] at 24 kHz: a gliding pitch under moving formants, in syllables with fricatives between."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    knots = np.arange(0, seconds + 0.25, 0.25)
    pitch = np.interp(t, knots, rng.uniform(90, 160, len(knots)))
    formants = [np.interp(t, knots, rng.uniform(low, high, len(knots))) for low, high in ((300, 800), (900, 2200))]
    formants.append(np.full_like(t, 2900.0))
    syllable = np.interp(t, knots, np.tile([0.02, 1.0], len(knots))[: len(knots)])
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voiced = np.zeros_like(t)
    for harmonic in range(1, 40):
        frequency = harmonic * pitch
        gain = sum(weight / (1 + ((frequency - f) / 90) ** 2) for weight, f in zip((1, 0.5, 0.2), formants))
        voiced += gain * np.sin(harmonic * phase)
    fricative = np.diff(rng.normal(size=len(t) + 1)) * (1 - syllable) ** 4 * 0.03
    wav = voiced / np.abs(voiced).max() * syllable + fricative
    return (0.5 * wav / np.abs(wav).max()).astype(np.float32)


@pytest.fixture(scope="session")
def voice() -> np.ndarray:
    return synthetic_voice()
