"""The tables of an evaluation as Markdown and for the terminal."""

from collections.abc import Sequence

from kvant.evaluation.clip import UNKNOWN
from kvant.evaluation.results import Results
from kvant.evaluation.table import Row, quality_table

RATE_HEADS = ("payload, kbit/s", "entropy-coded, kbit/s", "encode, x real time", "decode, x real time", "delay, ms")
UNTRUSTED = "†"


def markdown(results: Results) -> str:
    """Quality, then rates and speeds, then what to know about them."""
    rates = ["| system | " + " | ".join(RATE_HEADS) + " |", "|---" + "|--:" * len(RATE_HEADS) + "|"]
    rates += [f"| {row.system} | {' | '.join(rate_cells(results, row))} |" for row in results.rows]
    parts = [quality_table(results.rows, results.scales), "\n".join(rates)]
    return "\n\n".join([*parts, "\n".join(f"* {note}" for note in notes(results))]) + "\n"


def rate_cells(results: Results, row: Row) -> list[str]:
    """By `RATE_HEADS`."""
    entropy = results.entropy.get(row.system)
    coded = "" if entropy is None else f"{entropy.bitrate / 1000:.2f}{'' if entropy.trusted else UNTRUSTED}"
    speeds = [f"{speed:.0f}" if speed >= 10 else f"{speed:.1f}" for speed in (row.encode_speed, row.decode_speed)]
    if row.system == "recording":
        speeds = ["", ""]
    return [f"{row.bitrate / 1000:.2f}", coded, *speeds, f"{round(1000 * row.delay, 1) + 0.0:.1f}"]  # no -0.0


def notes(results: Results) -> list[str]:
    """What a reader must know to take the figures for what they are."""
    seconds = sum(clip.seconds for clip in results.clips)
    voices = "of one speaker" if len(results.speakers) == 1 else f"of {len(results.speakers)} speakers"
    if UNKNOWN in results.speakers:
        voices = "speakers unknown"
    lines = [
        f"{len(results.clips)} clips, {seconds:.0f} s, {voices}; seed "
        f"{results.about['seed']}. Mean ± half the width of the 95 % bootstrap interval over clips.",
        "Payload: the codes or packets alone, without framing.",
    ]
    if results.entropy:
        lines.append(_entropy_note(results))
    jobs = results.about["jobs"]
    crowd = "" if jobs == 1 else f", {jobs} such measurements at a time"
    lines.append(
        f"Speed: seconds of audio a second on one thread of {results.about['processor']}{crowd}; conversion of sample "
        "rates included, and for Speex the start of its program."
    )
    lines.append("Delay: found by correlation and removed before scoring, the median over clips.")
    lines += [
        f"{row.system}: {row.inverted:.0%} of the clips match best inverted: polarity turned, or phases blurred."
        for row in results.rows
        if row.inverted
    ]
    lines += _undefined(results)
    return lines + [f"{note[0].upper()}{note[1:]}." for note in results.about["notes"]]


def _undefined(results: Results) -> list[str]:
    """A line for each reason why scores are missing, with the metrics and, unless it is all, the systems it hits."""
    places: dict[tuple[str, int, str], list[str]] = {}
    for row in results.rows:
        for metric, reasons in row.undefined.items():
            for reason, count in reasons.items():
                places.setdefault((reason, count, metric), []).append(row.system)
    metrics: dict[tuple[str, int, tuple[str, ...]], list[str]] = {}
    for (reason, count, metric), systems in places.items():
        metrics.setdefault((reason, count, tuple(systems)), []).append(metric)
    return [
        f"Undefined for {count} of {len(results.clips)} clips, as {reason}: {', '.join(names)}"
        + ("." if len(systems) == len(results.rows) else f" of {', '.join(systems)}.")
        for (reason, count, systems), names in metrics.items()
    ]


def _entropy_note(results: Results) -> str:
    frames = sorted({rate.frames for rate in results.entropy.values()})
    needed = sorted({rate.needed for rate in results.entropy.values()})
    text = (
        "Entropy-coded: the payload after an ideal coder that knows how often each code of a level occurs; entropies "
        f"after Miller and Madow, from {' or '.join(f'{count:,}' for count in frames)} frames."
    )
    if all(rate.trusted for rate in results.entropy.values()):
        return text
    return (
        f"{text} Marked {UNTRUSTED}: too few frames to be trusted, the estimate is likely too low; 20 for each "
        f"vector of a codebook are needed, {' or '.join(f'{count:,}' for count in needed)}."
    )


def terminal(results: Results) -> str:
    """Means alone, in columns: intervals are in the files."""
    rows: list[Sequence[str]] = [("", "kbit/s", *(scale.name.replace(" distance", "") for scale in results.scales))]
    for row in results.rows:
        means = [interval.mean for interval in row.scores.values()]
        values = ["n/a" if mean != mean else f"{mean:.{3 if abs(mean) < 1 else 2}f}" for mean in means]
        rows.append((row.system, f"{row.bitrate / 1000:.2f}", *values))
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for first, *rest in rows:
        cells = [f"{text:>{width}}" for text, width in zip(rest, widths[1:])]
        lines.append("  ".join([f"{first:<{widths[0]}}", *cells]))
    return "\n".join(lines)
