"""Modules that only an extra of the package installs."""

from importlib import import_module
from typing import Any

from kvant.errors import UsageError


def import_extra(module: str, extra: str) -> Any:
    """The module of that name. UsageError naming `pip install kvant[extra]` if a package it needs is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(
            f"needs the package {error.name or module!r}, which is not installed: pip install 'kvant[{extra}]'"
        ) from error
