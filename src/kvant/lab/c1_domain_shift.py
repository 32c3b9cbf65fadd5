"""c1: a codec solved from speech, from music, from what a collection happens to hold, and from both in balance.

Kvant's own codec in closed form (`training.closed_form`): transform and residual codebooks of four kinds of data, equal
in length and rate, each tried on speech and music it has not heard.
"""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kvant.lab.bench import SAMPLE_RATE, Bench
from kvant.lab.domains import LEVELS, SIZE, divergence, music, solved, tried
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS, SOFT
from kvant.losses import MelLoss

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEARNED, TRIED = 240, 60
"""Seconds."""
SHARES = {"speech": 1.0, "music": 0.0, "as found": 0.9, "balanced": 0.5}
"""Of speech in the training data; the rest is music."""
DOMAINS = {"speech": "test", "music": "dev", "other music": "test"}
"""Tried on -> split. The music of dev is by the composers of train, other music is not, and reaches to 8 kHz."""
Row = dict[str, float | int | str]


def draw(rows: list[Row], shift: dict[str, list[float]], figure: "Figure") -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    for place, (domain, colour) in enumerate(zip(DOMAINS, COLOURS)):
        values = [float(row["snr_db"]) for row in rows if row.get("tried_on") == domain]
        bars = left.bar(np.arange(len(SHARES)) + 0.27 * (place - 1), values, 0.25, color=colour, label=domain)
        left.bar_label(bars, fmt="%.1f", fontsize=9)
    left.set_xticks(range(len(SHARES)), [f"{name}\n({share:.0%} speech)" for name, share in SHARES.items()])
    left.set(xlabel="solved from", ylabel="SNR of features, dB", title="Specialists win at home")
    left.set_ylim(0, left.get_ylim()[1] * 1.2)
    left.legend(ncols=3, loc="upper left", title="tried on")
    for (name, values), colour in zip(shift.items(), (COLOURS[1], SOFT)):
        right.plot(range(1, LEVELS + 1), values, "o-", color=colour)
        right.text(1.15, values[0] + 0.012, name, color=colour, va="bottom")
    right.set(xlabel="level", ylabel="Jensen-Shannon divergence, bits", title="Who uses which codes")
    right.set_ylim(0, right.get_ylim()[1] * 1.1)
    right.set_xticks(range(1, LEVELS + 1))
    figure.suptitle("Balancing keeps most of what each specialist has")


def shifts(codes: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Divergence of code histograms [K] between domains, and between halves of one, which should have none."""

    def histograms(some: np.ndarray) -> list[np.ndarray]:
        return [np.bincount(level, minlength=SIZE) for level in some]

    shuffled = codes["speech"][:, np.random.default_rng(0).permutation(codes["speech"].shape[1])]
    pairs = {"speech and music": (codes["speech"], codes["music"]), "speech and speech": np.array_split(shuffled, 2, 1)}
    return {name: list(map(divergence, *map(histograms, pair))) for name, pair in pairs.items()}


def measure(bench: Bench) -> tuple[list[Row], dict[str, list[float]]]:
    """Rows, and what `shifts` says of the balanced codec's codes."""
    heard = (bench.speech("train", LEARNED), music(bench, "train", LEARNED))
    trials = {
        name: music(bench, split, TRIED) if "music" in name else bench.speech(split, TRIED)
        for name, split in DOMAINS.items()
    }
    rows: list[Row] = []
    codes: dict[str, np.ndarray] = {}
    for name, share in SHARES.items():
        part = round(share * LEARNED * SAMPLE_RATE)
        codec = solved(np.concatenate([heard[0][:part], heard[1][: len(heard[0]) - part]]), bench.seed)
        for domain, wav in trials.items():
            measures, codes[domain] = tried(codec, wav, MelLoss(SAMPLE_RATE))
            rows.append({"solved_from": name, "tried_on": domain, **measures})
    shift = shifts(codes)
    for pair, values in shift.items():
        rows += [{"pair": pair, "level": level, "divergence_bits": bits} for level, bits in enumerate(values)]
    return rows, shift


def run(bench: Bench) -> Finding:
    rows, shift = measure(bench)

    def of(source: str, domain: str, key: str = "snr_db") -> float:
        return next(
            float(row[key]) for row in rows if (row.get("solved_from"), row.get("tried_on")) == (source, domain)
        )

    away = {"speech": of("music", "speech"), "music": of("speech", "music")}
    lost = {domain: of(domain, domain) - value for domain, value in away.items()}
    closed = {
        (source, domain): (of(source, domain) - away[domain]) / lost[domain]
        for source in ("as found", "balanced")
        for domain in away
    }
    balanced = [closed["balanced", domain] for domain in away]
    used = {(source, domain): of(source, domain, "bit_efficiency") for source in away for domain in away}
    apart, alike = shift.values()
    other = {source: of(source, "other music", "mel") for source in away}
    seen = (
        f"Away from home a specialist loses {lost['speech']:.1f} dB (music's on speech) and {lost['music']:.1f} dB "
        f"(speech's on music), and its codes carry less: {used['speech', 'music']:.0%} of their bits on music for "
        f"{used['speech', 'speech']:.0%} at home. A tenth of music closes {closed['as found', 'music']:.0%} of "
        f"its gap; half of each closes {balanced[0]:.0%} of the gap on speech and {balanced[1]:.0%} of that on "
        f"music, at the same rate. In the balanced codec the domains differ by {apart[0]:.2f} bit in who uses which "
        f"codes of level 1 and by {apart[-1]:.2f} at level {LEVELS} (halves of one speech, by chance: {alike[0]:.2f}): "
        f"what is left over looks alike wherever it comes from. The measure matters: by log-mel distance other music, "
        f"which ends at 8 kHz as much of the speech does, has {other['speech']:.3f} with the speech codec and "
        f"{other['music']:.3f} with the one of music, which fills the empty highs."
    )
    checks = (
        Check(
            "each specialist wins at home by half a dB or more",
            ", ".join(f"{domain} {value:.2f} dB" for domain, value in lost.items()),
            min(lost.values()) > 0.5,
        ),
        Check("balancing closes over half of both gaps", ", ".join(f"{x:.0%}" for x in balanced), min(balanced) > 0.5),
        Check(
            "a tenth of music closes less of music's gap than half does",
            f"{closed['as found', 'music']:.0%} against {balanced[1]:.0%}",
            closed["as found", "music"] < balanced[1] - 0.2,
        ),
        Check(
            "codes of a specialist carry more bits at home",
            ", ".join(f"{source} on {domain} {value:.1%}" for (source, domain), value in used.items()),
            used["speech", "speech"] > used["speech", "music"] and used["music", "music"] > used["music", "speech"],
        ),
        Check(
            "domains use different codes, and at deep levels less different ones",
            f"{apart[0]:.2f} and {apart[-1]:.2f} bit, by chance {alike[0]:.2f}",
            apart[0] > 3 * alike[0] and apart[-1] < 0.7 * apart[0],
        ),
    )
    return Finding(rows, partial(draw, rows, shift), seen, checks)


EXPERIMENT = Experiment(
    "c1-domain-shift",
    "Specialists win at home, and balancing keeps most of what each has",
    "What does a codec lose on what it has not been trained on, and what does balancing the data bring back?",
    run,
    needs_corpus=True,
)
