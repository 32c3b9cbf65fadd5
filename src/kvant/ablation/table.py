"""The tables of an ablation: Markdown to read, CSV with every seed to compute with."""

import csv
import io
import math
from collections.abc import Sequence

from kvant.ablation.results import BASE, DONE, Results
from kvant.ablation.summary import Figure, Summary, depths, figures_of_rate, figures_of_use, rate_of, summarise

PICTURE = "ablation.png"


def markdown(results: Results) -> str:
    """The page: a table a question at the full rate, then the lower rates, the levels, and what went wrong."""
    rates = depths(results)
    parts = [f"# {results.title}", about(results), f"![Every cell beside the base]({PICTURE})"]
    figures = figures_of_rate(results, rates[-1]) + figures_of_use() if rates else figures_of_use()
    for question, cells in results.groups.items():
        parts += [f"## {question}", table(results, [BASE, *cells], figures)]
    for levels in rates[:-1]:
        rate = next(rate_of(each, levels) for each in results.outcomes if each.rates)
        bitrate = f"{rate.bitrate / 1000:g} kbit/s" if rate else ""
        parts += [f"## With {levels} of {rates[-1]} levels ({bitrate})"]
        parts.append(table(results, results.cells, figures_of_rate(results, levels)))
    parts += ["## Use of codes, level by level", use(results)]
    if lost := failures(results):
        parts += ["## Did not end well", lost]
    return "\n\n".join(parts) + "\n"


def about(results: Results) -> str:
    """How it was made, and how to read it."""
    facts = results.about
    return (
        f"{len(results.cells)} cells x seeds {', '.join(map(str, facts['seeds']))}; each {facts['steps']} steps of "
        f"{facts['batch_size']} x {facts['seconds']:g} s, from the same transform in closed form and the same random "
        f"networks. Scores: means over {facts['clips']} held-out clips; use of codes and latent SNR: 320 held-out "
        f"seconds. {facts['processor']}, one thread a cell; made by `{facts['command']}`.\n\n"
        "Mean over seeds ± half of its 95 % interval; few seeds tell little of one cell's spread, so the spread "
        "between seeds is pooled over all cells. **Bold**: differs from the base by more than chance would, at 95 %, "
        "for this one comparison; among many, one in twenty is chance. Latent SNR compares latents of different "
        "encoders: an encoder can make them easier to code, so read it beside the "
        "scores. Perplexity and usage are means over levels, as shares of the codes there are."
    )


def table(results: Results, cells: Sequence[str], figures: Sequence[Figure]) -> str:
    """A row a cell, each once; a cell that is not done with any seed says so."""
    heads = ["| | " + " | ".join(figure.heading for figure in figures) + " |", "|---" + "|--:" * len(figures) + "|"]
    summaries = [summarise(results, figure) for figure in figures]
    rows = []
    for cell in dict.fromkeys(cells):
        texts = [shown(summary.get(cell)) for summary in summaries]
        states = {each.status for each in results.outcomes if each.cell == cell} - {DONE}
        name = f"{cell} ({', '.join(sorted(states))})" if states else cell
        rows.append(f"| {name} | {' | '.join(texts)} |")
    return "\n".join([*heads, *rows])


def shown(summary: Summary | None) -> str:
    """`1.25 ± 0.02`, bold where it is clearly not the base's."""
    if summary is None:
        return "n/a"
    digits = 3 if abs(summary.mean) < 1 else 2 if abs(summary.mean) < 20 else 0
    half = "" if math.isnan(summary.half) else f" ± {summary.half:.{digits}f}"
    text = f"{summary.mean:.{digits}f}"
    return (f"**{text}**" if summary.clear else text) + half


def use(results: Results) -> str:
    """Perplexity of V, and share of codes in use, by level: means over seeds."""
    most = max((len(each.levels) for each in results.outcomes), default=0)
    lines = ["| | " + " | ".join(f"level {k + 1}" for k in range(most)) + " |", "|---" + "|--:" * most + "|"]
    for cell in results.cells:
        done = [each.levels for each in results.of(cell)]
        texts = []
        for level in range(len(done[0]) if done else 0):
            own = [levels[level] for levels in done]
            perplexity, usage = (sum(values) / len(own) for values in zip(*((o.perplexity, o.usage) for o in own)))
            texts.append(f"{perplexity:.0f} of {own[0].size}, {usage:.0%}")
        lines.append(f"| {cell} | {' | '.join(texts + [''] * (most - len(texts)))} |")
    return "\n".join(lines)


def failures(results: Results) -> str:
    """A line for each outcome that is not done; empty if there is none."""
    return "\n".join(
        f"* {each.cell}, seed {each.seed}: {each.status}. {each.reason}"
        for each in results.outcomes
        if each.status != DONE
    )


def comma_separated(results: Results) -> str:
    """A row a cell, seed and rate: every figure as it was measured; of outcomes that are not done, one row without."""
    metrics = [scale.name for scale in results.scales]
    axes = list(dict.fromkeys(axis for each in results.outcomes for axis in each.choices))
    most = max((len(each.levels) for each in results.outcomes), default=0)
    use_heads = [f"{what}_{k + 1}" for what in ("perplexity", "usage") for k in range(most)]
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    heads = ["cell", "seed", "status", *axes, "levels", "bitrate", "latent_snr_db", *metrics, "training_s"]
    writer.writerow([*heads, *use_heads])
    for each in results.outcomes:
        begin = [each.cell, each.seed, each.status, *(each.choices.get(axis, "") for axis in axes)]
        blank = [""] * (most - len(each.levels))
        codes = [*(u.perplexity for u in each.levels), *blank, *(u.usage for u in each.levels), *blank]
        for rate in each.rates:
            scores = [rate.scores[name] for name in metrics]
            writer.writerow([*begin, rate.levels, rate.bitrate, rate.snr, *scores, each.seconds, *codes])
        if not each.rates:
            writer.writerow([*begin, *[""] * (len(heads) + len(use_heads) - len(begin))])
    return target.getvalue()
