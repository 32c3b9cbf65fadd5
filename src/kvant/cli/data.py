"""`kvant data`: recordings looked over, prepared for training, and fetched."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvant.cli import interrupts, options
from kvant.cli.failures import complain, printable, reported
from kvant.cli.progress import Progress
from kvant.errors import UsageError

if TYPE_CHECKING:
    from kvant.data.scanning import Found
    from kvant.data.summary import Summary

Workers = Annotated[int, typer.Option("--workers", metavar="N", min=1, max=1024, help="Processes to use.")]
CORES = max(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 1)

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def data() -> None:
    """Look over recordings, prepare them for training, fetch some."""


def scan(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder of audio files.")],
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="MANIFEST", help="Write a JSON line a file to this file.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", metavar="LABELS", help="Pattern such as '{language}/{speaker}/*', or a .csv, .tsv or .jsonl."
        ),
    ] = None,
    workers: Workers = CORES,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """What a folder of audio holds.

    Length, rate, true bandwidth, level, clipping and silence of every file, copies and damaged files, and how much
    there is of each speaker, language and domain. MANIFEST is what kvant data prepare takes.
    """
    import contextlib

    from kvant.data.labels import parse_labels
    from kvant.data.scanning import find_audio, scan
    from kvant.data.summary import Summary
    from kvant.files import atomic_write

    labelled = parse_labels(labels)
    found = find_audio(Path(folder))
    summary = Summary()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(atomic_write(output, force)) if output else None
        progress = stack.enter_context(Progress(len(found.audio)))
        for recording in stack.enter_context(contextlib.closing(scan(Path(folder), found.audio, labelled, workers))):
            for error in recording.errors:
                complain("error", error)
            summary.add(recording)
            if file:
                file.write(recording.to_line())
            progress.begin(recording.path, None)
            progress(0)
            progress.next_job()
        interrupts.check()
    _print_summary(summary, found, as_json)


def _print_summary(summary: "Summary", found: "Found", as_json: bool) -> None:
    if as_json:
        print(json.dumps({**summary.to_dict(), "files_of_other_kinds": found.others}, indent=2))
        return
    for line in summary.lines():
        print(printable(line))
    if found.others:
        print(f"passed over: {found.others} files of other kinds")


def prepare(
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST", help="What kvant data scan -o wrote.")],
    output: Annotated[str, typer.Argument(metavar="OUT", help="Folder for train, dev and test.")],
    root: Annotated[
        str | None, typer.Option("--root", metavar="DIR", help="The scanned folder. Default: that of MANIFEST.")
    ] = None,
    rate: Annotated[int, typer.Option("--rate", metavar="HZ", min=1000, max=768_000, help="Sample rate.")] = 24000,
    dev: Annotated[
        str,
        typer.Option(
            "--dev-speakers", metavar="WHO", help="A share of all, as 5% or 0.05, or names with commas between."
        ),
    ] = "5%",
    test: Annotated[str, typer.Option("--test-speakers", metavar="WHO", help="The same for the final test.")] = "5%",
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Another choice of a share.")] = 0,
    workers: Workers = CORES,
    force: options.Force = False,
) -> None:
    """Recordings to a corpus for training.

    Resamples, averages channels, trims, levels and splits by speaker; damaged, silent and doubled files are left out. A
    split of 0% is not made. Memory does not grow with the number of files.
    """
    from kvant.data.preparing import Plan, prepare
    from kvant.data.splits import parse_held_out

    held_out = [parse_held_out(text, f"--{name}-speakers") for name, text in (("dev", dev), ("test", test))]
    plan = Plan(rate, held_out[0], held_out[1], seed, workers, force)
    with Progress(1) as progress:

        def show(name: str, done: int) -> None:
            progress.begin(f"{done} {name}", None)
            progress(0)

        made = prepare(Path(manifest), Path(root) if root else Path(manifest).parent, Path(output), plan, show)
    for error in made.errors:
        complain("error", error)
    for split, hours in made.hours.items():
        print(printable(f"{Path(output) / split}: {hours:.2f} h"))
    if made.dropped:
        print(f"left out: {made.dropped} recordings or parts of them, silent or shorter than 0.4 s")


def fetch(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Corpus to fetch; none lists them.")] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="OUT", help="Folder for train, dev and test.")
    ] = None,
    cache: Annotated[
        str | None, typer.Option("--cache", metavar="DIR", help="Folder for the packages. Default: in $KVANT_CACHE.")
    ] = None,
    workers: Workers = CORES,
    force: options.Force = False,
) -> None:
    """Fetch open recordings and prepare them.

    Without a name, lists what there is. Needs apt-get and dpkg, as on Debian and Ubuntu, unless the packages are in the
    cache already; nothing is installed. Both need pip install 'kvant[eval]'.
    """
    from kvant.data.music_sources import MUSIC
    from kvant.data.voice_sources import VOICES

    recipes = {"voices": VOICES, "music": MUSIC}
    if name is None:
        for corpus, recipe in recipes.items():
            print(f"{corpus}: {recipe.contents}")
            for package, licence in recipe.licences.items():
                print(f"  {package:30}{licence}")
        return
    if name not in recipes:
        raise UsageError(f"{name}: no such corpus; kvant data fetch lists them")
    if output is None:
        raise UsageError("name the folder to write to: -o OUT")
    from kvant.data.open_corpus import make_corpus
    from kvant.runtime import models

    with Progress(1) as progress:

        def show(name: str, done: int) -> None:
            progress.begin(f"{done} {name}", None)
            progress(0)

        packages = Path(cache) if cache else models.cache() / "packages"
        lines = make_corpus(recipes[name], packages, Path(output), show, workers, force)
    print("\n".join(lines))


for _verb in (scan, prepare, fetch):
    app.command()(reported(_verb))
