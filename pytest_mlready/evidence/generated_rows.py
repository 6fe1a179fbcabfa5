"""Edits that make rows of a sample row: extreme, odd, and many at a time, yet each of its column's type."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from pytest_mlready.evidence.extreme_rows import Bounds
from pytest_mlready.evidence.mixed_rows import Cell, numeric_columns, spread
from pytest_mlready.records import Row

Edits = dict[str, Cell]
COLUMNS = 4
MANY = 28
SHARE = 0.3
REAL: tuple[Cell, ...] = (0.0, -1.0, 1e-300, 1e6, -1e6, 1e9, -1e9, 3.4e38)
"""Beyond what a column spans: where half and single precision end, exponentials overflow, logarithms have no value."""
WHOLE: tuple[Cell, ...] = (0, -1, 2**31, -(2**31) - 1, 2**53 + 1)
EMOJI = "\U0001f469\u200d\U0001f680"
TEXT: tuple[Cell, ...] = ("", " ", "é", EMOJI, "\u202e", "a" * 1000, "null", "' OR 1=1 --", "<b>", "%s{0}")


def generated(rows: Sequence[Row], bounds: Mapping[str, Bounds], rng: random.Random) -> Iterator[Edits]:
    """Edits of row 0: one odd value at a time, the same kind everywhere, then many columns at once at random."""
    values = {name: odd_values(rows, name, bounds.get(name, (None, None))) for name in rows[0]}
    names = list(values)
    for at in spread(len(names), COLUMNS):
        for value in values[names[at]]:
            yield {names[at]: value}
    numeric = numeric_columns(rows)
    for kind in range(min((len(values[name]) for name in numeric), default=0)):
        yield {name: values[name][kind] for name in numeric}
    for _ in range(MANY):
        chosen = [name for name in names if rng.random() < SHARE] or [rng.choice(names)]
        yield {name: rng.choice(values[name]) for name in chosen}


def odd_values(rows: Sequence[Row], column: str, bounds: Bounds) -> list[Cell]:
    """Values of a column's type at and beyond its limits: first those that the document declares or samples have."""
    seen = [row[column] for row in rows]
    numbers = [one for one in seen if isinstance(one, int | float)]
    if not numbers or any(isinstance(one, str) for one in seen):
        return list(dict.fromkeys([*dict.fromkeys(seen), *TEXT]))[: len(TEXT) + 4]
    low, high = bounds
    whole = all(isinstance(one, int) for one in numbers)
    limits = [low if low is not None else min(numbers), high if high is not None else max(numbers)]
    return [*([int(one) for one in limits] if whole else limits), *(WHOLE if whole else REAL)]
