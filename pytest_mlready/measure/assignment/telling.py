"""Ids that tell: each is chosen so that a service which mangles it in a known way puts it into another variant.

With 10% of users treated, an id that is mangled at random lands in the other variant in 18 of 100 cases only. As the
function is declared, ids can be looked for where it does: then one of each kind is enough.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

from pytest_mlready.measure.assignment.functions import Assignment, Unassignable, Unit

Mangling = Callable[[str], str]
EACH = 2
_TRIES = 3000


def _normal(form: str) -> Mangling:
    return lambda text: unicodedata.normalize(form, text)  # type: ignore[arg-type]


def _cut(length: int) -> Mangling:
    return lambda text: text[:length]


def _without(unwanted: Callable[[str], bool]) -> Mangling:
    return lambda text: "".join(one for one in text if not unwanted(one))


MANGLINGS: tuple[tuple[str, str, Mangling], ...] = (
    ("digits", "007{n}", lambda text: text.lstrip("0")),
    ("digits", "9007199254{n:06}1", lambda text: str(int(float(text)))),
    ("digits", "{n}.0", lambda text: text.removesuffix(".0")),
    ("composed", "jos\u00e9-{n}", _normal("NFD")),
    ("decomposed", "jose\u0301-{n}", _normal("NFC")),
    ("compatible", "\ufb01le-{n}", _normal("NFKC")),
    ("composed", "\u00c5se-{n}", str.lower),
    ("composed", "zo\u00eb-{n}", lambda text: text.encode("latin-1", "replace").decode("latin-1")),
    ("script", "\u5b9f\u9a13-{n}", lambda text: text.encode("latin-1", "replace").decode("latin-1")),
    ("script", "\u5b9f{n}\u9a13", _without(lambda one: not one.isascii())),
    ("composed", "m\u00fc{n}", _without(lambda one: not one.isascii())),
    ("composed", "stra\u00dfe-{n}", str.casefold),
    ("emoji", "\U0001f600-{n}", _without(lambda one: ord(one) > 0xFFFF)),
    ("emoji", "{n}-\U0001f9ea", lambda text: "".join(one if ord(one) < 0x10000 else "\ufffd" for one in text)),
    ("emoji", "\u2603\ufe0f-{n}", lambda text: text.replace("\ufe0f", "")),
    ("cased", "Ada-{n}", str.lower),
    ("cased", "ada-{n}", str.upper),
    ("cased", "Ada.{n}@Example.ORG", str.casefold),
    ("spaced", " ada-{n} ", str.strip),
    ("spaced", "ada-{n} ", str.rstrip),
    ("spaced", "a  da-{n}", lambda text: " ".join(text.split())),
    ("spaced", "a+b-{n}", lambda text: text.replace("+", " ")),
    ("spaced", "a%2Fb-{n}", lambda text: text.replace("%2F", "/")),
    ("spaced", "a/b-{n}", lambda text: text.partition("/")[0]),
    ("spaced", "a&b={n}", lambda text: text.partition("&")[0]),
    ("email", "ada.{n}@example.org", lambda text: text.partition("@")[0]),
    ("email", "ada+{n}@example.org", lambda text: text.replace(text[3 : text.index("@")], "")),
    ("long", "{n:08}" + "u" * 24 + "-{n}", _cut(32)),
    ("long", "{n:08}" + "u" * 28 + "-{n}", _cut(36)),
    ("long", "{n:08}" + "u" * 56 + "-{n}", _cut(64)),
    ("long", "{n:08}" + "u" * 120 + "-{n}", _cut(128)),
    ("long", "{n:08}-{n}", _cut(8)),
)


def telling(assignment: Assignment) -> Iterator[tuple[str, Unit]]:
    """(kind, id): `EACH` for each mangling, ids that it moves into another variant, where there are any.

    And numbers, with their digits, in the smallest variant: whatever else is made of them is most likely in another.
    """
    yield from _numbers(assignment)
    for kind, template, mangling in MANGLINGS:
        found = 0
        for n in range(_TRIES):
            id = template.format(n=n)
            if _moved(assignment, id, mangling(id)):
                yield kind, id
                found += 1
                if found == EACH:
                    break


def _numbers(assignment: Assignment) -> Iterator[tuple[str, Unit]]:
    shares = {name: share for name, share in assignment.experiment.shares.items() if share > 0}
    smallest, found = min(shares, key=lambda name: shares[name]), 0
    for number in range(1000, 1000 + _TRIES):
        if found < 2 * EACH and assignment.variant(number) == smallest:
            yield "integer", number
            yield "digits", str(number)
            found += 1


def _moved(assignment: Assignment, id: str, mangled: str) -> bool:
    try:
        return id != mangled and assignment.variant(id) != assignment.variant(mangled)
    except Unassignable:
        return False
