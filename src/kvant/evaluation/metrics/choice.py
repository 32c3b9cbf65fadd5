"""Metrics as users name them."""

from collections.abc import Callable, Sequence
from functools import partial

from kvant.errors import UsageError
from kvant.evaluation.metrics import MelDistance, Metric, Pesq, SiSdr, StftDistance, Stoi, Visqol

METRICS: dict[str, Callable[[], Metric]] = {
    "pesq-wb": partial(Pesq, "WB"),
    "pesq-nb": partial(Pesq, "NB"),
    "stoi": Stoi,
    "visqol": Visqol,
    "si-sdr": SiSdr,
    "mel": MelDistance,
    "stft": StftDistance,
}


def choose(names: Sequence[str] | None) -> tuple[dict[str, Metric], list[str]]:
    """The metrics of these names in the order of `METRICS`, and notes on what is left out; None: all that is installed.

    UsageError: an unknown name, none at all, or one that needs a package that is not installed.
    """
    unknown = sorted(set(names or ()) - set(METRICS))
    if unknown or (names is not None and not names):
        raise UsageError(f"unknown metrics {', '.join(unknown) or '(none)'}; there are {', '.join(METRICS)}")
    metrics: dict[str, Metric] = {}
    notes: list[str] = []
    for name, make in METRICS.items():
        if names is not None and name not in names:
            continue
        try:
            metrics[name] = make()
        except UsageError as error:
            if names is not None:
                raise
            notes.append(f"without {name}: {error}")
    return metrics, notes
