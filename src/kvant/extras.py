"""Packages that only an extra of Kvant installs, imported where they are used, so that the rest works without them."""

from importlib import import_module
from typing import Any

from kvant.errors import UsageError


def import_extra(module: str, extra: str, purpose: str = "this") -> Any:
    """The module of that name. UsageError naming `pip install 'kvant[extra]'` if it needs what is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        missing = error.name or module
        if missing.split(".")[0] == "kvant":
            raise  # no extra brings what Kvant itself lacks
        raise UsageError(
            f"{purpose} needs the package {missing!r}, which is not installed: pip install 'kvant[{extra}]'"
        ) from error
