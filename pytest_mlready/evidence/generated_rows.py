"""Rows made of sample rows by edits: extreme, odd, and many at a time, yet each value of its column's type.

What was answered so far decides what is drawn, so that rows with many edits get through the bounds of a service.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from pytest_mlready.evidence.extreme_rows import Bounds
from pytest_mlready.evidence.mixed_rows import Cell
from pytest_mlready.records import Row

Edits = dict[str, Cell]
ROWS = 72
"""In all; so many of them, at most, look for values that are answered."""
LOOKING = 40
PARTS = 6
"""Of a value's columns that are tried where it was refused in all together: one that refuses it is nearly found."""
CORNERS = 3
"""Of four of the others so many have columns at their least or their greatest value, or at zero."""
SHARE = 0.3
"""So many columns as of these are edited in the rest."""
REAL: tuple[Cell, ...] = (0.0, -1.0, 1e-300, 1e6, -1e6, 1e9, -1e9, 3.4e38)
"""Beyond what a column spans: where half and single precision end, exponentials overflow, logarithms have no value."""
WHOLE: tuple[Cell, ...] = (0, -1, 2**31, -(2**31) - 1, 2**53 + 1)
EMOJI = "\U0001f469\u200d\U0001f680"
TEXT: tuple[Cell, ...] = ("", " ", "é", EMOJI, "\u202e", "a" * 1000, "\0", "null", "' OR 1=1 --", "<b>", "%s{0}")
MOST_SEEN = 4
"""Of a text column's own values."""


@dataclass(frozen=True)
class Column:
    """What a column may hold: `usual` values, which are valid, and `odd` ones of its type, plainer ones first.

    The usual values of numbers are their limits: those that the document declares, else those that the samples have.
    `span` is what the samples have (None: no numbers).
    """

    usual: tuple[Cell, ...]
    odd: tuple[Cell, ...] = ()
    span: tuple[float, float] | None = None


def column(rows: Sequence[Row], name: str, bounds: Bounds = (None, None)) -> Column:
    """What a column may hold, by its samples and its declared bounds."""
    seen = list(dict.fromkeys(row[name] for row in rows))
    numbers = [one for one in seen if isinstance(one, int | float) and not isinstance(one, bool)]
    if any(isinstance(one, str) for one in seen):
        return Column(tuple(seen[:MOST_SEEN]), TEXT)
    if not numbers:
        return Column(tuple(seen[:MOST_SEEN]))
    span = min(numbers), max(numbers)
    low, high = (declared if declared is not None else own for declared, own in zip(bounds, span, strict=True))
    if all(isinstance(one, int) for one in numbers):
        return Column((int(low), int(high)), WHOLE, span)
    return Column((low, high), REAL, span)


class Answerable:
    """The values of each column that are valid, or that a row had which was answered with 2xx."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = columns
        self.latest: Edits | None = None
        self.values: dict[str, list[Cell]] = {name: list(one.usual) for name, one in columns.items()}

    def learn(self, edits: Edits) -> None:
        """These edits were answered."""
        self.latest = edits
        for name, value in edits.items():
            if value in self.columns[name].odd and value not in self.values[name]:
                self.values[name].append(value)

    def hopeful(self, value: Cell) -> list[str]:
        """Columns that are not known to take the value, but all that lies on its way from zero."""
        return [
            name
            for name, one in self.columns.items()
            if value in one.odd
            and value not in self.values[name]
            and all(other in self.values[name] for other in one.odd if _before(other, value))
        ]

    def drawn(self, rng: random.Random, share: float, *, corner: bool) -> Edits:
        """So many of the columns, at least one, with values of theirs: of a `corner` only the outermost and zero."""
        names = list(self.columns)
        chosen = [name for name in names if rng.random() < share] or [rng.choice(names)]
        return {name: rng.choice(self._corners(name)) if corner else self._any(name, rng) for name in chosen}

    def _corners(self, name: str) -> list[Cell]:
        numbers = [one for one in self.values[name] if isinstance(one, int | float)]
        if self.columns[name].span is None:
            return self.values[name]
        return list(dict.fromkeys([min(numbers), max(numbers), *(one for one in numbers if one == 0)]))

    def _any(self, name: str, rng: random.Random) -> Cell:
        own = self.columns[name]
        if own.span is None or rng.random() < 0.5:
            return rng.choice(self.values[name])
        low, high = own.span
        between = rng.uniform(low, high)
        return round(between) if own.odd is WHOLE else between


def generated(rows: Sequence[Row], known: Answerable, rng: random.Random) -> Iterator[tuple[int, Edits]]:
    """A row's position and edits of it, another row each time. Tell `known` what was answered before the next."""
    positions = cycle(rng.sample(range(len(rows)), len(rows)))
    looked = 0
    for edits in islice(_looking(known), LOOKING):
        looked += 1
        yield next(positions), edits
    share = 1.0
    for number in range(ROWS - looked):
        corner = number % 4 < CORNERS
        edits = known.drawn(rng, share if corner else SHARE * share, corner=corner)
        yield next(positions), edits
        # Who compares columns refuses most of what is drawn for many.
        share = min(1.0, 2 * share) if known.latest is edits else max(share / 2, 1 / len(known.columns))


def _looking(known: Answerable) -> Iterator[Edits]:
    """A value in all columns of its type, for each; then in parts of those where it was refused."""
    for at in (0, -1):
        yield {name: one.usual[at] for name, one in known.columns.items()}
    values = dict.fromkeys((value, one.odd) for one in known.columns.values() for value in one.odd)
    for value, odd in values:
        yield {name: value for name, one in known.columns.items() if one.odd is odd}
    for value, odd in values:
        names = [name for name in known.hopeful(value) if known.columns[name].odd is odd]
        every = sum(one.odd is odd for one in known.columns.values())
        yield from islice(_parts(known, value, names, tried=len(names) == every), PARTS)


def _parts(known: Answerable, value: Cell, names: list[str], *, tried: bool) -> Iterator[Edits]:
    """The value in these columns together unless they were `tried`, then in halves as long as it is refused."""
    waiting = deque(_halves(names) if tried else [names])
    while waiting:
        some = waiting.popleft()
        if some:
            yield dict.fromkeys(some, value)
            if value not in known.values[some[0]]:
                waiting += _halves(some)


def _halves(names: list[str]) -> list[list[str]]:
    return [names[: len(names) // 2], names[len(names) // 2 :]] if len(names) > 1 else []


def _before(other: Cell, value: Cell) -> bool:
    """Whether a number lies between zero and another."""
    if not isinstance(other, int | float) or not isinstance(value, int | float):
        return False
    return 0 < other < value or value < other < 0
