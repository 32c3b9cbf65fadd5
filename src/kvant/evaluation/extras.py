"""Imports the packages of the extra `kvant[eval]` where they are used, so that the rest works without them."""

from importlib import import_module
from typing import Any

from kvant.errors import UsageError


def extra(module: str, purpose: str) -> Any:
    """The module of that name. UsageError naming `pip install kvant[eval]` if it cannot be imported."""
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(f"{purpose} needs the package {module!r}: pip install kvant[eval]") from error
