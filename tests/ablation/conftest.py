"""A grid of seconds: synthetic corpus, a codec of a few thousand weights, four steps."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from kvant.ablation.grid import Grid, parse_grid
from tests.speech import speech

TINY = {
    "metrics": ["mel"],
    "clips": 2,
    "training": {
        "solve_segments": 24,
        "phases": {"0": {"steps": 4, "batch_size": 4, "seconds": 0.25}},
        "codec": {
            "backbone": {
                "latent_dim": 12,
                "num_codebooks": 2,
                "codebook_size": 16,
                "features": {"num_bins": 160, "num_coefficients": 48, "num_bands": 12},
                "encoder": {"channels": 8, "hidden": 8, "dilations": [1]},
                "decoder": {"channels": 8, "hidden": 8, "dilations": [1]},
            }
        },
    },
    "base": {"remedies": "KMeansInit"},
    "groups": [{"question": "Which codebook?", "product": {"codebook": ["LearnedCodebook"]}}],
}


@pytest.fixture(autouse=True)
def as_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Training sets threads and the treatment of denormals; tests need no 20 batches of held-out segments."""
    monkeypatch.setattr("kvant.ablation.judging.LOOKS", 2)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train` and `dev`, each 4 clips of 3 s by 2 speakers."""
    folder = tmp_path_factory.mktemp("corpus")
    for seed, part in enumerate(("train", "dev")):
        clips = speech(3.0, batch=4, seed=seed)
        (folder / part).mkdir()
        np.save(folder / part / "audio.npy", (clips.numpy().ravel() * 32767).astype(np.int16))
        lines = [
            {"id": f"{part}-{k}", "source": "made", "speaker": f"s{k % 2}", "language": "en", "offset": 72000 * k}
            | {"length": 72000, "bandwidth_hz": 12000}
            for k in range(4)
        ]
        (folder / part / "clips.jsonl").write_text("\n".join(map(json.dumps, lines)))
        (folder / part / "manifest.json").write_text(json.dumps({"sample_rate": 24000}))
    return folder


@pytest.fixture
def tiny() -> Grid:
    """The base, and one other codebook."""
    return parse_grid(TINY)
