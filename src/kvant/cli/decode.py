"""`kvant decode`: `.kvt` to audio."""

from functools import partial
from typing import Annotated

import typer

from kvant.cli import batch, options
from kvant.cli.batch import Done
from kvant.cli.damage import complain_of_damage
from kvant.cli.failures import DAMAGED
from kvant.cli.paths import KVT, Job, open_bytes, plan
from kvant.cli.progress import Progress


def decode(
    source: Annotated[str, typer.Argument(metavar="IN", help="A .kvt file, folder, or - for standard input.")],
    target: Annotated[
        str | None,
        typer.Argument(metavar="OUT", help="File ending in .wav, .flac or .ogg, folder, or -. Default: IN as .wav."),
    ] = None,
    model: options.OwnModel = None,
    bitrate: options.Bitrate = None,
    num_codebooks: options.NumCodebooks = None,
    force: options.Force = False,
) -> None:
    """.kvt to audio: a file, pipe or folder.

    Of a damaged file everything whole is decoded, with silence for what is lost, and the exit code is 1. With -b or -n
    the audio is that of a lower rate than the file holds.
    """
    options.check_rate(bitrate, num_codebooks)
    from kvant.audio import create_audio
    from kvant.cli.shallow import ShallowReader
    from kvant.runtime.files import codec_for, decode_file

    def work(job: Job, progress: Progress) -> Done:
        with open_bytes(job.source) as stream:
            reader = ShallowReader(stream)
            header = reader.header
            reader.num_slots = options.slots_of(header, bitrate, num_codebooks)
            progress.begin(job.source_name, header.num_samples)
            sink = partial(create_audio, job.target, num_samples=header.num_samples, overwrite=force)
            report = decode_file(reader, sink, codec_for(header, model), progress)
        if report.damage:
            complain_of_damage(job.source_name, report.damage, report.complete, "the rest was decoded")
        text = f"{progress.samples_done / header.source_rate:.2f} s at {header.source_rate} Hz"
        return Done(text, DAMAGED if report.damage else 0)

    batch.run(plan(source, target, KVT, ".wav", force), work, force)
