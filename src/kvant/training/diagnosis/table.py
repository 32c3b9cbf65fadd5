"""A record as a short table of parts, for people."""

import re
from collections.abc import Iterator

from kvant.training.diagnosis.records import Record

LEVEL = "{:<6}{:>9}{:>7}{:>9}{:>12}{:>9}{:>8}"
FACTS = (
    ("latents/rms", "latents", "{:.3g} RMS"),
    ("quantization_snr", "quantization", "{:.1f} dB signal to noise"),
    ("reach", "gradient", "{:.0%} passes the quantizer"),
    ("output/holes", "holes", "{:.0%} of the bands"),
    ("output/whistles", "whistles", "at {:.2g} frequencies"),
    ("output/buzz_db", "buzz", "{:+.1f} dB at multiples of the frame rate"),
    ("output/clipped", "clipping", "{:.3%} of the samples"),
)


def table(record: Record) -> Iterator[str]:
    """Lines; of an empty record none."""
    levels = sorted(int(name[6:-6]) for name in record if re.fullmatch(r"level_\d+/usage", name))
    if levels:
        yield LEVEL.format("level", "latents", "codes", "used", "perplexity", "left", "drift")
    for level in levels:
        figures = {name: record[f"level_{level}/{name}"] for name in ("n", "size", "usage", "perplexity")}
        left, drift = record.get(f"level_{level}/residual_energy"), record.get(f"codebook_{level}/drift")
        yield LEVEL.format(
            level,
            f"{figures['n']:.0f}",
            f"{figures['size']:.0f}",
            f"{figures['usage']:.0%}",
            f"{figures['perplexity']:.0f}",
            "" if left is None else f"{left:.1%}",
            "" if drift is None else f"{drift:.2f}",
        ).rstrip()
    for name, label, form in FACTS:
        if name in record:
            yield f"{label:<14}{form.format(record[name])}"
    for name in record:
        if name.startswith("balance/") and name.endswith("/accuracy"):
            who = name.split("/")[1]
            yield f"{who:<14}right {record[name]:.0%} of the time"
