"""The page of an evaluation: plot, tables, and players for a few clips; it stands beside the files it plays."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

from kvant.evaluation.clip import UNKNOWN
from kvant.evaluation.report import PLAYER, STYLE
from kvant.evaluation.report.markdown import RATE_HEADS, notes, rate_cells
from kvant.evaluation.results import Results
from kvant.evaluation.table import Row, Scale, cell

TEMPLATE = Path(__file__).with_name("page.html")


def page(results: Results, sounds: Mapping[int, Mapping[str, str]], pictures: tuple[str, str] | None) -> str:
    """The HTML of the page.

    sounds: for the clips to hear, by index, the address of each system's version. pictures: addresses of the plot, for
    light and for dark; None if there is none.
    """
    codecs = list(results.about["codecs"])
    title = f"{' and '.join(codecs)}, measured"
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        style=STYLE.read_text(encoding="utf-8").strip(),
        player=PLAYER.read_text(encoding="utf-8").strip(),
        title=escape(title),
        summary=escape(notes(results)[0]),
        picture=_picture(*pictures) if pictures else "",
        quality=_quality(results),
        cards="\n".join(_card(results, index, versions) for index, versions in sounds.items()),
        rates=_table(
            ["system", *RATE_HEADS],
            [[escape(row.system), *rate_cells(results, row)] for row in results.rows],
        ),
        speakers=_groups("By speaker", results.speakers, results.scales),
        languages=_groups("By language", results.languages, results.scales),
        notes="\n".join(f"<li>{escape(note)}</li>" for note in notes(results)[1:]),
    )


def _picture(light: str, dark: str) -> str:
    return (
        f'<figure>\n<div class="scroll"><picture><source srcset="{dark}" media="(prefers-color-scheme: dark)">'
        f'<img alt="Metrics over bitrate, for every system" src="{light}"></picture></div>\n<figcaption class="soft">'
        "Mean and 95 % interval over the clips. Solid: codecs with codebooks; dotted: conventional ones.</figcaption>\n"
        "</figure>"
    )


def _quality(results: Results) -> str:
    heads = ["system", "kbit/s", *(_heading(scale) for scale in results.scales)]
    rows = [
        [escape(row.system), f"{row.bitrate / 1000:.2f}", *(_cell(row, scale) for scale in results.scales)]
        for row in results.rows
    ]
    return _table(heads, rows)


def _groups(title: str, groups: Mapping[str, Sequence[Row]], scales: Sequence[Scale]) -> str:
    """A table for each metric, the first one open: systems down, groups across. A single group is the whole: none."""
    if len(groups) < 2:
        return ""
    tables = [f"<h2>{title}</h2>"]
    for scale in scales:
        systems: dict[str, list[str]] = {}
        for rows in groups.values():
            for row in rows:
                systems.setdefault(row.system, []).append(_cell(row, scale))
        body = [[escape(system), *cells] for system, cells in systems.items()]
        table = _table(["system", *map(escape, groups)], body)
        state = " open" * (scale is scales[0])
        tables.append(
            f"<details{state}>\n<summary>{escape(scale.heading)}</summary>\n"
            f'<div class="scroll">\n{table}\n</div>\n</details>'
        )
    return "\n".join(tables)


def _card(results: Results, index: int, versions: Mapping[str, str]) -> str:
    clip = results.clips[index]
    ordered = sorted(versions, key=lambda system: system != "recording")
    buttons = "\n".join(
        f'<button type="button" aria-pressed="{str(place == 0).lower()}" data-sound="{versions[system]}">'
        f"{escape(system)}</button>"
        for place, system in enumerate(ordered)
    )
    heading = clip.name if clip.speaker == UNKNOWN else clip.speaker
    facts = [*([clip.language] if clip.language != UNKNOWN else []), f"{clip.seconds:.1f} s"]
    tag = f'<span class="tag">{escape(", ".join(facts))}</span>'
    return (
        f'<section class="card">\n<h2>{escape(heading)}{tag}</h2>\n<div class="choices">\n{buttons}\n</div>\n'
        f'<audio controls preload="none" src="{versions[ordered[0]]}"></audio>\n</section>'
    )


def _heading(scale: Scale) -> str:
    unit = f"<br>{escape(scale.unit)}" if scale.unit else ""
    return f"{escape(scale.name)} {'↑' if scale.higher_is_better else '↓'}{unit}"


def _cell(row: Row, scale: Scale) -> str:
    return cell(row.scores[scale.name])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{head}</th>" for head in heads)
    body = "\n".join(f"<tr>{''.join(f'<td>{text}</td>' for text in row)}</tr>" for row in rows)
    return f'<table class="named">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'
