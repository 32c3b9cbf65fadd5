"""`kvant bench`: speed beside the official packages."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from kvant.cli import options
from kvant.cli.failures import printable, reported
from kvant.errors import UsageError
from kvant.extras import import_extra

if TYPE_CHECKING:
    from kvant.bench.comparison import Comparison

HEAD = (
    "| codec | engine | s | threads | encode, x real time: theirs | ours | ratio "
    "| decode: theirs | ours | ratio | MB: theirs | ours | codes equal | wav error |"
)
FRAME_HEAD = " a frame, ms: encode | decode |"

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def bench() -> None:
    """Known codecs beside their official packages: how fast."""


def codecs(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Such as encodec-24khz; none: all with a package.")
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", min=1, help="Of speech.")] = 10,
    threads: Annotated[str, typer.Option("--threads", metavar="N,N", help="Of each side, one run each.")] = "1,2",
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", min=1, help="Medians of so many.")] = 5,
    engine: Annotated[str, typer.Option("--engine", metavar="E,E", help="Ours: torch, onnxruntime.")] = "torch",
    frames: Annotated[bool, typer.Option("--frames", help="Ours as a stream too: ms for a single frame.")] = False,
    as_json: options.Json = False,
) -> None:
    """Known codecs beside their official packages.

    Both with the same random weights, in a process each, taking turns. What has no package installed is left out.
    Ratios of medians: 2 is twice as fast as the official package. Needs pip install 'kvant[train]'.
    """
    import_extra("torch", "train", "The comparison")
    from kvant.bench.comparison import compare
    from kvant.bench.official import OFFICIAL
    from kvant.bench.sides import ENGINES

    chosen, engines = names or list(OFFICIAL), engine.split(",")
    for given, known in ((chosen, tuple(OFFICIAL)), (engines, ENGINES)):
        if unknown := sorted(set(given) - set(known)):
            raise UsageError(f"{', '.join(unknown)}: nothing to compare; there are {', '.join(known)}")
    found = []
    if not names:
        for name in [name for name in chosen if not OFFICIAL[name].installed]:
            print(f"{name}: left out, its package is not here: pip install {OFFICIAL[name].install}", file=sys.stderr)
        chosen = [name for name in chosen if OFFICIAL[name].installed]
    if not as_json:
        head = HEAD + FRAME_HEAD if frames else HEAD
        print(f"{head}\n|---|---|{'--:|' * (head.count('|') - 3)}")
    for name in chosen:
        for count in _counts(threads):
            for each in engines:
                comparison = compare(name, each, seconds, count, rounds, frames)
                found.append(asdict(comparison))
                if not as_json:
                    print(printable(row(comparison, frames)), flush=True)
    if as_json:
        print(json.dumps(found, indent=2))


def row(found: "Comparison", frames: bool = False) -> str:
    """A line of the table. frames: with the cells of FRAME_HEAD, empty if the codec does not stream."""

    def speeds(pair: tuple[float, float]) -> str:
        theirs, ours = pair
        return f"{found.seconds / theirs:.2f} | {found.seconds / ours:.2f} | {theirs / ours:.2f}"

    frame = "".join(f" {1000 * each:.1f} |" for each in found.frame) if found.frame else " – | – |"
    memory = " | ".join(f"{each:.0f}" for each in found.megabytes)
    return (
        f"| {found.name} | {found.engine} | {found.seconds:g} | {found.threads} | {speeds(found.encode)} "
        f"| {speeds(found.decode)} | {memory} | {found.codes_equal:.2%} | {found.wav_error:.0e} |"
        f"{frame if frames else ''}"
    )


def _counts(threads: str) -> list[int]:
    try:
        counts = [int(each) for each in threads.split(",")]
    except ValueError:
        counts = [0]
    if min(counts) < 1:
        raise UsageError(f"--threads {threads}: give whole numbers above 0, such as 1,2")
    return counts


app.command("codecs")(reported(codecs))
