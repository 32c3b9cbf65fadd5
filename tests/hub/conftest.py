"""The shipped model among transformers' audio tokenizers, and small ones of published layouts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file

from kvant.importing.filling import import_checkpoint
from tests.importing.test_transformers_layouts import TINY, tiny
from tests.speech import speech


def processor(model: Any) -> Any:
    """The feature extractor for a tokenizer."""
    from transformers import EncodecFeatureExtractor

    return EncodecFeatureExtractor(sampling_rate=model.config.sampling_rate)


def imported(name: str, folder: Path) -> Any:
    """The tokenizer of a tiny release, from transformers' layout."""
    from kvant.hub import KvantAudioTokenizer

    save_file(tiny(name)[0], folder / "theirs.safetensors")
    import_checkpoint(name, TINY[name], folder / "theirs.safetensors", folder / "model.safetensors", {})
    return KvantAudioTokenizer.from_kvant(str(folder))


def recordings() -> list[np.ndarray]:
    """Two of different lengths."""
    return [speech(0.5)[0, 0].numpy(), speech(0.5, seed=1)[0, 0, :7000].numpy()]


@pytest.fixture(scope="session")
def voice() -> Any:
    """The shipped model, whose codec has buffers that are computed and not stored."""
    from kvant.hub import KvantAudioTokenizer

    return KvantAudioTokenizer.from_kvant("kvant-voice-24k")


@pytest.fixture(scope="session")
def saved(voice: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder as transformers writes it, with its feature extractor."""
    folder = tmp_path_factory.mktemp("saved")
    voice.save_pretrained(folder)
    processor(voice).save_pretrained(folder)
    return folder
