"""Changes to a config from the command line, such as `phases.0.steps=500`, checked against its dataclasses."""

import dataclasses
import difflib
import json
import math
import types
from collections.abc import Sequence
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from kvant.errors import KvantError, UsageError

Config = TypeVar("Config")

_BOOLEANS = {"true": True, "false": False}
_NAMES = {int: "an integer", float: "a finite number", bool: "true or false", types.NoneType: "none"}


def override(config: Config, changes: Sequence[str]) -> Config:
    """`config`, a frozen dataclass, with `changes` of the form key=value, in order; dots lead into nested dataclasses.

    Values by the type of their field: `8`, `3e-4`, `true`, `text`, `1,2,4` for a tuple, `none` where None is allowed;
    an entry of a dict, behind its dot, is JSON or else text. A number leads to that member of a tuple of dataclasses.
    UsageError: a key that does not exist (those that do are named), or a value of another type.
    """
    for change in changes:
        key, equals, text = change.partition("=")
        if not (key and equals):
            raise UsageError(f"{change!r} is no change; write key=value, such as phases.0.steps=500")
        try:
            config = _replaced(config, key.split("."), text)
        except _Unknown as error:
            near = difflib.get_close_matches(key, keys(config), n=1, cutoff=0.8)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"{key}: no such key; {hint}{error}") from None
        except KvantError as error:
            raise UsageError(f"{key}={text}: {error}") from error
    return config


def keys(config: Any, prefix: str = "") -> list[str]:
    """All keys of `config` that can be changed, dotted; below a dict any more."""
    found = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if _is_group(value):
            for index, member in enumerate(value):
                found += keys(member, f"{prefix}{field.name}.{index}.")
        else:
            nested = dataclasses.is_dataclass(value)
            found += keys(value, f"{prefix}{field.name}.") if nested else [prefix + field.name]
    return found


def _is_group(value: Any) -> bool:
    """A tuple of dataclasses, such as the phases of a run."""
    return isinstance(value, tuple) and len(value) > 0 and all(map(dataclasses.is_dataclass, value))


class _Unknown(Exception):
    """Raised for a key that does not exist; the message names those that do."""


def _replaced(config: Any, path: list[str], text: str, prefix: str = "") -> Any:
    name, *rest = path
    names = [field.name for field in dataclasses.fields(config)]
    value = getattr(config, name, None) if name in names else None
    if isinstance(value, tuple) and _is_group(value) and rest:
        return dataclasses.replace(config, **{name: _member_replaced(value, rest, text, f"{prefix}{name}.")})
    deeper = dataclasses.is_dataclass(value) or isinstance(value, dict)
    if name not in names or (rest and not deeper):
        where = f"{prefix.removesuffix('.')} has" if prefix else "the keys are"
        raise _Unknown(f"{where} {', '.join(names)}")
    if isinstance(value, dict):
        if not rest:
            raise UsageError(f"holds entries; give one as {prefix}{name}.NAME=VALUE")
        new: Any = {**value, ".".join(rest): _json_or_text(text)}
    elif deeper:
        if not rest:
            raise UsageError(f"is a group; it has {', '.join(keys(value, f'{prefix}{name}.'))}")
        new = _replaced(value, rest, text, f"{prefix}{name}.")
    else:
        hint = get_type_hints(type(config))[name]
        new = _parsed(text, type(value) if hint is Any else hint)
    return dataclasses.replace(config, **{name: new})


def _member_replaced(members: tuple[Any, ...], path: list[str], text: str, prefix: str) -> tuple[Any, ...]:
    index, *rest = path
    if not (index.isdecimal() and int(index) < len(members)):
        raise _Unknown(f"{prefix.removesuffix('.')} has {', '.join(map(str, range(len(members))))}")
    if not rest:
        raise UsageError(f"is a group; it has {', '.join(keys(members[int(index)], f'{prefix}{index}.'))}")
    changed = _replaced(members[int(index)], rest, text, f"{prefix}{index}.")
    return (*members[: int(index)], changed, *members[int(index) + 1 :])


def _parsed(text: str, kind: Any) -> Any:
    """`text` as a value of the type `kind`. UsageError: it is not."""
    if get_origin(kind) in (Union, types.UnionType):
        for member in sorted(
            get_args(kind), key=lambda member: member is str
        ):  # text fits everything, so it comes last
            try:
                return _parsed(text, member)
            except UsageError:
                continue
    elif get_origin(kind) is tuple:
        return _parsed_tuple(text, get_args(kind))
    elif kind is str:
        return text
    elif kind is bool and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    elif kind is types.NoneType and text.lower() == "none":
        return None
    elif kind is int or kind is float:
        try:
            if math.isfinite(number := kind(text)):
                return number
        except ValueError:
            pass
    raise UsageError(f"must be {_named(kind)}")


def _parsed_tuple(text: str, members: tuple[Any, ...]) -> tuple[Any, ...]:
    parts = [part.strip() for part in text.strip().strip("()[]").split(",") if part.strip()]
    if members[-1] is Ellipsis:
        members = (members[0],) * len(parts)
    if len(parts) != len(members):
        raise UsageError(f"must be {len(members)} values, such as {','.join('1' * len(members))}")
    return tuple(_parsed(part, member) for part, member in zip(parts, members))


def _named(kind: Any) -> str:
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(map(_named, get_args(kind)))
    return _NAMES.get(kind) or f"set in the recipe, as a {getattr(kind, '__name__', kind)}"


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
