"""What the folder of a run tells the doctor without torch: its records, its config, where its corpus was."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from kvant.errors import UsageError
from kvant.training.diagnosis.records import Record, merged, read_records

CONFIG, HEALTH, HISTORY, MODEL = "config.json", "health.jsonl", "history.jsonl", "model.safetensors"


class RunFolder(NamedTuple):
    """records: of training and validation, in order of step. corpus: as the config names it, if it does."""

    path: Path
    records: list[Record]
    corpus: str | None

    @property
    def model(self) -> Path:
        return self.path / MODEL


def read_run(path: Path) -> RunFolder:
    """UsageError: no folder, no run in it, or damaged files."""
    if not path.is_dir():
        raise UsageError(f"{path}: no such run; name the folder that kvant train -o has made")
    if not any((path / name).is_file() for name in (CONFIG, HEALTH, HISTORY, MODEL)):
        raise UsageError(f"{path}: holds no run: none of {CONFIG}, {HEALTH}, {HISTORY}, {MODEL}; name a run's folder")
    records = [read_records(path / name) for name in (HEALTH, HISTORY) if (path / name).is_file()]
    config = _read_config(path / CONFIG) if (path / CONFIG).is_file() else {}
    corpus = config.get("corpus")
    return RunFolder(path, merged(*records), corpus if isinstance(corpus, str) else None)


def held_out_split(corpus: str) -> Path:
    """`dev` of a corpus, or the folder itself if it is a split. UsageError: neither."""
    for split in (Path(corpus) / "dev", Path(corpus)):
        if (split / "audio.npy").is_file():
            return split
    raise UsageError(f"{corpus}: no prepared corpus here (dev/audio.npy); name one with --data")


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: damaged ({error}); restore or remove it") from error
    if not isinstance(config, dict):
        raise UsageError(f"{path}: damaged (not a JSON object); restore or remove it")
    return config
