"""Spectrograms of recordings and their coded versions, in one picture."""

import io
from typing import Any

import numpy as np

from kvant.extras import import_extra

WINDOW_SECONDS = 0.025
HOPS_PER_WINDOW = 4
RANGE = (-100, -20)  # dB


def draw(columns: list[tuple[str, list[tuple[str, np.ndarray]]]], sample_rate: int) -> Any:
    """A figure with a column for each (title, rows) and a row for each (label, wav [N]); the labels are alike.

    UsageError: matplotlib is not installed.
    """
    figure_module = import_extra("matplotlib.figure", "plot")
    rows = len(columns[0][1])
    figure = figure_module.Figure(figsize=(2.8 * len(columns) + 0.9, 1.4 * rows + 0.6), dpi=110, layout="constrained")
    axes = figure.subplots(rows, len(columns), sharey=True, sharex="col", squeeze=False)
    for column, (title, versions) in enumerate(columns):
        axes[0, column].set_title(title)
        for row, (label, wav) in enumerate(versions):
            axis = axes[row, column]
            image = axis.imshow(
                level(wav, sample_rate),
                extent=(0, len(wav) / sample_rate, 0, sample_rate / 2000),
                vmin=RANGE[0],
                vmax=RANGE[1],
                cmap="magma",
                origin="lower",
                aspect="auto",
            )
            axis.set_xticks(range(int(len(wav) / sample_rate) + 1))
            axis.set_yticks(range(0, sample_rate // 2000 + 1, 4))
            if column == 0:
                axis.set_ylabel(label, fontweight="bold")
    figure.supxlabel("time (s)", fontsize="medium")
    figure.supylabel("frequency (kHz)", fontsize="medium")
    figure.colorbar(image, ax=axes, label="level (dB re full scale)", pad=0.01, aspect=50)
    return figure


def png(figure: Any) -> bytes:
    """The figure in 256 colours, which is a good half smaller than in all."""
    from PIL import Image  # comes with matplotlib

    drawn, target = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, "png", optimize=True)
    return target.getvalue()


def webp(figure: Any) -> bytes:
    """The figure for the page: smaller still, with losses that nobody sees."""
    target = io.BytesIO()
    figure.savefig(target, format="webp")
    return target.getvalue()


def level(wav: np.ndarray, sample_rate: int) -> np.ndarray:
    """Level in dB of wav [N] by frequency and time [window / 2 + 1, frames]: a sine of full scale has 0 dB."""
    window = round(WINDOW_SECONDS * sample_rate)
    hann = np.hanning(window)
    padded = np.pad(wav, window // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[:: window // HOPS_PER_WINDOW]
    amplitude = np.abs(np.fft.rfft(frames * (2 * hann / hann.sum()), axis=1))
    return 20 * np.log10(np.maximum(amplitude.T, 1e-6))
