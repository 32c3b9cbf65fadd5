"""Options that several verbs share, and what they mean for a codec or a stream."""

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from kvant.errors import ModelError, UsageError

if TYPE_CHECKING:
    from kvant.bitstream import EntropyModel, Header
    from kvant.runtime import Codec

MODEL = "kvant-voice-24k"  # kvant.runtime.DEFAULT, whose import would load onnxruntime for `kvant --help`

Model = Annotated[
    str, typer.Option("-m", "--model", metavar="MODEL", help="Name of a shipped or imported model, or a folder.")
]
OwnModel = Annotated[
    str | None,
    typer.Option("-m", "--model", metavar="MODEL", help="Name or folder of the model, if not shipped or imported."),
]
Bitrate = Annotated[
    float | None,
    typer.Option("-b", "--bitrate", metavar="KBPS", help="At most so many kbit/s per channel."),
]
NumCodebooks = Annotated[
    int | None, typer.Option("-n", "--num-codebooks", metavar="K", help="So many codebooks per channel, instead of -b.")
]
Beam = Annotated[
    int,
    typer.Option("--beam", metavar="B", help="Choose codebooks together, B at a time: slower, better. 1: one by one."),
]
Refine = Annotated[
    int,
    typer.Option("--refine", metavar="STEPS", min=0, help="Move codes nearer to what is heard: 30. Slow; needs torch."),
]
Variable = Annotated[
    bool,
    typer.Option("--variable", help="Give each frame the codebooks it needs; -b is then the average."),
]


class PackingName(StrEnum):
    """`kvant.bitstream.Packing`, whose import would load numpy for `kvant --help`."""

    RAW = "raw"
    CODED = "coded"


Packing = Annotated[
    PackingName | None,
    typer.Option("--packing", help="Codes as they are, or range coded. Default: raw, and coded with --variable."),
]
Stream = Annotated[str, typer.Argument(metavar="IN", help="A .kvt file, or - for standard input.")]
Force = Annotated[bool, typer.Option("-f", "--force", help="Replace files that exist.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def check_rate(bitrate: float | None, num_codebooks: int | None, required: bool = False) -> None:
    """UsageError unless at most one is given, exactly one if `required`, and it can be a rate at all."""
    if bitrate is not None and num_codebooks is not None:
        raise UsageError("-b and -n exclude each other; give one")
    if required and bitrate is None and num_codebooks is None:
        raise UsageError("give the rate: -b KBPS or -n K")
    if bitrate is not None and not 0 < bitrate < math.inf:
        raise UsageError(f"-b {bitrate:g}: must be more than 0 kbit/s")


def check_search(beam: int, refine: int, live: bool) -> None:
    """UsageError unless codes can be searched so."""
    from kvant.runtime.search import check_beam, check_refine

    check_beam(beam)
    if check_refine(refine) and live:
        raise UsageError("--refine hears four seconds at a time; leave out --live")


def levels_of(codec: "Codec", bitrate: float | None, num_codebooks: int | None, variable: bool = False) -> int:
    """How many levels of `codec` the options ask for, as `Codec.check_levels` has it if none is given.

    UsageError: too few or too many, or `variable`, which means all, without the bitrate that is its average.
    """
    if variable and bitrate is None:
        raise UsageError("--variable needs the average bitrate: give -b KBPS")
    if variable:
        return codec.num_codebooks
    return codec.check_levels(num_codebooks) if bitrate is None else codec.levels(1000 * bitrate)


def entropy_model_of(header: "Header", model: str | None) -> "EntropyModel | None":
    """What codes the stream, if it names an entropy model and that is here, in the folder `model` or a shipped one."""
    from kvant.bitstream.header_values import NO_TABLES

    if header.table_digest == NO_TABLES:
        return None
    from kvant.runtime.files import codec_for

    try:
        return codec_for(header, model).entropy_model
    except ModelError:
        if model is not None:
            raise
        return None


def slots_of(header: "Header", bitrate: float | None, num_codebooks: int | None) -> int:
    """How many slots of a frame the options ask for, all if none is given. UsageError: too few or too many."""
    slots, step = len(header.codebook_sizes), header.streams
    rates = [header.bitrate(count) / step / 1000 for count in range(step, slots + 1, step)]
    levels = len(rates) if num_codebooks is None else num_codebooks
    if bitrate is not None:
        levels = sum(rate <= bitrate * (1 + 1e-9) for rate in rates)
        if not levels:
            possible = ", ".join(f"{rate:g}" for rate in rates)
            raise UsageError(f"{bitrate:g} kbit/s per channel is too low for this stream; it has {possible} kbit/s")
    if not 1 <= levels <= len(rates):
        raise UsageError(f"-n {levels}: this stream has 1 to {len(rates)} codebooks per channel")
    return step * levels
