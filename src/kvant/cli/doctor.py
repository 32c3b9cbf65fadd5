"""`kvant doctor`: what ails a training run, in plain words."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kvant.cli import options
from kvant.cli.failures import complain, printable
from kvant.errors import KvantError, UsageError
from kvant.extras import import_extra

if TYPE_CHECKING:
    from kvant.training.diagnosis.records import Record
    from kvant.training.diagnosis.run_folder import RunFolder
    from kvant.training.diagnosis.symptom import Symptom

SYMPTOMS_FOUND = 1


def doctor(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a training run.")],
    quick: Annotated[bool, typer.Option("--quick", help="Judge its records alone; measure nothing.")] = False,
    data: Annotated[
        str | None, typer.Option("--data", metavar="DIR", help="Corpus to measure on, if not that of the run.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """What ails a training run.

    Judges the records of the run, measures its model on held-out audio, and says in plain words what is wrong, since
    which step, and what helps: docs/doctor.md lists all symptoms. The exit code is 1 if there are any.
    """
    if quick and data is not None:
        raise UsageError("--quick measures nothing, so --data has no use; give one of them")
    from kvant.training.diagnosis.run_folder import read_run
    from kvant.training.diagnosis.symptoms import STATES, diagnose

    folder = read_run(Path(run))
    looks = [] if quick else _looks(folder, data)
    symptoms = diagnose(folder.records)
    known = {(symptom.name, symptom.where) for symptom in symptoms}
    symptoms += [found for found in diagnose(looks, STATES) if (found.name, found.where) not in known]
    if as_json:
        print(json.dumps(_as_json(folder, looks, symptoms), indent=2))
    else:
        _print(folder, looks, symptoms)
    if symptoms:
        raise typer.Exit(SYMPTOMS_FOUND)


def _looks(folder: "RunFolder", data: str | None) -> "list[Record]":
    """Measures of the model; none, with a warning, if that cannot be done and the run's records are there to judge."""
    from kvant.training.diagnosis.run_folder import held_out_split

    try:
        if not folder.model.is_file():
            raise UsageError(f"{folder.model}: not there yet")
        if data is None and folder.corpus is None:
            raise UsageError(f"{folder.path}: does not say what it was trained on; name a corpus with --data")
        split = held_out_split(data or folder.corpus or "")
        checkup = import_extra("kvant.training.diagnosis.checkup", "train")
        looks: list[Record] = checkup.check_up(folder.model, split)
    except KvantError as error:
        if data is not None or not folder.records:
            raise
        complain("warning", f"the model is not measured: {error}")
        return []
    return looks


def _newest(folder: "RunFolder", looks: "list[Record]") -> "Record":
    """What the table shows: the mean of the looks, or else the newest record of training."""
    if looks:
        from kvant.training.diagnosis.checkup import summary

        return summary(looks)
    told = [record for record in folder.records if "reach" in record or "latents/rms" in record]
    return told[-1] if told else {}


def _as_json(folder: "RunFolder", looks: "list[Record]", symptoms: "list[Symptom]") -> dict[str, Any]:
    from kvant.training.diagnosis.records import to_json

    return {
        "run": str(folder.path),
        "records": len(folder.records),
        "last_step": int(folder.records[-1]["step"]) if folder.records else None,
        "measured": bool(looks),
        "measures": to_json(_newest(folder, looks)),
        "healthy": not symptoms,
        "symptoms": [dataclasses.asdict(symptom) for symptom in symptoms],
    }


def _print(folder: "RunFolder", looks: "list[Record]", symptoms: "list[Symptom]") -> None:
    from kvant.training.diagnosis.symptoms import SYMPTOMS
    from kvant.training.diagnosis.table import table

    last = f" up to step {int(folder.records[-1]['step']):,}" if folder.records else ""
    measured = "; model measured on held-out audio" if looks else ""
    print(printable(f"{folder.path}: {len(folder.records)} records{last}{measured}"))
    for line in table(_newest(folder, looks)):
        print(f"  {line}")
    for symptom in symptoms:
        print(printable(f"{symptom.name}: {symptom.sentence}"))
        print(printable(f"  why: {symptom.reason}"))
        print(printable(f"  try: {'; '.join(symptom.remedies)}"))
    if not symptoms:
        print(f"healthy: none of {len(SYMPTOMS)} symptoms")
