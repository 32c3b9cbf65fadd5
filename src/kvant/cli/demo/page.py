"""The listening page: one HTML file with everything in it, sounds and picture included."""

import base64
import io
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from kvant import audio
from kvant.cli.demo.measuring import Trial
from kvant.cli.demo.recordings import RECORDINGS
from kvant.cli.demo.table import COLUMNS, NOTES, cells, title
from kvant.evaluation.report import PLAYER, STYLE

TEMPLATE = Path(__file__).with_name("page.html")


def page(model: str, trials: list[Trial], picture: bytes | None) -> str:
    """The HTML of the page. picture: WebP of the spectrograms, if there is one."""
    bitrates = [f"{version.bitrate / 1000:g}" for version in trials[0].versions]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        style=STYLE.read_text(encoding="utf-8").strip(),
        player=PLAYER.read_text(encoding="utf-8").strip(),
        model=escape(model),
        bitrates=f"{', '.join(bitrates[:-1])} and {bitrates[-1]}",
        cards="\n".join(map(_card, trials)),
        spectrogram=_figure(picture) if picture else "",
        table=_table(trials),
        notes="\n".join(f"<li>{escape(note)}</li>" for note in NOTES),
        credits="\n".join(
            f"<li>{recording.language}: {escape(recording.credit)}, "
            f'<a href="{recording.licence[1]}">{recording.licence[0]}</a></li>'
            for recording in RECORDINGS
        ),
    )


def _card(trial: Trial) -> str:
    sounds = [("original", trial.wav)]
    sounds += [(f"{version.bitrate / 1000:g}", version.wav) for version in reversed(trial.versions)]
    sources = [_flac(wav, trial.sample_rate) for _, wav in sounds]
    pressed = ["true"] + ["false"] * len(trial.versions)
    buttons = "\n".join(
        f'<button type="button" aria-pressed="{state}" data-sound="{source}">{label}</button>'
        for (label, _), state, source in zip(sounds, pressed, sources)
    )
    language, _, kind = title(trial).partition(", ")
    tag = f'<span class="tag{" seen" * trial.recording.seen}">{kind}</span>'
    return (
        f'<section class="card">\n<h2>{language}{tag}</h2>\n<div class="choices">\n{buttons}\n'
        f'<span class="soft">kbit/s</span>\n</div>\n<audio controls src="{sources[0]}"></audio>\n</section>'
    )


def _figure(picture: bytes) -> str:
    return (
        f'<figure>\n<div class="scroll"><img alt="Spectrograms of the recordings and of their coded versions" '
        f'src="{_data("image/webp", picture)}"></div>\n<figcaption class="soft">Level over time and frequency, of the '
        "originals and of what comes back at each bitrate.</figcaption>\n</figure>"
    )


def _table(trials: list[Trial]) -> str:
    head = "".join(f"<th>{name}<br>{unit}</th>" for name, unit in COLUMNS)
    rows = []
    for trial in trials:
        rows.append(f'<tr><th colspan="{len(COLUMNS)}">{title(trial)}</th></tr>')
        rows += [f"<tr>{''.join(f'<td>{text}</td>' for text in cells(version))}</tr>" for version in trial.versions]
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody>\n</table>"


def _flac(wav: np.ndarray, sample_rate: int) -> str:
    """Lossless, so that nothing but the codec is heard, and played by every browser."""
    target = io.BytesIO()
    audio.write(target, wav, sample_rate, format="flac")
    return _data("audio/flac", target.getvalue())


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
