"""An entropy model from its file in a model's folder to the bytes of a stream and back."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from kvant.bitstream import (
    ABSENT,
    EntropyModel,
    Header,
    Layout,
    Packing,
    Writer,
    info,
    read_codes,
    truncate,
    verify,
)
from kvant.errors import ModelError
from kvant.runtime.entropy import ENTROPY, read_entropy_model
from kvant.runtime.files import slots
from tests.bitstream.test_neural_entropy_model import LEVELS, SIZE, small_model

SIZES = (SIZE,) * LEVELS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With an entropy model of random tensors, whose first two levels look at their own past."""
    save_file(small_model(), tmp_path / ENTROPY)
    return tmp_path


def drawn(model: EntropyModel, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Codes [K, T] that the model holds for likely: each from its frequencies."""

    def draw(table: np.ndarray) -> int:
        return int(rng.choice(len(table), p=table / table.sum()))

    depths = np.zeros(frames, np.int64)
    for time in range(frames):
        depths[time] = draw(model.depth_frequencies(depths, range(time, time + 1))[0])
    codes = np.full((LEVELS, frames), ABSENT)
    for level in range(LEVELS):
        for time in np.flatnonzero(depths > level):
            codes[level, time] = draw(model.frequencies(level, codes, depths, np.array([time]))[0])
    return codes


@pytest.mark.parametrize("channels", [1, 2])
def test_streams_coded_by_a_learnt_model_come_back(folder: Path, channels: int) -> None:
    """Also with levels dropped, which the others must not have known."""
    model = read_entropy_model(folder, SIZES)
    assert model is not None
    rng = np.random.default_rng(3)
    codes = slots(np.stack([drawn(model, 25, rng) for _ in range(channels)]))
    header = Header(
        model_id="learnt",
        decoder_digest=bytes(32),
        encoder_digest=bytes(32),
        codec_rate=24_000,
        source_rate=24_000,
        channels=channels,
        layout=Layout(channels - 1),
        num_samples=None,
        hop_length=320,
        pre_skip=0,
        codebook_sizes=tuple(np.repeat(SIZES, channels)),
        packing=Packing.CODED,
        table_digest=model.digest,
    )
    sink = io.BytesIO()
    with Writer(sink, header, 25, model) as writer:
        writer.write(codes)
    assert info(io.BytesIO(sink.getvalue())).coded_share == 1
    raw = io.BytesIO()
    with Writer(raw, replace(header, table_digest=bytes(32)), 25) as writer:
        writer.write(codes)
    assert len(sink.getvalue()) < len(raw.getvalue()) - 12 * channels
    for kept in range(channels, len(codes) + 1, channels):
        lower = io.BytesIO()
        truncate(io.BytesIO(sink.getvalue()), lower, kept)
        np.testing.assert_array_equal(read_codes(io.BytesIO(lower.getvalue()), model)[1], codes[:kept])
        assert verify(io.BytesIO(lower.getvalue()), lambda _: model).ok


def test_no_file_is_no_model_and_a_bad_one_is_named(folder: Path, tmp_path: Path) -> None:
    assert read_entropy_model(folder / "elsewhere", SIZES) is None
    with pytest.raises(ModelError, match=r"made for codebooks \(20, 20, 20\)"):
        read_entropy_model(folder, (SIZE,) * 4)
    (tmp_path / ENTROPY).write_bytes((folder / ENTROPY).read_bytes()[:100])
    with pytest.raises(ModelError, match="not a readable entropy model"):
        read_entropy_model(tmp_path, SIZES)
