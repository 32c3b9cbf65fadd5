"""What a run says of itself: a line and curves every few steps, held-out losses, sounds, pictures, the doctor."""

import time
from collections.abc import Mapping

from torch import Tensor

from kvant.codec import Reconstruction
from kvant.data import Batch
from kvant.training.board import Board
from kvant.training.diagnosis.doctor import Doctor
from kvant.training.run import Run
from kvant.training.run_state import append_record, rewind_records
from kvant.training.validation import validate

HISTORY = "history.jsonl"
HEARD = 4
"""Held-out segments that TensorBoard plays and shows."""


class Log:
    """Everything that is written of a run but its weights; by the first process alone."""

    def __init__(self, run: Run, first: int) -> None:
        """first: the step training starts or resumes at."""
        self.run, self.writes = run, run.accelerator.is_main_process
        self.values: dict[str, list[float]] = {}
        self.heard, self.since = 0.0, time.monotonic()
        if self.writes:
            unheard = run.segments("dev", run.config.phases[0])
            self.held_out = [run.placed(unheard.batch(index, 16)) for index in range(2)]
            rewind_records(run.folder / HISTORY, first)
            self.board = Board(run.folder / "tensorboard", first)
            self.doctor = Doctor(run.folder, run.codec, first, (self.held_out[0], run.placed(run.data[0].batch(0, 16))))

    def add(self, losses: Mapping[str, Tensor], batch: Batch) -> None:
        """One step: what it lost, and on what."""
        for name, value in losses.items():
            self.values.setdefault(name, []).append(float(value))
        self.heard += batch.wav[:, 0].numel() / self.run.codec.sample_rate

    def report(self, step: int, batch: Batch, share: float) -> None:
        """Means since the last report as a line, as curves, and to the doctor, whose new findings are printed.

        A mean is over the steps that had the figure: a discriminator need not learn at every one.
        """
        means = {name: sum(values) / len(values) for name, values in self.values.items()}
        speed = self.heard / (time.monotonic() - self.since)
        if self.writes:
            line = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
            print(f"step {step}/{self.run.config.steps}  {line}  {speed:.1f} s/s", flush=True)
            self.board.curves("train", means | {"rate": share, "audio_seconds_per_second": speed}, step)
            adversary = self.run.adversary
            judges = {} if adversary is None else {"discriminator": adversary.discriminator}
            boundary = 0.0 if adversary is None else adversary.boundary
            for symptom in self.doctor(step, batch, self.weighted, means, judges, boundary):
                print(f"DOCTOR {symptom.name} ({symptom.where}): {symptom.sentence}", flush=True)
            measures = {name: value for name, value in self.doctor.records[-1].items() if not name.startswith("train/")}
            self.board.curves("health", measures, step)
        self.values, self.heard, self.since = {}, 0.0, time.monotonic()

    def weighted(self, reconstruction: Reconstruction, batch: Batch) -> dict[str, Tensor]:
        """What the phase minimises for a reconstruction, by name."""
        objective, adversary = self.run.objective, self.run.adversary
        heard = objective.compared(reconstruction.wav, batch)
        losses = objective.of_signals(*heard) | reconstruction.quantized.losses
        return objective.weighted(losses | (adversary.persuade(*heard) if adversary else {}))

    def validate(self, step: int) -> None:
        """Held-out losses of the averaged codec, in `history.jsonl` and as curves; sounds and pictures."""
        if self.writes:
            codec = self.run.averaged.eval()
            scores = validate(codec, self.run.objective, self.held_out, self.run.depths)
            append_record(self.run.folder / HISTORY, {"step": step, **scores})
            print("dev", "  ".join(f"{name} {value:.4f}" for name, value in scores.items()), flush=True)
            self.board.curves("dev", scores, step)
            self.board.listen(codec, self.held_out[0].wav[:HEARD], self.run.depths, step)

    def close(self) -> None:
        """Flush and end."""
        if self.writes:
            self.board.close()
