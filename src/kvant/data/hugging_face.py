"""Data sets of the Hugging Face library `datasets`: their audio decoded here, from the bytes they hold."""

import io
from pathlib import Path
from typing import Any, BinaryIO

from kvant.errors import AudioError, UsageError
from kvant.extras import import_extra

SHARD = 1000  # consecutive rows that are taken to lie close together


class HuggingFaceRecordings:
    """The audio column of a `datasets.Dataset`; for `ShardedSegments`. Needs `pip install 'kvant[data]'`, no decoder.

    dataset: as `datasets.load_dataset(..., split="train")` or `load_from_disk` give it: on this disk, with random
    access. UsageError: a streaming data set, several splits, no such column, or one without audio.
    """

    def __init__(self, dataset: Any, column: str = "audio") -> None:
        datasets = import_extra("datasets", "data", "a Hugging Face data set")
        if not isinstance(dataset, datasets.Dataset):
            raise UsageError(
                f"a {type(dataset).__name__} has no random access; load one split, without streaming=True, "
                "or save it as WebDataset shards"
            )
        feature = dataset.features.get(column)
        if not isinstance(feature, datasets.Audio):
            audio = [name for name, each in dataset.features.items() if isinstance(each, datasets.Audio)]
            raise UsageError(f"the column {column!r} holds no audio; those that do: {', '.join(audio) or 'none'}")
        self.dataset = dataset.select_columns([column]).cast_column(column, datasets.Audio(decode=False))
        self.column = column
        rows = len(dataset)
        self.sizes = [min(SHARD, rows - start) for start in range(0, rows, SHARD)]

    def open(self, shard: int, number: int) -> tuple[str, BinaryIO]:
        """Row shard * 1000 + number: its name, and its bytes. AudioError: it has none, and its file is not here."""
        row = shard * SHARD + number
        cell = self.dataset[row][self.column] or {}
        path, data = cell.get("path"), cell.get("bytes")
        name = f"row {row}" + (f" ({path})" if path else "")
        if data is None:
            try:
                data = Path(path or "").read_bytes()
            except OSError as error:
                raise AudioError(f"{name}: neither bytes nor a file ({error.strerror}); load the set again") from error
        return name, io.BytesIO(data)
