"""Valid rows made of the sample rows: where a model's answers vary, which random values over a range never reach."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeGuard

from pytest_mlready.records import Row

Cell = str | bool | int | float | None
OUT = 3
"""So many spans outside: whoever clips, winsorises or standardises by the batch treats such a value apart."""
HAIR = 5e-5
"""Relative: mostly less than a feature is rounded by, and more than answers differ by that mean the same."""


def mixed_rows(rows: Sequence[Row], count: int, rng: random.Random) -> list[Row]:
    """`count` distinct rows, each between two samples: numbers on the line between them, other values of either.

    Whole numbers stay whole. Fewer where the samples allow no more, as with categories only.
    """
    made: dict[tuple[Cell, ...], Row] = {}
    for _ in range(4 * count):
        if len(made) == count:
            break
        first, second = rng.choice(rows), rng.choice(rows)
        share = rng.random()
        row = {name: _between(first[name], second[name], share, rng) for name in first}
        made.setdefault(tuple(row.values()), row)
    return list(made.values())


def crossed_rows(rows: Sequence[Row], indices: Sequence[int], count: int) -> list[Row]:
    """Rows that begin like one sample row and end like the next: distinct ones, at most `count`."""
    made: dict[tuple[Cell, ...], Row] = {}
    for first, second in pairwise(indices):
        names = list(rows[first])
        ends = {name: rows[second][name] for name in names[len(names) // 2 :]}
        row = {**rows[first], **ends}
        if len(made) < count and row not in (rows[first], rows[second]):
            made.setdefault(tuple(row.values()), row)
    return list(made.values())


def twins(rows: Sequence[Row]) -> list[Row]:
    """The same rows but for a hair: numbers that round alike, and are nearer to zero so as to stay in bounds."""
    made: list[Row] = []
    for row in rows:
        near = {name: value * (1 - HAIR) for name, value in row.items() if isinstance(value, float) and value}
        made += [{**row, **near}] if near else []
    return made


def outliers(rows: Sequence[Row], count: int, rng: random.Random) -> list[Row]:
    """Sample rows with one number well outside of what the samples span, above and below in turn."""
    names = numeric_columns(rows)
    made: list[Row] = []
    for at, name in enumerate(rng.sample(names, min(count, len(names)))):
        seen = [value for row in rows if is_number(value := row[name])]
        low, high = min(seen), max(seen)
        made.append({**rng.choice(rows), name: high + OUT * (high - low) if at % 2 == 0 else low - OUT * (high - low)})
    return made


def numeric_columns(rows: Sequence[Row]) -> list[str]:
    """The columns whose samples are all numbers."""
    return [name for name in rows[0] if is_numeric(rows, name)]


def is_numeric(rows: Sequence[Row], name: str) -> bool:
    """Whether all samples of a column are numbers."""
    return all(is_number(row[name]) for row in rows)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number as JSON has it: true and false are none, though Python counts with them."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def spread(count: int, most: int) -> list[int]:
    """At most `most` positions spread evenly over `count`."""
    if count <= most:
        return list(range(count))
    return [at * count // most for at in range(most)]


def _between(first: Cell, second: Cell, share: float, rng: random.Random) -> Cell:
    if not is_number(first) or not is_number(second):
        return first if rng.random() < 0.5 else second
    between = first + share * (second - first)
    return round(between) if isinstance(first, int) and isinstance(second, int) else between
