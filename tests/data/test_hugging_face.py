"""A data set of the library `datasets`, its audio decoded without the decoders that it asks for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kvant.data import HuggingFaceRecordings, ShardedSegments
from kvant.errors import UsageError
from tests.data.conftest import RATE, flac, noise, save

datasets = pytest.importorskip("datasets")


def audio_set(rows: dict[str, Any], column: str) -> Any:
    """Made as files and bytes first: to encode audio, as to decode it, the library wants another package."""
    features = datasets.Features({name: datasets.Value("string") for name in rows})
    features[column] = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    return datasets.Dataset.from_dict(rows, features=features).cast_column(column, datasets.Audio())


@pytest.fixture
def dataset(tmp_path: Path) -> Any:
    """Two recordings as bytes, one as a file, one whose file is not there."""
    path = save(tmp_path / "c.wav", np.full(800, 3000 / 32767))
    cells = [{"bytes": flac(np.full(800, level, np.int16)), "path": None} for level in (1000, 2000)]
    cells += [{"bytes": None, "path": str(path)}, {"bytes": None, "path": str(tmp_path / "gone.wav")}]
    rows = {"audio": cells, "text": ["one", "two", "three", "four"]}
    return audio_set(rows, "audio")


def test_every_row_that_can_be_read_and_the_one_that_cannot_by_name(dataset: Any) -> None:
    source = ShardedSegments(HuggingFaceRecordings(dataset), RATE, 0.01, 0, (0, 0))
    assert source.total == 4
    assert {round(float(source.item(k)[0].max()) * 32768) for k in range(4)} == {1000, 2000, 3000}
    ((place, error),) = source.errors.items()
    assert place == (0, 3)
    assert error.startswith("row 3 (")
    assert "neither bytes nor a file" in error


def test_the_same_batches_from_a_set_saved_and_loaded(dataset: Any, tmp_path: Path) -> None:
    whole = dataset.select(range(3))
    whole.save_to_disk(tmp_path / "set")
    loaded = datasets.load_from_disk(str(tmp_path / "set"))
    first, second = (ShardedSegments(HuggingFaceRecordings(each), RATE, 0.01, 5) for each in (whole, loaded))
    for index in (3, 0, 7):
        assert first.batch(index, 3).wav.equal(second.batch(index, 3).wav)


def test_bandwidth_is_measured(tmp_path: Path) -> None:
    cells = {"sound": [{"bytes": flac(noise(1, 3400)), "path": "a.flac"}]}
    recordings = HuggingFaceRecordings(audio_set(cells, "sound"), "sound")
    batch = ShardedSegments(recordings, RATE, 0.5, 0).batch(0, 2)
    assert all(3400 <= width <= 3700 for width in batch.bandwidth.tolist())


def test_what_is_no_audio(dataset: Any) -> None:
    with pytest.raises(UsageError, match="column 'text' holds no audio; those that do: audio"):
        HuggingFaceRecordings(dataset, "text")
    with pytest.raises(UsageError, match="column 'sound' holds no audio"):
        HuggingFaceRecordings(dataset, "sound")
    with pytest.raises(UsageError, match="IterableDataset has no random access; load one split"):
        HuggingFaceRecordings(dataset.to_iterable_dataset())
    with pytest.raises(UsageError, match="DatasetDict has no random access"):
        HuggingFaceRecordings(datasets.DatasetDict({"train": dataset}))
