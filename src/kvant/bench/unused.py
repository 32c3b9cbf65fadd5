"""Packages that official packages import and their codecs never call, stood in for where they are not installed."""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from torch import nn

UNUSED = ("torchaudio", "audiotools", "argbind", "sentencepiece", "sphn", "sounddevice", "aiohttp", "bitsandbytes")
"""For reading files, training or serving. torchaudio's builds lag torch's; audiotools pins what nothing else does."""


class Unused(ModuleType):
    """A module that has every submodule and every class, to be imported and derived from; nothing else can be done."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name.islower():
            return importlib.import_module(f"{self.__name__}.{name}")
        return type(name, (nn.Module,), {"INTERN": [], "EXTERN": []})

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """For decorators, which run at import."""
        return self


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in UNUSED:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return Unused(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""


@contextmanager
def unused_packages(names: Sequence[str] = UNUSED) -> Iterator[None]:
    """While this holds, those of `names` that cannot be imported are stood in for; what is installed is used."""
    finder = _Finder()
    sys.meta_path.append(finder)  # last: asked only when no other finder knows the package
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, Unused)]:
            del sys.modules[name]
