"""`kvant encode`: audio to `.kvt`."""

from typing import Annotated, BinaryIO, cast

import typer

from kvant.cli import batch, options
from kvant.cli.batch import Done
from kvant.cli.paths import AUDIO, STANDARD, Job, create_bytes, plan
from kvant.cli.progress import Progress
from kvant.errors import UsageError


class _Flushing:
    """A sink that keeps nothing back: who listens at the pipe gets every frame when it is made."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        written = self._sink.write(data)
        self._sink.flush()
        return written


def encode(
    source: Annotated[str, typer.Argument(metavar="IN", help="Audio file, folder, or - for standard input.")],
    target: Annotated[
        str | None, typer.Argument(metavar="OUT", help="File, folder, or -. Default: IN with the suffix .kvt.")
    ] = None,
    model: options.Model = options.MODEL,
    bitrate: options.Bitrate = None,
    num_codebooks: options.NumCodebooks = None,
    beam: options.Beam = 1,
    refine: options.Refine = 0,
    variable: options.Variable = False,
    packing: options.Packing = None,
    force: options.Force = False,
    live: Annotated[bool, typer.Option("--live", help="Send every frame at once, for a listener at a pipe.")] = False,
    threads: Annotated[int, typer.Option("--threads", metavar="N", min=1, max=256, help="Processor cores to use.")] = 1,
) -> None:
    """Audio to .kvt: a file, pipe or folder.

    Of a folder all audio below it is encoded, hidden files aside, and the tree is kept below OUT. Without -b or -n
    a frame has as many codebooks as the model gives by default; kvant truncate can drop some later. --beam 4 comes
    closer to the recording at the same bitrate, the more codebooks the more; it chooses for as many as -b or -n
    say, not for what a truncation leaves. --refine 30 comes closer still, by way of the decoder; with --variable it
    takes 2 to 7 % more bits than were asked for.

    --variable -b 1.5 gives each frame as many codebooks as bring its error below one limit: better at an equal average.
    A file is heard once to find that limit, and then encoded; on standard input, a pipe and with --live it is one for
    ordinary speech, and other material takes more or less.
    """
    options.check_rate(bitrate, num_codebooks)
    if target is not None and target.lower().endswith(AUDIO):
        raise UsageError(f"{target}: encode writes .kvt files; for audio from audio there is kvant roundtrip")

    from kvant.audio import open_audio
    from kvant.bitstream import Packing
    from kvant.cli.limits import Limits
    from kvant.runtime import load
    from kvant.runtime.files import encode_file
    from kvant.runtime.packing import packed
    from kvant.runtime.search import Search

    jobs = plan(source, target, AUDIO, ".kvt", force)
    codec = load(model, threads)
    levels = options.levels_of(codec, bitrate, num_codebooks, variable)
    how = packed(codec, variable, None if packing is None else Packing[packing.name], live)
    limits = Limits(codec, 1000 * bitrate, beam, how, live) if variable and bitrate is not None else None
    options.check_search(beam, refine, live)

    def work(job: Job, progress: Progress) -> Done:
        limit = limits(job, progress) if limits else None
        with open_audio(job.source) as audio, create_bytes(job.target, force) as sink:
            progress.begin(job.source_name, audio.num_samples)
            flushed = cast(BinaryIO, _Flushing(sink)) if live else sink
            bits = encode_file(audio, flushed, codec, Search(levels, beam, limit, refine), how, live, progress)
            size = "" if job.target == STANDARD else f", {sink.tell()} bytes"
        seconds = progress.samples_done / audio.sample_rate
        raw = codec.streams(audio.channels) * codec.bitrate(levels)
        rate = raw if how.packing == Packing.RAW else bits / max(seconds, 1e-9)
        return Done(f"{seconds:.2f} s, {rate / 1000:.2f} kbit/s{size}")

    batch.run(jobs, work, force)
