"""TOML tables as typed values; every error names the key, what was expected and the nearest known key."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

_Table = TypeVar("_Table")
_WORDS = (("Object missing required field", "missing key"), ("`object", "`table"), (" | null`", "`"))
"""The converter speaks of JSON, the file of TOML."""


class SettingsError(ValueError):
    """The configuration is wrong; the message says where, what was expected and what to do."""


def nearest(word: str, known: Collection[str]) -> str:
    """'; did you mean X?' for the known word nearest to `word`, else a list of what is known."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(known))}"


def refuse_unknown(plain: Mapping[str, Any], schema: type, source: str, prefix: str) -> None:
    """Raises SettingsError for a key that `schema` has not, with the nearest that it has."""
    hints = typing.get_type_hints(schema)
    known = [one.name for one in dataclasses.fields(schema) if one.name != "directory"]
    for key, value in plain.items():
        if key not in known:
            raise SettingsError(f"{source}: unknown key '{prefix}{key}'{nearest(key, known)}")
        inner = _dataclass_in(hints[key])
        if inner is not None and isinstance(value, list):
            for at, entry in enumerate(value):
                if isinstance(entry, Mapping):
                    refuse_unknown(entry, inner, source, f"{prefix}{key}[{at}].")
        if inner is None or not isinstance(value, Mapping):
            continue
        if typing.get_origin(hints[key]) is None or isinstance(hints[key], types.UnionType):
            refuse_unknown(value, inner, source, f"{prefix}{key}.")
        else:
            for name, entry in value.items():
                if isinstance(entry, Mapping):
                    refuse_unknown(entry, inner, source, f'{prefix}{key}."{name}".')


def converted(value: object, kind: type[_Table], source: str, place: str) -> _Table:
    """A parsed table as a value of `kind`. Raises SettingsError, which names the source and the key."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, key = str(error).partition(" - at `$")
        key = key.strip("`.")
        where = f"{place}.{key}".strip(".") or "top level"
        for theirs, ours in _WORDS:
            what = what.replace(theirs, ours)
        raise SettingsError(f"{source}: {where}: {what}{_allowed(kind, key)}") from None


def not_above_zero(table: object) -> str | None:
    """The first number of a table that is none above zero, as "key: words"; None if there is none."""
    for key, value in vars(table).items():
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not 0 < value < math.inf:
            return f"{key}: expected a number above 0, got {value}"
    return None


def _allowed(kind: type, key: str) -> str:
    """'; expected one of …' for a key with a closed set of values, which the converter does not name."""
    hint: Any = kind
    for name in re.findall(r"[A-Za-z_]\w*", key):
        inner = _dataclass_in(hint)
        hint = typing.get_type_hints(inner).get(name) if inner is not None else None
    words = tuple(_literals(hint))
    return f"; expected one of {', '.join(words)}" if words else ""


def _literals(hint: Any) -> Iterator[str]:
    for argument in typing.get_args(hint):
        if isinstance(argument, str):
            yield argument
        else:
            yield from _literals(argument)


def _dataclass_in(hint: Any) -> type | None:
    """The dataclass that a type names: itself, in a union with None, or as the values of a mapping."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return hint
    return next((one for arg in typing.get_args(hint) if (one := _dataclass_in(arg))), None)
