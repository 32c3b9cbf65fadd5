"""`kvant lab`: the decisive experiments, run and reported."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvant.cli import interrupts
from kvant.cli.failures import printable, reported
from kvant.extras import import_extra

if TYPE_CHECKING:
    from kvant.lab.folder import Told

REFUTED = 4
WIDTH = 96

Folder = Annotated[str, typer.Option("-o", "--output", metavar="DIR", help="Folder of the findings.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def lab() -> None:
    """The decisive experiments: run them, report them."""


def experiments() -> None:
    """What experiments there are."""
    from kvant.lab import EXPERIMENTS, TITLES

    width = max(map(len, EXPERIMENTS), default=0)
    for name in EXPERIMENTS:
        print(f"{name:{width}}  {TITLES[name]}")


def run(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Such as a1-gradient-atlas, a1, or a; none runs all.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="CORPUS", help="Prepared corpus, for those that hear speech.")
    ] = None,
    output: Folder = "lab",
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of all that is drawn.")] = 0,
    threads: Annotated[int, typer.Option("--threads", metavar="N", min=1, max=64, help="Of torch.")] = 1,
) -> None:
    """Run experiments.

    DIR/NAME gets figure.png, rows.csv and finding.json, which replace those of an earlier run. The exit code is 4 if a
    check does not hold. Needs pip install 'kvant[train,plot]'.
    """
    import_extra("torch", "train", "The laboratory").set_num_threads(threads)
    import_extra("matplotlib", "plot", "The laboratory")
    from kvant.lab.bench import Bench
    from kvant.lab.running import execute, load

    bench = Bench(seed, Path(data) if data is not None else None)
    holds = True
    for experiment in load(names or [], bench):
        print(f"{experiment.name}: {experiment.title}", flush=True)
        told = execute(experiment, bench, Path(output))
        interrupts.check()
        _print(told, Path(output))
        holds = holds and told.holds
    if not holds:
        raise typer.Exit(REFUTED)


def _print(told: "Told", output: Path) -> None:
    import textwrap

    for line in textwrap.wrap(told.seen, WIDTH):
        print(f"  {line}")
    for check in told.checks:
        print(f"  {'holds' if check.holds else 'DOES NOT HOLD'}: {check.claim} ({check.measured})")
    print(printable(f"  {told.seconds:.0f} s of CPU time; {output / told.name}"), end="\n\n", flush=True)


def report(
    output: Folder = "lab",
    markdown: Annotated[
        str | None,
        typer.Option("--markdown", metavar="PAGE", help="Also put the findings into this page, figures beside it."),
    ] = None,
) -> None:
    """One page of all that has run: DIR/index.html.

    PAGE is a Markdown file; what stands between its two marks is replaced, and the figures go to the folder lab beside
    it.
    """
    from kvant.lab import folder
    from kvant.lab.markdown import write_markdown
    from kvant.lab.report import page

    found = folder.read_all(Path(output))
    folder.put(Path(output) / "index.html", page(found).encode())
    print(printable(f"{len(found)} experiments: {Path(output) / 'index.html'}"))
    if markdown is not None:
        write_markdown(Path(markdown), found, Path(output))
        print(printable(f"and {markdown}"))


for _name, _verb in (("list", experiments), ("run", run), ("report", report)):
    app.command(_name)(reported(_verb))
