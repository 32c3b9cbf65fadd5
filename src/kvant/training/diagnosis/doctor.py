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
from kvant.losses.band_limit import band_limit
from kvant.training.diagnosis.balance import balance
from kvant.training.diagnosis.examination import examine, undisturbed
from kvant.training.diagnosis.gradients import Losses
from kvant.training.diagnosis.levels import residual_measures, usage_measures
from kvant.training.diagnosis.listening import codebooks_of
from kvant.training.diagnosis.movement import CodebookMovement, Movement
from kvant.training.diagnosis.records import Record, read_records, to_json
from kvant.training.diagnosis.symptom import Symptom
from kvant.training.diagnosis.symptoms import diagnose

WINDOW = 20
"""Examinations whose code counts are taken together: a single batch has fewer latents than a codebook has codes."""
EXAMINED = 8
"""Items of a batch that are looked at: an examination of 8 s costs as much as two to three training steps of them."""


class Doctor:
    """Call it every so many steps: `new = doctor(step, batch, losses, logged, discriminators, boundary)`.

    run: the folder whose `health.jsonl` gets one record a call. first: the step training starts or resumes at; records
    beyond it, from before an interruption, are removed. fixed: a held-out batch and one of training data, examined each
    time, so that their course is the codec's and not the data's.
    """

    def __init__(self, run: Path, codec: Codec, first: int = 0, fixed: tuple[Batch, Batch] | None = None) -> None:
        self.path = run / "health.jsonl"
        self.codec = codec
        self.fixed = fixed
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
        boundary: float = 0.0,
    ) -> list[Symptom]:
        """Examine on the first of `batch`, append the record of `step`, return the symptoms not reported before.

        losses: weighted, by name. logged: what the loop has averaged since the last call, recorded as `train/NAME`.
        discriminators: those that judge at this step; boundary: their score between real and fake, 0 with hinge losses,
        0.5 with least squares. Nothing of the run changes: no weight, statistic, mode or random number.
        """
        record = {"step": float(step), **{f"train/{name}": float(value) for name, value in (logged or {}).items()}}
        record |= self.examine(batch, losses, discriminators or {}, boundary)
        self.records.append(record)
        with self.path.open("a", encoding="utf-8") as sink:
            sink.write(_line(record))
        found = diagnose(self.records)
        new = [symptom for symptom in found if (symptom.name, symptom.where) not in self.reported]
        self.reported |= {(symptom.name, symptom.where) for symptom in new}
        return new

    def examine(
        self, batch: Batch, losses: Losses, discriminators: Mapping[str, nn.Module], boundary: float
    ) -> dict[str, float]:
        """All measures of this moment, by name."""
        batch = Batch(batch.wav[:EXAMINED], batch.bandwidth[:EXAMINED])
        examined = examine(self.codec, batch, losses)
        self.counts.append(examined.counts)
        measures = examined.measures | usage_measures([sum(level[1:], level[0]) for level in zip(*self.counts)])
        measures |= self.codebook_movement(codebooks_of(self.codec), examined.heard)
        measures |= self.movement(dict(self.codec.named_children()) | dict(discriminators))
        fake, real = (band_limit(wav, batch.bandwidth, self.codec.sample_rate) for wav in (examined.wav, batch.wav))
        for name, discriminator in discriminators.items():
            with undisturbed(discriminator):
                scores = balance(discriminator, fake, real, boundary)
            measures |= {f"balance/{name}/{figure}": value for figure, value in scores.items()}
        if self.fixed is not None:
            measures |= self.course_measures(losses, *self.fixed)
        return measures

    @torch.no_grad()
    def course_measures(self, losses: Losses, held_out: Batch, heard: Batch) -> dict[str, float]:
        """`held_out/NAME`: weighted losses and `quantization_snr`. `gap/NAME`: them over those on `heard`, - 1."""
        with undisturbed(self.codec):
            unseen, seen = (losses(self.codec(batch.wav), batch) for batch in (held_out, heard))
            latents = self.codec.encoder(self.codec.pad(held_out.wav))
            codes = self.codec.quantizer.encode(latents)
            noise = residual_measures(self.codec.quantizer, latents, codes)["quantization_snr"]
        measures = {f"held_out/{name}": float(loss) for name, loss in unseen.items()}
        measures |= {f"gap/{name}": float(unseen[name] / seen[name]) - 1 for name in seen if float(seen[name]) != 0}
        return measures | {"held_out/quantization_snr": noise}


def _line(record: Record) -> str:
    return json.dumps(to_json(record)) + "\n"
