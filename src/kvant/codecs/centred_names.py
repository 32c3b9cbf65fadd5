"""Names of a centred SEANet in the layout of EnCodec's package, and ours."""

import re

from torch import Tensor

from kvant.codecs.published import renamed

NAMES = (
    (r"\.convtr\.convtr\.", "."),
    (r"\.block\.1\.conv\.conv\.", ".branches.0.layers.1.conv."),
    (r"\.block\.3\.conv\.conv\.", ".branches.0.layers.3.module."),
    (r"\.shortcut\.conv\.conv\.", ".branches.1.module."),
    (r"(\.\d+)\.conv\.conv\.", r"\1.conv."),
    (r"\.lstm\.", ".branch.lstm."),
    (r"^quantizer\.vq\.layers\.(\d+)\._codebook\.embed$", r"quantizer.codebooks.\1.weight"),
)
"""Patterns of the official names, and ours; applied in this order, after `around_recurrence`."""


def around_recurrence(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state with places of `encoder.model` and `decoder.model` before their LSTM, at it, and after it.

    What is not in order is left as it is, for whoever asks for every name to be known.
    """
    found = [re.match(r"(encoder|decoder)\.model\.(\d+)\.lstm\.", name) for name in state]
    recurrences = {match[1]: int(match[2]) for match in found if match}

    def placed(name: str) -> str:
        match = re.match(r"(encoder|decoder)\.model\.(\d+)\.", name)
        if not match or match[1] not in recurrences:
            return name
        side, place, rest = match[1], int(match[2]), name[match.end() :]
        behind = place - recurrences[side]
        if not behind:
            return f"{side}.recurrence.{rest}"
        return f"{side}.after.layers.{behind - 1}.{rest}" if behind > 0 else f"{side}.before.layers.{place}.{rest}"

    return {placed(name): tensor for name, tensor in state.items()}


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state of the official package's, weight norm folded: only names differ."""
    return {renamed(name, NAMES): tensor for name, tensor in around_recurrence(state).items()}
