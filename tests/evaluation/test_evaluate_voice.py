"""The recipe of the published table, with a codec that is not one."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

RATE = 24000


@pytest.fixture(scope="module")
def recipe():
    path = Path(__file__).parents[2] / "recipes" / "evaluate_voice.py"
    spec = importlib.util.spec_from_file_location("evaluate_voice", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Attenuator:
    """Keeps the wav, at half amplitude, beside 75 frames of codes a second."""

    def encode(self, wav, sample_rate, num_codebooks):
        assert sample_rate == RATE
        frames = -(-wav.shape[-1] // 320)
        return SimpleNamespace(codes=np.zeros((len(wav), num_codebooks, frames), np.int64), wav=wav)

    def decode(self, codes):
        return 0.5 * codes.wav


@pytest.mark.parametrize(("depth", "bitrate"), [(1, 750), (2, 1500), (4, 3000), (8, 6000)])
def test_a_depth_of_the_model_is_a_system_with_its_bitrate(recipe, voice, depth, bitrate):
    decoded, bits = recipe.kvant_system(Attenuator(), depth)(voice, RATE)
    np.testing.assert_array_equal(decoded, 0.5 * voice)
    assert bits * RATE / len(voice) == pytest.approx(bitrate, rel=1e-3)


def test_the_comparison_is_with_opus_and_codec2(recipe):
    assert list(recipe.conventional_systems()) == [
        "recording",
        "Opus 12",
        "Opus 8",
        "Opus 6",
        "Codec2 3200",
        "Codec2 1600",
    ]
