"""The findings within a page of the documentation: between two marks, figures in a folder beside the page."""

from collections.abc import Sequence
from pathlib import Path

from kvant.errors import UsageError
from kvant.lab.folder import FIGURE, Told, put
from kvant.lab.report import summary

BEGIN, END = "<!-- findings: made by kvant lab report -->", "<!-- end of the findings -->"
LARGEST = 120_000
"""Bytes of a figure in the documentation."""


def write_markdown(path: Path, found: Sequence[Told], source: Path) -> None:
    """Replace what stands between the marks of the page, and copy the figures of `source` to lab/NAME.png beside it.

    UsageError: no such page, no marks in it, or a figure that is too large.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); name a page with the marks {BEGIN}") from error
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise UsageError(f"{path}: has no place for findings; put the lines {BEGIN} and {END} into it")
    figures = {told.name: (source / told.name / FIGURE).read_bytes() for told in found}
    for name, data in figures.items():
        if len(data) > LARGEST:
            raise UsageError(f"{name}: its figure has {len(data):,} bytes, more than {LARGEST:,}; draw less in it")
    (path.parent / "lab").mkdir(exist_ok=True)
    for name, data in figures.items():
        put(path.parent / "lab" / f"{name}.png", data)
    put(path, f"{head}{BEGIN}\n\n{findings(found)}\n{END}{tail}".encode())


def findings(found: Sequence[Told]) -> str:
    """A table of all, then each with its figure."""
    lines = [summary(found), "", "| | question | checks |", "|---|---|---|"]
    for told in found:
        holding = sum(check.holds for check in told.checks)
        verdict = f"{holding} of {len(told.checks)} hold"
        lines.append(f"| [{told.name}](#{told.name}) | {told.question} | {verdict} |")
    for told in found:
        lines += ["", f"### {told.name}", "", f"**{told.title}.** {told.seen}", ""]
        lines += [f"![{told.title}](lab/{told.name}.png)", ""]
        lines += [f"- {'holds' if c.holds else '**does not hold**'}: {c.claim} ({c.measured})" for c in told.checks]
    return "\n".join(lines) + "\n"
