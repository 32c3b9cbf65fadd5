"""`kvant info`: what a `.kvt` file holds."""

import json
from functools import partial
from typing import TYPE_CHECKING

import typer

from kvant.cli import options
from kvant.cli.failures import DAMAGED, printable
from kvant.cli.paths import display_name, open_bytes

if TYPE_CHECKING:
    from kvant.bitstream import Info


def info(source: options.Stream, model: options.OwnModel = None, as_json: options.Json = False) -> None:
    """What a .kvt file holds.

    Its model, length, codebooks and bitrate. Needs no model, but to look into codes that the model's own entropy model
    has coded. The exit code is 1 if something is missing from it; kvant verify tells what.
    """
    from kvant import bitstream

    with open_bytes(source) as stream:
        found = bitstream.info(stream, partial(options.entropy_model_of, model=model))
    if as_json:
        print(json.dumps(found.to_dict(), indent=2))
    else:
        print(printable(display_name(source)))
        for label, text in _facts(found):
            print(printable(f"  {label:<9}{text}"))
    if not found.complete:
        raise typer.Exit(DAMAGED)


def _facts(found: "Info") -> list[tuple[str, str]]:
    header = found.header
    step = header.streams
    channels = "1 channel" if header.channels == 1 else f"{header.channels} channels"
    seconds = f"{found.duration_seconds:.2f} s"
    if found.num_samples is not None and not found.complete:
        seconds += f" of {found.num_samples / header.source_rate:.2f} s"
    levels = f"{found.num_codebooks // step} of {len(header.codebook_sizes) // step} codebooks"
    each = " per channel" if step > 1 else ""
    sizes = ", ".join(map(str, sorted(set(header.codebook_sizes))))
    average = "unknown without its entropy model" if found.mean_depth is None else f"{found.mean_depth:.2f} on average"
    segments = f"of {header.reset_interval} frames, one every {header.segment_stride} samples, each with a gain"
    packing = [("packing", f"coded, {found.coded_share:.0%} of it in coded blocks; codebooks of a frame: {average}")]
    return [
        ("model", header.model_id),
        ("decoder", header.decoder_digest.hex()),
        ("encoder", header.encoder_digest.hex()),
        ("audio", f"{seconds}, {channels} at {header.source_rate} Hz"),
        ("codes", f"{found.frames} frames at {header.frame_rate:g} Hz, {levels}{each}, of {sizes} entries"),
        *(packing if header.packing else []),
        *([("segments", segments)] if header.segment_stride else []),
        ("bitrate", f"{found.payload_bitrate / 1000:.2f} kbit/s, {found.file_bitrate / 1000:.2f} with framing"),
        ("size", f"{found.file_bytes} bytes"),
        ("complete", "yes" if found.complete else "no: see kvant verify"),
    ]
