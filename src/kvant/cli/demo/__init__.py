"""`kvant demo`: the shipped model on the bundled recordings, to hear, to see and in figures."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kvant.cli import options
from kvant.cli.failures import complain, printable
from kvant.cli.paths import folder_to_fill
from kvant.errors import UsageError
from kvant.files import atomic_write

if TYPE_CHECKING:
    from kvant.cli.demo.measuring import Trial


def demo(
    output: Annotated[str, typer.Option("-o", "--output", metavar="DIR", help="Folder to make.")] = "demo",
    force: options.Force = False,
) -> None:
    """Real recordings through the model, to hear and see.

    DIR gets a listening page, a picture of spectrograms, the decoded wav files and the .kvt files. The figures are
    printed, too. Takes less than a minute.
    """
    folder = folder_to_fill(output, force)
    import kvant
    from kvant.cli.demo import table
    from kvant.cli.demo.measuring import measure
    from kvant.cli.demo.page import page
    from kvant.cli.demo.recordings import ASSETS, ATTRIBUTION, RECORDINGS
    from kvant.cli.demo.spectrogram import png, webp

    codec = kvant.load()
    folder.mkdir(parents=True, exist_ok=True)
    trials = []
    print(table.heading())
    for recording in RECORDINGS:
        trials.append(measure(codec, recording))
        _write_audio(folder, trials[-1], force)
        print(table.lines(trials[-1]), flush=True)
    figure = _spectrograms(trials)
    picture = None
    if figure is not None:
        _write(folder / "spectrograms.png", png(figure), force)
        picture = webp(figure)
    _write(folder / ATTRIBUTION, (ASSETS / ATTRIBUTION).read_bytes(), force)
    _write(folder / "index.html", page(codec.name, trials, picture).encode(), force)
    print(f"\n{table.notes(min(shutil.get_terminal_size().columns, 100))}\n")
    print(printable(f"listen: {folder / 'index.html'}"))


def _spectrograms(trials: "list[Trial]") -> Any:
    from kvant.cli.demo.spectrogram import draw

    columns = []
    for trial in trials:
        rows = [("original", trial.wav[0])]
        rows += [(f"{version.bitrate / 1000:g} kbit/s", version.wav[0]) for version in reversed(trial.versions)]
        columns.append((trial.recording.language, rows))
    try:
        return draw(columns, trials[0].sample_rate)
    except UsageError as error:
        complain("note", f"no picture of spectrograms: {error}")
        return None


def _write_audio(folder: Path, trial: "Trial", force: bool) -> None:
    from kvant import audio

    name = trial.recording.name
    audio.write(folder / f"{name}-original.wav", trial.wav, trial.sample_rate, overwrite=force)
    for version in trial.versions:
        stem = f"{name}-{version.bitrate / 1000:g}kbps"
        audio.write(folder / f"{stem}.wav", version.wav, trial.sample_rate, overwrite=force)
        _write(folder / f"{stem}.kvt", version.kvt, force)


def _write(path: Path, content: bytes, force: bool) -> None:
    with atomic_write(path, overwrite=force) as file:
        file.write(content)
