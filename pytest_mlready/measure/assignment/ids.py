"""User ids to ask for: of all kinds that implementations treat differently, at random, and at the ends of ranges."""

from __future__ import annotations

import itertools
import random
import unicodedata
import uuid
from collections.abc import Iterator

import numpy as np

from pytest_mlready.measure.assignment.functions import Assignment, Unassignable, Unit

WORDS = ("ada", "grace", "alan", "edsger", "barbara", "donald", "radia", "linus", "margaret", "dennis")
ACCENTED = (
    "jos\u00e9", "zo\u00eb", "\u00c5ngstr\u00f6m", "na\u00efve", "\u0141\u00f3d\u017a", "\u1ec7", "se\u00f1or",
    "M\u00fcnchen", "S\u00e3o", "Reykjav\u00edk", "cr\u00e8me", "\u00dcber",
)  # fmt: skip
SCRIPTS = (
    "\u5b9f\u9a13", "\u05d0\u05d1\u05d2", "\u0639\u0644\u064a", "\u0e01\u0e33", "\u0430\u043d\u043d\u0430",
    "\ud55c\uae00",
)  # fmt: skip
EMOJI = (
    "\U0001f600", "\U0001f9ea", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\u2603\ufe0f",
)  # fmt: skip
SPACED = (
    " ada", "ada ", " ada ", "a da", "ada\t", "a+b", "a/b", "a%2Fb", "a&b=c", "a?b#c", 'a"b', "a'b", "a\\b", "a:b",
    "a.b",
)  # fmt: skip
CASED = ("Ada", "ADA", "aDa", "STRASSE", "Stra\u00dfe", "\u0130d", "\u0131d")
INTEGERS = (0, 1, 7, 10, 42, 99, 100, 101, 1000, 12345, 2**31 - 1, 2**31, 2**32, 2**53 - 1, 2**53 + 1, -1)
LONGEST = 200
MOST_TRIES = 150_000
_FEW_TRIES = 50_000
"""Where there are more positions than ids that can be tried, none is hit exactly anyhow."""
_CHUNK = 10_000


def of_all_kinds(rng: random.Random) -> Iterator[tuple[str, Unit]]:
    """(kind, id): every kind with a dozen ids or so, first those that tell implementations apart."""
    for number in INTEGERS:
        yield "integer", number
        yield "digits", str(number)
    yield from (("digits", text) for text in ("007", "+7", "7.0", "1e3", "0x10"))
    for text in ACCENTED:
        yield "composed", unicodedata.normalize("NFC", f"{text}-{rng.randrange(1000)}")
    yield from [("decomposed", unicodedata.normalize("NFD", f"{text}-{n}")) for n, text in enumerate(ACCENTED)]
    yield from [("emoji", f"{text}{rng.randrange(1000)}") for text in EMOJI * 3]
    yield from [("script", f"{text}{rng.randrange(1000)}") for text in SCRIPTS * 2]
    yield from [("spaced", text) for text in SPACED]
    yield from [("cased", text) for text in CASED]
    yield from [("cased", f"{word.title()}@Example.ORG") for word in WORDS]
    yield from [("short", text) for text in "aZ_-09.~"]
    yield from [("email", email(rng)) for _ in range(8)]
    yield from [("long", f"{rng.randrange(16**8):08x}" * (LONGEST // 8)) for _ in range(4)]
    yield from [("long", "u" * size) for size in (63, 64, 65, 128, LONGEST)]


def at_random(rng: random.Random) -> Iterator[str]:
    """Ids without end as services commonly have them: random UUIDs."""
    while True:
        yield str(uuid.UUID(int=rng.getrandbits(128), version=4))


def email(rng: random.Random) -> str:
    """An address as people have them."""
    return f"{rng.choice(WORDS)}.{rng.randrange(10**6)}@example.org"


SAMPLED = ("sequence", "uuid", "email", "short", "unicode")
"""Kinds of which there are as many as wanted, for statistics."""


def sampled(kind: str, rng: random.Random) -> Iterator[Unit]:
    """Distinct ids of one of the kinds `SAMPLED`, without end."""
    start = rng.randrange(10**6)
    for n in itertools.count(start):
        match kind:
            case "sequence":
                yield n
            case "uuid":
                yield next(at_random(rng))
            case "email":
                yield f"{rng.choice(WORDS)}.{n}@example.org"
            case "short":
                yield np.base_repr(n, 36).lower()
            case _:
                yield f"{rng.choice(ACCENTED + SCRIPTS)}-{n}"


def at_ends(assignment: Assignment, prefix: str = "edge") -> list[tuple[str, int]]:
    """(id, position) on both sides of every end of a range, and at the first and the last position of all.

    They are searched for: the ids whose positions are exactly those, or, where there are more positions than ids that
    can be tried, the nearest on either side.
    """
    ends = {end for _, *both in assignment.ranges for end in both} | {0, assignment.positions}
    wanted = np.array(sorted(ends), dtype=np.int64)
    below: dict[int, tuple[int, str]] = {}
    above: dict[int, tuple[int, str]] = {}
    for first in range(0, MOST_TRIES if assignment.positions < MOST_TRIES else _FEW_TRIES, _CHUNK):
        tried = [f"{prefix}-{n}" for n in range(first, first + _CHUNK)]
        positions = np.array([_position(assignment, id) for id in tried], dtype=np.int64)
        order = np.argsort(positions, kind="stable")
        for end, at in zip(wanted.tolist(), np.searchsorted(positions[order], wanted), strict=True):
            if at > 0:
                found = order[at - 1]
                below[end] = max(below.get(end, (-1, "")), (int(positions[found]), tried[found]))
            if at < len(order):
                found = order[at]
                nearest = (int(positions[found]), tried[found])
                above[end] = min(above.get(end, nearest), nearest)
        if _exact(below, above, wanted.tolist(), assignment.positions):
            break
    held = dict((*below.values(), *above.values()))
    return [(held[position], position) for position in sorted(held)]


def _position(assignment: Assignment, id: str) -> int:
    try:
        return assignment.position(id)
    except Unassignable:  # a salt that the function is not defined for
        return 0


def _exact(
    below: dict[int, tuple[int, str]], above: dict[int, tuple[int, str]], wanted: list[int], positions: int
) -> bool:
    last = all(end == 0 or below.get(end, (-1, ""))[0] == end - 1 for end in wanted)
    return last and all(end == positions or above.get(end, (-1, ""))[0] == end for end in wanted)
