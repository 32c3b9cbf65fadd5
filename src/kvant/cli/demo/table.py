"""The figures of the demo, for the terminal and for the page."""

import textwrap

from kvant.cli.demo.measuring import Trial, Version

COLUMNS = (  # heading, unit
    ("bitrate", "kbit/s"),
    ("levels", ""),
    ("payload", "kbit/s"),
    ("file", "kbit/s"),
    ("encode", "x real time"),
    ("decode", "x real time"),
    ("SI-SDR", "dB"),
    ("mel dist.", "log10"),
)

NOTES = (
    "levels: codebooks in use",
    "payload: the codes of this file, whose last frame reaches past its end; file: with header and framing, whose few "
    "hundred bytes weigh much in four seconds",
    "encode, decode: seconds of audio per second of one core of this machine; the whole recording, best of five",
    "SI-SDR: higher is better; mel distance: lower is better",
    "seen in training: the model has learnt from these very recordings, so their figures flatter it",
)


def title(trial: Trial) -> str:
    """The language, and whether its figures count."""
    kind = "seen in training" if trial.recording.seen else "speaker not in the training data"
    return f"{trial.recording.language}, {kind}"


def cells(version: Version) -> list[str]:
    """The row of a version, by `COLUMNS`."""
    return [
        f"{version.bitrate / 1000:g}",
        str(version.num_codebooks),
        f"{version.payload_bitrate / 1000:.2f}",
        f"{version.file_bitrate / 1000:.2f}",
        f"{version.encode_speed:.0f}",
        f"{version.decode_speed:.0f}",
        f"{version.si_sdr:.1f}",
        f"{version.mel_distance:.3f}",
    ]


def heading() -> str:
    """The two lines above the figures in a terminal."""
    return "\n".join(_line([column[index] for column in COLUMNS]) for index in (0, 1))


def lines(trial: Trial) -> str:
    """The figures of a recording in a terminal."""
    return "\n".join([title(trial), *(_line(cells(version)) for version in trial.versions)])


def notes(width: int) -> str:
    """What the columns mean, in lines of at most `width` characters."""
    return "\n".join(textwrap.fill(note, width, subsequent_indent="  ") for note in NOTES)


def _line(texts: list[str]) -> str:
    widths = [max(map(len, column)) + 2 for column in COLUMNS]
    return "".join(f"{text:>{width}}" for text, width in zip(texts, widths))
