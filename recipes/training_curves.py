"""Training curves of a run: what the held-out clips lost, at every depth, from the first validation to the last.

    python recipes/training_curves.py RUN/history.jsonl OUT.png

One panel a loss, one line a number of levels; a dotted line where a phase begins, by the config beside the history.
"""

import argparse
import json
from itertools import accumulate
from pathlib import Path

from matplotlib.figure import Figure

from kvant.files import atomic_write

COLOURS = ("#cbbcf0", "#9d83dc", "#6f4fbf", "#3b2578")
INK, LINE = "#1d1d1f", "#dddbd5"
LOSSES = {
    "mel": "log-mel distance",
    "disturbance": "disturbance",
    "complex_stft": "complex spectra",
    "log_magnitude": "log magnitude",
    "loudness": "loudness",
    "commitment": "commitment",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("history", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    records = [json.loads(line) for line in arguments.history.read_text().splitlines()]
    config = json.loads(arguments.history.with_name("config.json").read_text())
    ends = list(accumulate(phase["steps"] for phase in config["phases"]))
    levels = sorted({int(name.split("@")[1]) for name in records[0] if "@" in name})
    steps = [record["step"] for record in records]
    figure = Figure(figsize=(11, 5.6), dpi=130, layout="constrained", facecolor="white")
    for axis, (loss, title) in zip(figure.subplots(2, 3, sharex=True).flat, LOSSES.items()):
        for level, colour in zip(levels, COLOURS):
            course = [record[f"{loss}@{level}"] for record in records]
            axis.plot(steps, course, color=colour, linewidth=1.8, label=f"{level} level{'s' * (level > 1)}")
        for end in ends[:-1]:
            axis.axvline(end, color=INK, linewidth=0.8, linestyle=":")
        axis.set_title(title, fontsize="medium", color=INK)
        axis.grid(color=LINE, linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(LINE)
        axis.tick_params(colors=INK, length=0)
        axis.set_ylim(bottom=0)
    for axis in figure.axes[3:]:
        axis.set_xlabel("step", color=INK)
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(levels), frameon=False)
    with atomic_write(arguments.output, overwrite=True) as sink:
        figure.savefig(sink, format="png")


if __name__ == "__main__":
    main()
