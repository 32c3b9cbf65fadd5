"""`kvant eval`: how good codecs are, beside conventional ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvant.cli import interrupts, options
from kvant.cli.failures import complain, printable
from kvant.cli.paths import folder_to_fill
from kvant.cli.progress import Progress
from kvant.errors import UsageError

if TYPE_CHECKING:
    from kvant.evaluation.plan import Plan
    from kvant.evaluation.results import Results
    from kvant.evaluation.scoring import Outcome
    from kvant.evaluation.self_check import Check

HEARD = 4
"""Clips that the page plays."""


def eval(
    data: Annotated[str, typer.Option("--data", metavar="FOLDER", help="A prepared split, or any folder of audio.")],
    output: Annotated[str, typer.Option("-o", "--output", metavar="DIR", help="Folder to make.")],
    codecs: Annotated[
        list[str] | None,
        typer.Argument(metavar="CODEC", help="Shipped model, folder, or model.safetensors of a run; or LABEL=CODEC."),
    ] = None,
    bitrates: Annotated[
        list[str] | None,
        typer.Option("-b", "--bitrates", metavar="KBPS,...", help="Default: 1, 2, 4 ... codebooks, and all."),
    ] = None,
    beams: Annotated[
        list[str] | None,
        typer.Option("--beam", metavar="B,...", help="Widths of the codecs' search, as of kvant encode. Default: 1."),
    ] = None,
    refine: options.Refine = 0,
    variable: Annotated[
        bool, typer.Option("--variable", help="At variable bitrates, too: levels where needed, bits of real streams.")
    ] = False,
    baselines: Annotated[
        list[str] | None,
        typer.Option("--baselines", metavar="NAME:RATE,...", help="Such as 'opus:12,6 codec2:1600 speex:8', or none."),
    ] = None,
    clips: Annotated[int | None, typer.Option("--clips", metavar="N", min=1, help="Default: at most 24.")] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Draws the clips.")] = 0,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metrics", metavar="NAME,...", help="Of pesq-wb pesq-nb stoi visqol si-sdr mel stft."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, max=64, help="Processes to use.")] = 1,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """How good codecs are, beside Opus, Codec2 and Speex.

    DIR gets index.html to read and hear, table.md, results.json with the scores of every clip, and a plot. The harness
    first checks itself. A clip takes half a minute with all metrics. Needs pip install 'kvant[eval]'.
    """
    target = folder_to_fill(output, force)
    from kvant.evaluation.metrics.choice import choose
    from kvant.evaluation.plan import Plan, plan_systems
    from kvant.evaluation.recordings import find_clips

    chosen, missing = choose(_split(metrics))
    systems, described, notes = plan_systems(
        codecs or [options.MODEL], _rates(bitrates), baselines, _widths(beams), variable, refine
    )
    plan = Plan(systems, find_clips(Path(data), clips, seed), chosen, described, [*missing, *notes])
    for note in plan.notes:
        complain("note", note)
    checks = plan.check()
    if not as_json:
        print(f"self check: {_report(checks)}", flush=True)
    outcomes = _measure(plan, jobs)
    results = plan.results(checks, outcomes, data=data, seed=seed, jobs=jobs)
    _publish(results, outcomes, target, force)
    if as_json:
        print((target / "results.json").read_text(encoding="utf-8"), end="")
    else:
        _print(results, target)


def _publish(results: "Results", outcomes: "list[Outcome]", target: Path, force: bool) -> None:
    """Make the folder, and say what could not be made."""
    from kvant.evaluation.report.folder import write_folder

    heard = [each for each in outcomes if each.measurement.clip < HEARD]
    for note in write_folder(target, results, heard, force):
        complain("note", note)


def _print(results: "Results", target: Path) -> None:
    from kvant.evaluation.report.markdown import terminal

    print(f"\n{terminal(results)}\n")
    print(printable(f"read and hear: {target / 'index.html'}"))


def _measure(plan: "Plan", jobs: int) -> "list[Outcome]":
    """Everything through everything; of the clips that are not to be heard no wav is kept."""
    from kvant.evaluation.workers import outcomes

    kept = []
    with Progress(len(plan.systems) * len(plan.clips)) as progress:
        progress.begin("measuring", None)
        for outcome in outcomes(plan.systems, plan.clips, list(plan.metrics), jobs):
            interrupts.check()
            index, system = outcome.measurement.clip, outcome.measurement.system
            kept.append(outcome if index < HEARD else outcome._replace(wav=outcome.wav[:0].copy()))
            progress.begin(f"{system}: {plan.clips[index].name}", None)
            progress.next_job()
    return kept


def _report(checks: "list[Check]") -> str:
    found = {check.name: check.alignment for check in checks}
    return (
        f"identity is perfect in every metric; recognised a delay of {found['delay'].delay} samples, "
        f"inversion (gain {found['inversion'].gain:g}) and attenuation (gain {found['attenuation'].gain:g})"
    )


def _split(texts: list[str] | None) -> list[str] | None:
    """`a,b` and `a` `b` alike, and spaces between."""
    return None if texts is None else " ".join(texts).replace(",", " ").split()


def _rates(texts: list[str] | None) -> list[float] | None:
    """bit/s."""
    words = _split(texts)
    if words is None:
        return None
    try:
        rates = [1000 * float(word) for word in words]
    except ValueError:
        raise UsageError(f"-b {' '.join(words)}: must be numbers of kbit/s") from None
    if not rates or not all(0 < rate < float("inf") for rate in rates):
        raise UsageError(f"-b {' '.join(words)}: must be more than 0 kbit/s")
    return rates


def _widths(texts: list[str] | None) -> list[int]:
    """Of the beam; 1 is greedy."""
    words = ["1"] if texts is None else _split(texts) or []
    if not words or not all(word.isdecimal() for word in words):
        raise UsageError(f"--beam {' '.join(words)}: must be whole numbers from 1")
    return [int(word) for word in words]
