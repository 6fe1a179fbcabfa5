"""Shifts of one feature that a drift monitor must see, applied to rows of its reference."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_mlready.records import Row

Cell = str | float | None
SENTINEL = -999
UNSEEN = "never seen before"
MANY = 20
"""Distinct values from which on a column of numbers is shifted by half a standard deviation."""
HALF_SD, TIMES_1000, FIVE_SENTINEL = "+0.5 sd", "x1000 in 10% of rows", f"{SENTINEL} in 5% of rows"
FIVE_MISSING, FIVE_UNSEEN = "missing in 5% of rows", "an unseen level in 5% of rows"
ALL_FEATURES = "+0.5 sd of every feature"


@dataclass(frozen=True)
class Column:
    """What is known of a feature by the rows of the reference."""

    name: str
    sd: float
    distinct: int
    whole: bool
    mostly_zero: bool
    number: bool

    @classmethod
    def of(cls, name: str, rows: Sequence[Row]) -> Column:
        """Describe one column."""
        cells = [row[name] for row in rows if row[name] is not None]
        numbers = [cell for cell in cells if isinstance(cell, int | float) and not isinstance(cell, bool)]
        number = bool(numbers) and len(numbers) == len(cells)
        sd = statistics.pstdev(numbers) if number else 0.0
        whole = number and all(isinstance(cell, int) for cell in numbers)
        zeros = sum(cell == 0 for cell in numbers)
        return cls(name, sd, len(set(cells)), whole, 2 * zeros > len(numbers), number)

    def shifts(self, *, missing: bool) -> Iterator[str]:
        """The shifts that can be seen in this column."""
        if self.number and self.sd > 0:
            if self.distinct >= MANY and (not self.whole or self.sd >= 2):
                yield HALF_SD
            if not self.mostly_zero:
                yield TIMES_1000
            yield FIVE_SENTINEL
        if not self.number and self.distinct:
            yield FIVE_UNSEEN
        if missing:
            yield FIVE_MISSING


def columns_of(rows: Sequence[Row]) -> tuple[Column, ...]:
    """Every column, those that are texts or booleans, too."""
    return tuple(Column.of(name, rows) for name in rows[0])


def kinds_of(columns: Sequence[Column], *, missing: bool) -> Mapping[str, tuple[Column, ...]]:
    """The columns by the shift that can be seen in them, in the order in which shifts are made."""
    kinds = (HALF_SD, FIVE_SENTINEL, TIMES_1000, FIVE_UNSEEN, FIVE_MISSING)
    found = {kind: tuple(one for one in columns if kind in one.shifts(missing=missing)) for kind in kinds}
    return {kind: ones for kind, ones in found.items() if ones}


def shifted(rows: Sequence[Row], shift: str, columns: Sequence[Column], rng: random.Random) -> list[Row]:
    """The rows with these columns shifted, each by itself."""
    change = _CHANGES[shift]
    return [{**row, **{one.name: change(row[one.name], one, rng) for one in columns}} for row in rows]


def _half_sd(cell: Cell, column: Column, rng: random.Random) -> Cell:
    if not isinstance(cell, int | float):
        return cell
    moved = cell + column.sd / 2
    return math.floor(moved + rng.random()) if column.whole else moved  # whole numbers stay whole, and right on average


def _now_and_then(share: float, value: Callable[[Cell], Cell]) -> Callable[[Cell, Column, random.Random], Cell]:
    return lambda cell, column, rng: value(cell) if rng.random() < share else cell


_CHANGES: Mapping[str, Callable[[Cell, Column, random.Random], Cell]] = {
    HALF_SD: _half_sd,
    ALL_FEATURES: _half_sd,
    TIMES_1000: _now_and_then(0.1, lambda cell: cell * 1000 if isinstance(cell, int | float) else cell),
    FIVE_SENTINEL: _now_and_then(0.05, lambda cell: SENTINEL),
    FIVE_MISSING: _now_and_then(0.05, lambda cell: None),
    FIVE_UNSEEN: _now_and_then(0.05, lambda cell: UNSEEN),
}
