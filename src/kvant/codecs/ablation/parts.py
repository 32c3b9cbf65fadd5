"""Parts of a quantizer as text: a name of an explicit list, with arguments as Python writes them."""

import ast
import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from kvant.errors import UsageError


class Named(NamedTuple):
    """A part of a list, and the arguments that its text gives."""

    part: Any
    arguments: dict[str, Any]


def named(text: str, known: Sequence[Any], what: str) -> Named:
    """The part that `text` names, such as `straight_through`, `DiVeQ(sigma=1e-3)`.

    Arguments are literals by name, or names of other parts: `Annealed(kind=GumbelSoftmax, ...)`. known: classes and
    functions. UsageError: no such part, with those there are, or nothing that can be read.
    """
    parts = {each.__name__: each for each in known}
    tree: ast.expr | None = None
    with contextlib.suppress(SyntaxError, ValueError):
        tree = ast.parse(text.strip(), mode="eval").body
    keywords: list[ast.keyword] = []
    if isinstance(tree, ast.Call) and not tree.args:
        keywords, tree = tree.keywords, tree.func
    if not isinstance(tree, ast.Name):
        raise UsageError(f"{what} {text!r}: write a name, or Name(argument=value)")
    if tree.id not in parts:
        raise UsageError(f"{what} {tree.id!r}: there is {', '.join(sorted(parts, key=str.lower))}")
    return Named(parts[tree.id], {str(each.arg): _value(each, parts, f"{what} {text}") for each in keywords})


def made(text: str, known: Sequence[Any], what: str) -> Any:
    """A function as it is; of a class, an instance with the arguments of `text`. UsageError: as `named`, or others."""
    part, arguments = named(text, known, what)
    if not inspect.isclass(part):
        if arguments:
            raise UsageError(f"{what} {text}: takes no arguments; leave out the brackets")
        return part
    return call(part, arguments, text, what)


def call(function: Callable[..., Any], arguments: Mapping[str, Any], text: str, what: str, *given: Any) -> Any:
    """function(*given, **arguments). UsageError: it takes no such arguments, or not these values."""
    names = list(inspect.signature(function).parameters)[len(given) :]
    unknown = sorted(set(arguments) - set(names))
    if unknown:
        takes = f"it takes {', '.join(names)}" if names else "it takes none"
        raise UsageError(f"{what} {text}: no argument {unknown[0]}; {takes}")
    try:
        return function(*given, **arguments)
    except (TypeError, ValueError, AssertionError) as error:
        raise UsageError(f"{what} {text}: {error}") from error


def _value(keyword: ast.keyword, parts: Mapping[str, Any], where: str) -> Any:
    """What stands behind `argument=`. It is read, nothing is run."""
    if isinstance(keyword.value, ast.Name) and keyword.value.id in parts:
        return parts[keyword.value.id]
    try:
        return ast.literal_eval(keyword.value)
    except ValueError as error:
        raise UsageError(f"{where}: {keyword.arg} must be a number, text, a tuple, or the name of a part") from error
