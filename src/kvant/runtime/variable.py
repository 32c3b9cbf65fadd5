"""Constant error: the limit that brings a bitrate, by the table that a model was calibrated with."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kvant.errors import ModelError, UsageError


def limit_for(metadata: Mapping[str, Any], bitrate: float) -> float:
    """Squared error of the latents that frames may have, for `bitrate` bit/s on average over ordinary speech.

    metadata: a model's, whose `variable` holds `limits`: bit/s, as text, -> limit; between them both are interpolated
    in their logarithms. ModelError: it has no such table. UsageError: a bitrate beyond it.
    """
    name = metadata.get("name", "the model")
    try:
        table = sorted((float(rate), float(limit)) for rate, limit in metadata["variable"]["limits"].items())
        rates, limits = np.log(np.array(table)).T
    except KeyError as error:
        raise ModelError(f"{name} has no table of limits, which a variable bitrate needs; leave it constant") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{name}: its table of limits is garbled ({error}); save the model again") from error
    if not rates[0] - 1e-9 <= np.log(bitrate) <= rates[-1] + 1e-9:
        lowest, highest = np.ceil(np.exp(rates[0]) / 10 - 1e-6) / 100, np.floor(np.exp(rates[-1]) / 10 + 1e-6) / 100
        raise UsageError(
            f"{bitrate / 1000:g} kbit/s; the variable bitrates of {name} are {lowest:g} to {highest:g} kbit/s"
        )
    return float(np.exp(np.interp(np.log(bitrate), rates, limits)))


def check_limit(limit: float | None) -> None:
    """UsageError unless None or above 0."""
    if limit is not None and not limit > 0:
        raise UsageError(f"limit {limit}: must be above 0, a squared error of latents")
