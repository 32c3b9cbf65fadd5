"""The doctor in the training loop: examine, record, and say once what is wrong."""

import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from kvant.codec import Codec
from kvant.data import Batch
from kvant.files import atomic_write
from kvant.training.diagnosis.balance import balance
from kvant.training.diagnosis.examination import examine, undisturbed
from kvant.training.diagnosis.gradients import Losses
from kvant.training.diagnosis.levels import usage_measures
from kvant.training.diagnosis.listening import codebooks_of
from kvant.training.diagnosis.movement import CodebookMovement, Movement
from kvant.training.diagnosis.records import Record, read_records, to_json
from kvant.training.diagnosis.symptom import Symptom
from kvant.training.diagnosis.symptoms import diagnose

WINDOW = 20
"""Examinations whose code counts are taken together: a single batch has fewer latents than a codebook has codes."""


class Doctor:
    """Call it every `log_every` steps: `new = doctor(step, batch, losses, logged, discriminators)`.

    run: the folder whose `health.jsonl` gets one record a call. first: the step training starts or resumes at; records
    beyond it, from before an interruption, are removed. held_out, heard: batches of unseen and of training data for the
    gap between them. boundary: the discriminators' score between real and fake, 0 for hinge, 0.5 for least squares.
    """

    def __init__(
        self, run: Path, codec: Codec, first: int = 0, gap: tuple[Batch, Batch] | None = None, boundary: float = 0.0
    ) -> None:
        self.path = run / "health.jsonl"
        self.codec = codec
        self.gap = gap
        self.boundary = boundary
        self.records: list[Record] = []
        self.reported: set[tuple[str, str]] = set()
        self.counts: deque[list[Tensor]] = deque(maxlen=WINDOW)
        self.movement, self.codebook_movement = Movement(), CodebookMovement()
        self.movement(dict(codec.named_children()))
        if self.path.exists():
            self.records = [record for record in read_records(self.path) if 0 < record["step"] <= first]
            with atomic_write(self.path, overwrite=True) as sink:
                sink.write("".join(map(_line, self.records)).encode())
            self.reported = {(symptom.name, symptom.where) for symptom in diagnose(self.records)}

    def __call__(
        self,
        step: int,
        batch: Batch,
        losses: Losses,
        logged: Mapping[str, float] | None = None,
        discriminators: Mapping[str, nn.Module] | None = None,
    ) -> list[Symptom]:
        """Examine on `batch`, append the record of `step`, and return the symptoms that are new since the last call.

        losses: weighted, by name. logged: what the loop has averaged since the last call, recorded as `train/NAME`.
        discriminators: those that judge at this step. Nothing of the run changes: no weight, statistic, mode or random
        number.
        """
        record = {"step": float(step), **{f"train/{name}": float(value) for name, value in (logged or {}).items()}}
        record |= self.examine(batch, losses, discriminators or {})
        self.records.append(record)
        with self.path.open("a", encoding="utf-8") as sink:
            sink.write(_line(record))
        found = diagnose(self.records)
        new = [symptom for symptom in found if (symptom.name, symptom.where) not in self.reported]
        self.reported |= {(symptom.name, symptom.where) for symptom in new}
        return new

    def examine(self, batch: Batch, losses: Losses, discriminators: Mapping[str, nn.Module]) -> dict[str, float]:
        """All measures of this moment, by name."""
        examined = examine(self.codec, batch, losses)
        self.counts.append(examined.counts)
        measures = examined.measures | usage_measures([sum(level[1:], level[0]) for level in zip(*self.counts)])
        measures |= self.codebook_movement(codebooks_of(self.codec), examined.heard)
        measures |= self.movement(dict(self.codec.named_children()) | dict(discriminators))
        for name, discriminator in discriminators.items():
            with undisturbed(discriminator):
                scores = balance(discriminator, examined.wav, batch.wav, self.boundary)
            measures |= {f"balance/{name}/{figure}": value for figure, value in scores.items()}
        if self.gap is not None:
            measures |= self.gap_measures(losses, *self.gap)
        return measures

    @torch.no_grad()
    def gap_measures(self, losses: Losses, held_out: Batch, heard: Batch) -> dict[str, float]:
        """`gap/NAME`: held-out loss over training loss, less one."""
        with undisturbed(self.codec):
            unseen, seen = (losses(self.codec(batch.wav), batch) for batch in (held_out, heard))
        return {f"gap/{name}": float(unseen[name] / seen[name]) - 1 for name in seen if float(seen[name]) != 0}


def _line(record: Record) -> str:
    return json.dumps(to_json(record)) + "\n"
