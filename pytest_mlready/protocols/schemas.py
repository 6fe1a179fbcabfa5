"""Does a value conform to a schema that a target published? Nothing is fetched, and it always ends."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

MAX_ERRORS = 20
MAX_REFERENCES = 20_000
"""So many references are followed for one value: schemas that fan out at each level would take years."""
_MATCHED_CHARS = 4_000
_RISKY_CHARS = 20
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class TooEntangled(ValueError):
    """The schema refers to itself or to others too often for one value."""


def schema_errors(schema: Mapping[str, Any], value: object, *, times: bool = False) -> list[str]:
    """Why `value` does not conform to `schema` (JSON Schema 2020-12), each as "path: reason"; empty if it does.

    With `times`, a text of format `date-time` must be one of RFC 3339, zone included; the standard leaves that open.

    A schema that cannot be applied (a dangling or outside reference, a circle, a bad pattern) is reported likewise.
    Patterns that could take exponential time are tried on short texts only.
    """
    import referencing

    found: list[str] = []
    _FOLLOWED.count = 0
    try:
        # An explicit registry holds what may be referred to: the default one would fetch from the network.
        for error in _bounded(times)(schema, registry=referencing.Registry()).iter_errors(value):
            where = "/".join(str(part) for part in error.absolute_path)
            found.append(f"{where or 'body'}: {error.message[:300]}")
            if len(found) >= MAX_ERRORS:
                break
    except RecursionError:
        found.append("the schema cannot be applied: it is nested, or refers to itself, without end")
    except Exception as error:  # any other failure is the schema's, which the target wrote
        found.append(f"the schema cannot be applied: {type(error).__name__}: {str(error)[:300]}")
    return found


def _format(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if wanted == "date-time" and isinstance(instance, str) and not _DATE_TIME.fullmatch(instance):
        yield ValidationError(f"{instance[:60]!r} is no date-time of RFC 3339, which has a zone")


class _Followed(threading.local):
    """How many references were followed for the value that a thread looks at."""

    count = 0


_FOLLOWED = _Followed()


@cache
def _bounded(times: bool) -> Any:
    from jsonschema import Draft202012Validator, validators

    checks = Draft202012Validator.VALIDATORS
    own = {"$ref": _counted(checks["$ref"]), "pattern": _short(checks["pattern"])}
    if times:
        own["format"] = _format
    return validators.extend(Draft202012Validator, own)  # type: ignore[no-untyped-call]


def _counted(follow: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    def reference(validator: Any, ref: Any, instance: Any, schema: Any) -> Iterator[Any]:
        _FOLLOWED.count += 1
        if _FOLLOWED.count > MAX_REFERENCES:
            raise TooEntangled(f"more than {MAX_REFERENCES} references were followed")
        yield from follow(validator, ref, instance, schema) or ()

    return reference


def _short(match: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    def pattern(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        limit = _RISKY_CHARS if _risky(str(wanted)) else _MATCHED_CHARS
        if isinstance(instance, str) and len(instance) <= limit:
            yield from match(validator, wanted, instance, schema) or ()

    return pattern


def _risky(pattern: str) -> bool:
    """Whether a repeated group repeats or chooses inside: a near miss can then take time exponential in the text."""
    if len(pattern) > _MATCHED_CHARS:
        return True
    inside = [False]
    escaped = False
    closed: bool | None = None  # what the group that ended just before this character holds
    for char in pattern:
        if closed and char in "*+{":
            return True
        closed = None
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == "(":
            inside.append(False)
        elif char == ")" and len(inside) > 1:
            closed = inside.pop()
            inside[-1] = inside[-1] or closed
        elif char in "*+{|":
            inside[-1] = True
    return False
