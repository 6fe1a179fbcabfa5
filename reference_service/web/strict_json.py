"""JSON as RFC 8259 means it, for input that must mean one thing only.

`decode` is the fast way for good input. msgspec refuses NaN, bad UTF-8, lone surrogates, trailing bytes and numbers
that no double can hold, but of a duplicate key it silently takes the last, where another parser takes the first: two
systems then disagree on what was predicted. Looking for duplicates exactly would cost more than the decoding itself,
so the fast way counts: outside strings JSON has one colon per key, so a body with more colons than the decoded value
has keys (and colons within its strings) repeats a key. Escapes can hide colons, so a body with a backslash is examined.

`examine` is the slow way for what the fast way refuses: it says what is wrong, and where, in words of our own.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from reference_service.web.problems import Fault, Problem, invalid

T = TypeVar("T")
_LONGEST_NUMBER = 4000
# Possessive, and content with a string that never ends: there is nothing to go back to, so time grows with length only.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class OutOfRange:
    """Stands for a number that a double cannot hold, or for NaN or Infinity, which JSON does not have."""


class Members(dict[str, Any]):
    """An object that remembers which of its keys were given more than once."""

    def __init__(self, members: list[tuple[str, Any]]) -> None:
        super().__init__(members)
        counted = Counter(key for key, _ in members) if len(self) < len(members) else {}
        self.repeated = [key for key, count in counted.items() if count > 1]


def decode(body: bytes, decoder: msgspec.json.Decoder[T], colons: Callable[[T], int], nesting: int) -> T | None:
    """The typed value of a body, or None if it must be examined.

    Args:
        colons: how many colons a body without escapes and duplicates has for this value.
    """
    try:
        value = decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if body.count(b":") == colons(value) and b"\\" not in body:
        return value
    examine(body, nesting)
    return value


def examine(body: bytes, nesting: int) -> Any:
    """Parse slowly and strictly; numbers that do not fit come as `OutOfRange`.

    Raises:
        Problem: 400 not JSON, not UTF-8 or nested too deeply; 422 a duplicate key or half a surrogate pair.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8 at byte {error.start}.") from None
    if _deeper(body, nesting):
        raise _malformed(f"The body nests deeper than {nesting} levels.")
    try:
        value = json.loads(
            text,
            object_pairs_hook=Members,
            parse_constant=lambda _: OutOfRange(),
            parse_int=_integer,
            parse_float=_real,
        )
    except json.JSONDecodeError as error:
        raise _malformed(f"The body is not JSON at character {error.pos}.") from None
    if repeated := list(_repeated(value, "$")):
        raise invalid(*(Fault(path, "the key is given more than once") for path in repeated[:10]))
    if re.search("[\ud800-\udfff]", json.dumps(value, ensure_ascii=False, default=lambda _: None)):
        raise invalid(Fault("$", "a string holds half of a surrogate pair"))
    return value


def printable(text: str) -> str:
    """A client's own text, fit to be shown back: short, and without control characters or lone surrogates."""
    return re.sub(r"[^ -~]", "?", text[:60])


def kind(value: object) -> str:
    """The JSON name of a value's type."""
    if isinstance(value, OutOfRange):
        return "a number that is not finite"
    names: dict[type, str] = {
        Members: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")


def _repeated(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Members):
        yield from (f"{path}['{printable(key)}']" for key in value.repeated)
        for key, item in value.items():
            yield from _repeated(item, f"{path}['{printable(key)}']")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _repeated(item, f"{path}[{i}]")


def _integer(digits: str) -> int | OutOfRange:
    if len(digits) > _LONGEST_NUMBER:  # Python would raise, and for good reason: reading it takes quadratic time
        return OutOfRange()
    return int(digits)


def _real(digits: str) -> float | OutOfRange:
    value = float(digits)
    return value if math.isfinite(value) else OutOfRange()


def _deeper(body: bytes, bound: int) -> bool:
    """Whether brackets outside of strings nest deeper than the bound; looks no further than where they do."""
    depth = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > bound:
            return True
    return False


def _malformed(detail: str) -> Problem:
    return Problem(400, "malformed-json", detail, [Fault("$", detail)])
