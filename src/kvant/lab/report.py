"""The page of the laboratory: every experiment that has run, in order; it stands beside their folders."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from kvant.evaluation.report import STYLE
from kvant.lab.folder import FIGURE, ROWS, Told

TEMPLATE = Path(__file__).with_name("page.html")


def page(found: Sequence[Told]) -> str:
    """The HTML of the page."""
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        style=STYLE.read_text(encoding="utf-8").strip(),
        summary=summary(found),
        contents="\n".join(_entry(told) for told in found),
        sections="\n".join(_section(told) for told in found),
    )


def summary(found: Sequence[Told]) -> str:
    """How many, how many checks hold, how long it took."""
    checks = [check for told in found for check in told.checks]
    holding = sum(check.holds for check in checks)
    minutes = sum(told.seconds for told in found) / 60
    verdict = f"all {len(checks)} checks hold" if holding == len(checks) else f"{holding} of {len(checks)} checks hold"
    return f"{len(found)} experiments, {verdict}; {minutes:.1f} minutes of CPU time together."


def _entry(told: Told) -> str:
    flag = "" if told.holds else ' <span class="tag fails">a check does not hold</span>'
    return f'<li><a href="#{told.name}">{escape(told.title)}</a>{flag}</li>'


def _section(told: Told) -> str:
    checks = "\n".join(
        f'<li class="{"holds" if check.holds else "fails"}">{escape(check.claim)} '
        f'<span class="soft">({escape(check.measured)})</span></li>'
        for check in told.checks
    )
    threads = "one thread" if told.threads == 1 else f"{told.threads} threads"
    return (
        f'<section id="{told.name}">\n<h2><span class="tag">{told.name.partition("-")[0]}</span> '
        f"{escape(told.title)}</h2>\n<p>{escape(told.question)}</p>\n"
        f'<figure><div class="scroll"><img alt="{escape(told.title)}" src="{told.name}/{FIGURE}"></div></figure>\n'
        f'<p>{escape(told.seen)}</p>\n<ul class="checks">\n{checks}\n</ul>\n'
        f'<p class="soft"><a href="{told.name}/{ROWS}">{ROWS}</a>; seed {told.seed}, {told.seconds:.0f} s of CPU '
        f"time on {threads}; again with <code>kvant lab run {told.name}</code></p>\n</section>"
    )
