"""Packages that only some sources of data need, imported where they are used."""

from importlib import import_module
from typing import Any

from kvant.errors import UsageError


def extra(module: str, name: str, purpose: str) -> Any:
    """The module. UsageError naming `pip install 'kvant[name]'` if it cannot be imported."""
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(f"{purpose} needs the package {module!r}: pip install 'kvant[{name}]'") from error
