"""One cell with one seed: trained from the start that all cells share, judged, and written down, whatever happens."""

import contextlib
import dataclasses
import hashlib
import json
import shutil
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import torch

from kvant.ablation.judging import judge_levels, judge_rates
from kvant.ablation.results import DIVERGED, DONE, FAILED, FORMAT_VERSION, Outcome, write_outcome
from kvant.codec import Codec
from kvant.data import Segments
from kvant.errors import UsageError
from kvant.evaluation.clip import Clip
from kvant.evaluation.held_out import held_out_clips
from kvant.evaluation.metrics.choice import METRICS
from kvant.training.config import TrainingConfig
from kvant.training.diagnosis.records import read_records
from kvant.training.log import HISTORY
from kvant.training.loop import train

HELD_OUT_SECONDS = 1.0
LOG = "log.txt"


@dataclass(frozen=True)
class Task:
    """A cell with a seed: all that a process must know. folder: of its training run; result: its JSON."""

    cell: str
    choices: dict[str, str]
    config: TrainingConfig
    clips: int
    metrics: tuple[str, ...]
    folder: Path
    result: Path
    fingerprint: str

    def outcome(self, status: str, reason: str = "") -> Outcome:
        """Without figures."""
        return Outcome(self.cell, self.config.seed, self.fingerprint, status, self.choices, reason)


def fingerprint(config: TrainingConfig, clips: int, metrics: tuple[str, ...], corpus: str) -> str:
    """Hex SHA-256 of all that a cell's figures depend on, but for the code. corpus: fingerprint of the data."""
    fields = dataclasses.asdict(config)
    for place in ("name", "corpus", "start"):
        fields.pop(place)
    whole = {"version": FORMAT_VERSION, "config": fields, "clips": clips, "metrics": metrics, "corpus": corpus}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def run(task: Task) -> Outcome:
    """Train and judge; the outcome is also written. What goes wrong is an outcome, too; only Ctrl-C ends it."""
    for folder in (task.folder, task.result.parent):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with (task.folder / LOG).open("w") as log, contextlib.redirect_stdout(log):
            outcome = _trained(task)
    except Exception as error:  # whatever a combination of parts does wrong is a finding about it
        (task.folder / "error.txt").write_text(traceback.format_exc())
        outcome = task.outcome(FAILED, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    write_outcome(task.result, outcome)
    return outcome


def _trained(task: Task) -> Outcome:
    """As above, if nothing goes wrong. Only the model, its history and logs stay in the folder."""
    begun = time.process_time()
    codec = train(task.config, task.folder).eval()
    seconds = time.process_time() - begun
    for part in ("start", "tensorboard"):
        shutil.rmtree(task.folder / part, ignore_errors=True)
    (task.folder / "state.safetensors").unlink(missing_ok=True)
    last = read_records(task.folder / HISTORY)[-1]
    held_out = {name: value for name, value in last.items() if name != "step"}
    figures = dataclasses.replace(task.outcome(DIVERGED), seconds=seconds, held_out=held_out)
    if reason := _not_finite(codec, held_out):
        return dataclasses.replace(figures, reason=reason)
    split = Path(task.config.corpus) / "dev"
    metrics = [METRICS[name]() for name in task.metrics]
    segments = Segments(split, codec.sample_rate, HELD_OUT_SECONDS, seed=0)
    rates = judge_rates(codec, clips_of(split, task.clips, codec.sample_rate), metrics, segments)
    levels = judge_levels(codec, segments)
    return dataclasses.replace(figures, status=DONE, rates=tuple(rates), levels=tuple(levels))


def clips_of(split: Path, count: int, sample_rate: int) -> list[Clip]:
    """The clips that all cells are judged on. UsageError: of another rate than the codec's, or none long enough."""
    clips = held_out_clips(split, count)
    if not clips or any(clip.sample_rate != sample_rate for clip in clips):
        raise UsageError(f"{split}: holds no clips of 3 s at {sample_rate} Hz; prepare the corpus at this rate")
    return clips


def _not_finite(codec: Codec, held_out: dict[str, float]) -> str:
    """What is not finite, if anything."""
    for name, tensor in codec.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return f"{name} is not finite"
    lost = [name for name, value in held_out.items() if not abs(value) < float("inf")]
    return f"held-out {lost[0]} is not finite" if lost else ""
