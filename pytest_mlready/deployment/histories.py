"""Lines of a history as they come, and where in a JSON document to look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_mlready.records import Change

_LONGEST = 200
MOST = 500
"""Lines of a history that are looked at, the newest."""


def changes(lines: object, fields: Mapping[str, str] | None = None) -> list[Change]:
    """The changes in a list of objects; `fields` says under which path each of from, to, at … is found.

    Raises:
        TypeError: it is no list of objects.
    """
    if not isinstance(lines, list) or not all(isinstance(line, Mapping) for line in lines):
        raise TypeError("a history is a list of objects")
    return [_change(line, fields or {}) for line in lines[:MOST]]


def every(body: Any, path: str | None) -> Iterator[Any]:
    """The values at a dotted path of keys, positions and `*` (every item); nothing where there is none.

    >>> list(every({"models": [{"name": "a"}, {"name": "b"}]}, "models.*.name"))
    ['a', 'b']
    """
    part, _, rest = (path or "").partition(".")
    if not part:
        yield body
    elif part == "*" and isinstance(body, list | Mapping):
        for one in body.values() if isinstance(body, Mapping) else body:
            yield from every(one, rest)
    elif isinstance(body, Mapping) and part in body:
        yield from every(body[part], rest)
    elif isinstance(body, list) and part.isdigit() and int(part) < len(body):
        yield from every(body[int(part)], rest)


def _change(line: Mapping[str, Any], fields: Mapping[str, str]) -> Change:
    def text(name: str) -> str | None:
        value = next(every(line, fields.get(name, name)), None)
        return None if value is None else str(value)[:_LONGEST]

    number = next(every(line, fields.get("generation", "generation")), None)
    generation = number if isinstance(number, int) else None
    return Change(text("from"), text("to"), text("at"), text("actor"), text("action"), generation)
