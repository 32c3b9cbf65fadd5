"""What an ablation swaps: each axis, and how a choice on it names parts of the explicit lists."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kvant.codecs.ablation import QuantizerConfig
from kvant.errors import UsageError

Values = Mapping[str, Mapping[str, Any]]
"""Labels of an axis, and what each stands for: the text of a part, a list of texts for remedies and penalties."""

BASE = {
    "quantizer": "ResidualQuantizer",
    "codebook": "EMACodebook",
    "gradient": "straight_through",
    "relaxation": "StraightThroughGumbel",
    "remedies": "none",
    "penalties": "none",
    "dropout": "NoDropout",
    "weights": "none",
}
"""The choices of a grid that says nothing."""

AXES = tuple(BASE)
SEVERAL = ("remedies", "penalties", "weights")
NONE = "none"


class Meant(NamedTuple):
    """What the choices of a cell stand for. weights: changes to `LossWeights`, such as `codebook=0`."""

    quantizer: QuantizerConfig
    dropout: str
    weights: tuple[str, ...]


def resolve(choices: Mapping[str, str], values: Values) -> Meant:
    """What choices by axis stand for. UsageError: a label of the wrong kind.

    A choice is a label of `values`, or the text of a part itself; `none` is no remedy, no penalty, no other weights.
    """
    meant = {axis: _meant(axis, choice, values.get(axis, {})) for axis, choice in choices.items()}
    dropout, weights = meant.pop("dropout"), meant.pop("weights")
    return Meant(QuantizerConfig(**meant), dropout, weights)


def _meant(axis: str, choice: str, labels: Mapping[str, Any]) -> Any:
    value = labels.get(choice, choice)
    if axis in SEVERAL:
        value = [] if value == NONE else [value] if isinstance(value, str) else value
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise UsageError(f"values.{axis}: {choice!r} must be text, or a list of texts, got {value!r}")
    if not isinstance(value, str):
        raise UsageError(f"values.{axis}: {choice!r} must be text, got {value!r}")
    return value
