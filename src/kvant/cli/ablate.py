"""`kvant ablate`: which quantizer, and which of its parts, make a difference."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvant.cli.failures import complain, printable
from kvant.errors import UsageError
from kvant.extras import import_extra

if TYPE_CHECKING:
    from kvant.ablation.results import Outcome


def ablate(
    grid: Annotated[str, typer.Argument(metavar="GRID", help="TOML file, such as recipes/ablation.toml.")],
    data: Annotated[str, typer.Option("--data", metavar="CORPUS", help="Prepared corpus, with train and dev.")],
    output: Annotated[str, typer.Option("-o", "--output", metavar="DIR", help="Folder to make.")],
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, max=64, help="Cells at a time, a core each.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on: cells that are done stay.")] = False,
) -> None:
    """Train one codec around many quantizers.

    Data, networks and steps are those of the grid; quantizer, codebook, gradient estimator, remedies and level dropout
    are swapped. DIR gets ablation.md, .csv, .json and .png, and one JSON a cell. Needs pip install
    'kvant[train,eval]'.
    """
    bench = import_extra("kvant.ablation.bench", "train")
    from kvant.ablation.grid import read_grid
    from kvant.ablation.report import write_report

    folder = Path(output)
    if (folder / bench.CELLS).exists() and not resume:
        raise UsageError(f"{output}: holds an ablation already; continue it with --resume, or name another folder")
    asked = read_grid(Path(grid))
    tasks = bench.plan(asked, Path(data), folder)
    found = {each.fingerprint: outcome for each in tasks if (outcome := bench.finished(each))}
    waiting = [each for each in tasks if each.fingerprint not in found]
    if found:
        print(f"{len(found)} of {len(tasks)} are done already", flush=True)
    command = f"kvant ablate {grid} --data CORPUS -o DIR"

    def report() -> list[str]:
        done = [found[each.fingerprint] for each in tasks if each.fingerprint in found]
        return write_report(folder, bench.collect(asked, done, command))

    for outcome in bench.outcomes(waiting, jobs):
        found[outcome.fingerprint] = outcome
        print(printable(f"{len(found)}/{len(tasks)} {_told(outcome)}"), flush=True)
        report()  # a grid that is stopped has a page of what is done
    for note in report():
        complain("note", note)
    print(printable(f"read: {folder / 'ablation.md'}"))


def _told(outcome: "Outcome") -> str:
    if outcome.rates:
        return f"{outcome.cell}, seed {outcome.seed}: {outcome.rates[-1].snr:.2f} dB, trained {outcome.seconds:.0f} s"
    return f"{outcome.cell}, seed {outcome.seed}: {outcome.status}, {outcome.reason}"
