"""`kvant roundtrip`: what a recording sounds like after the codec, and what it costs."""

import io
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kvant.cli import interrupts, options
from kvant.cli.failures import printable
from kvant.cli.paths import STANDARD, Job, check_target, display_name

if TYPE_CHECKING:
    import numpy as np


def roundtrip(
    source: Annotated[str, typer.Argument(metavar="IN", help="Audio file, or - for standard input.")],
    target: Annotated[
        str | None, typer.Argument(metavar="OUT", help="File ending in .wav, .flac or .ogg for what comes back.")
    ] = None,
    model: options.Model = options.MODEL,
    bitrate: options.Bitrate = None,
    num_codebooks: options.NumCodebooks = None,
    beam: options.Beam = 1,
    force: options.Force = False,
) -> None:
    """Audio to .kvt and back, in figures.

    Prints bitrate and SI-SDR of what comes back, through the bytes that a .kvt file would have.
    The recording is held in memory: for hours of audio use kvant encode and kvant decode.
    """
    options.check_rate(bitrate, num_codebooks)
    if target is not None:
        check_target(Job(source, target), force)
    import kvant
    from kvant import audio, bitstream

    wav, sample_rate = audio.read(source)
    interrupts.check()
    rate = None if bitrate is None else 1000 * bitrate
    data = kvant.compress(wav, sample_rate, rate, num_codebooks, model, beam)
    found = bitstream.info(io.BytesIO(data))
    decoded, _ = kvant.decompress(data, model)
    if target is not None:
        audio.write(target, decoded, sample_rate, overwrite=force)
    levels = found.num_codebooks // found.header.streams
    lines = [
        f"{display_name(source)}: {found.duration_seconds:.2f} s, {levels} codebooks",
        f"  bitrate  {found.payload_bitrate / 1000:.2f} kbit/s, {found.file_bitrate / 1000:.2f} with framing",
        f"  SI-SDR   {_si_sdr(decoded, wav, sample_rate)}",
    ]
    for line in lines:
        print(printable(line), file=sys.stderr if target == STANDARD else sys.stdout)


def _si_sdr(estimate: "np.ndarray", reference: "np.ndarray", sample_rate: int) -> str:
    """Mean over the channels that have one."""
    import numpy as np

    from kvant.evaluation.metrics import SiSdr

    heard = reference.any(axis=1)
    if not heard.any():
        return "undefined, the recording is silent"
    return f"{np.mean(SiSdr()(estimate[heard], reference[heard], sample_rate)):.2f} dB"
