"""What a profile counts: frozen once, from a sample of the reference, so that all later counts can be added."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from pytest_mlready.measure.drift.cells import CELLS, Ints, counted

LevelsSeen = Counter[str | None]
"""How often each level occurs; None is missing."""
Column = NDArray[Any] | LevelsSeen
"""Of a part of the rows: a column of numbers as an array (NaN is missing), any other as its levels' counts."""
Columns = Mapping[str, Column]

MOST_LEVELS = 300
LEVEL_SHARE = 0.01
BUCKETS = 64
"""Levels that are not counted one by one share buckets by a hash of their name."""
MOST_ATOMS = 200
ATOM_SHARE = 0.005
"""Half the difference that an atom needs to matter: a value less frequent in both samples cannot differ by as much."""
_HASH_BITS = 12
STEPS_PER_SD = 8
HIGHEST_SCORE = 24
"""Normal scores are counted in eighths up to 3 sd: integers, whose sums are exact in any order."""


@dataclass(frozen=True)
class NumberPlan:
    """A column of numbers: where its cells lie, the values whose ties are counted, and its normal scores.

    `scores` are the first cells, ascending, at which the normal score reaches -23, -22, ... 24 eighths.
    """

    name: str
    centre: float
    scale: float
    atoms: tuple[float, ...]
    scores: tuple[int, ...]

    def same_cells(self, other: NumberPlan) -> bool:
        """Whether the other counts the same cells, scores and atoms, and perhaps more atoms."""
        mine, others = ((one.centre, one.scale, one.scores) for one in (self, other))
        return mine == others and other.atoms[: len(self.atoms)] == self.atoms

    @property
    def score_of_cell(self) -> Ints:
        """Eighths of normal scores, by cell."""
        return np.searchsorted(np.array(self.scores), np.arange(CELLS), side="right") - HIGHEST_SCORE


@dataclass(frozen=True)
class LevelPlan:
    """A column of levels (texts, booleans, categories): those that are counted one by one, in the order of names.

    `complete` says that they are all of the sample's. Where there were too many, only those of at least a percent are
    counted, and these in their buckets, too: the most frequent of many levels alike are so by chance, and would seem
    to have become rare in any other data.
    """

    name: str
    levels: tuple[str, ...]
    complete: bool = True

    @property
    def buckets(self) -> Ints:
        """The bucket of each level."""
        return np.array([bucket(level) for level in self.levels], dtype=np.int64)


ColumnPlan = NumberPlan | LevelPlan


def bucket(level: str) -> int:
    """The bucket of a level: the same on every machine."""
    return zlib.crc32(level.encode("utf-8", "surrogatepass")) % BUCKETS


def planned(sample: Columns) -> tuple[ColumnPlan, ...]:
    """The plan of a reference, from a sample of its rows."""
    return tuple(_planned(name, column) for name, column in sample.items())


def planned_like(reference: Sequence[ColumnPlan], sample: Columns) -> tuple[ColumnPlan, ...]:
    """The plan of current data that can be compared with a reference: its cells and levels, and the data's own ties.

    A column that the reference does not have, or has as another kind, gets a plan of its own.
    """
    known = {one.name: one for one in reference}
    plans: list[ColumnPlan] = []
    for name, column in sample.items():
        plan = known.get(name)
        if isinstance(plan, NumberPlan) and (values := as_numbers(column)) is not None:
            own = tuple(value for value in _atoms(values) if value not in set(plan.atoms))
            plans.append(replace(plan, atoms=(*plan.atoms, *own)))
        elif isinstance(plan, LevelPlan) and (isinstance(column, Counter) or not np.isfinite(column).any()):
            plans.append(plan)
        else:
            plans.append(_planned(name, column))
    return tuple(plans)


def as_numbers(column: Column) -> NDArray[Any] | None:
    """The column as numbers; all missing, levels are numbers too; None where it has levels."""
    if not isinstance(column, Counter):
        return column
    return np.full(column[None], np.nan) if not column.keys() - {None} else None


def _planned(name: str, column: Column) -> ColumnPlan:
    if isinstance(column, Counter):
        levels = sorted(level for level in column if level is not None)
        if len(levels) <= MOST_LEVELS:
            return LevelPlan(name, tuple(levels))
        fewest = LEVEL_SHARE * column.total()
        return LevelPlan(name, tuple(one for one in levels if column[one] >= fewest), complete=False)
    values = np.asarray(column, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return NumberPlan(name, 0.0, 1.0, (), (CELLS,) * (2 * HIGHEST_SCORE))
    centre, scale = _place(values)
    return NumberPlan(name, centre, scale, _atoms(values), _scores(values, centre, scale))


def _place(values: NDArray[np.float64]) -> tuple[float, float]:
    """Median and a robust standard deviation, that of what differs from the median where most does not."""
    ordered = np.sort(values)
    size = ordered.size
    centre, spread = float(ordered[size // 2]), float(ordered[3 * size // 4] - ordered[size // 4]) / 1.349
    away = np.abs(ordered - centre)
    scale = spread if spread > 0 else float(np.median(away[away > 0])) if away.any() else abs(centre)
    return centre, scale if 0 < scale < math.inf else 1.0


def _atoms(values: NDArray[Any]) -> tuple[float, ...]:
    """Values that at least three rows, and half a percent of them, share; the most frequent first."""
    finite = np.asarray(values[np.isfinite(values)], dtype=np.float64) + 0.0  # -0.0, a tie of 0.0, has other bits
    fewest = max(3, ATOM_SHARE * values.size)
    distinct, runs = runs_of(_perhaps_tied(finite, fewest))
    tied = np.flatnonzero(runs >= fewest)
    most = tied[np.argsort(-runs[tied], kind="stable")][:MOST_ATOMS]
    return tuple(map(float, distinct[most]))


def _perhaps_tied(values: NDArray[np.float64], fewest: float) -> NDArray[np.float64]:
    """Those whose hash occurs so often: all that are tied so often, and few others. To sort all takes longer."""
    hashed = ((values.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _HASH_BITS)).view(np.int64)
    often = np.bincount(hashed, minlength=1 << _HASH_BITS) >= fewest
    return values[often[hashed]] if often.any() else values[:0]


def runs_of(values: NDArray[Any]) -> tuple[NDArray[Any], Ints]:
    """The distinct values in ascending order, and how often each occurs."""
    ordered = np.sort(values)
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: ordered.size]
    starts = np.flatnonzero(first)
    return ordered[starts], np.diff(np.append(starts, ordered.size))


def _scores(values: NDArray[np.float64], centre: float, scale: float) -> tuple[int, ...]:
    counts, _, _ = counted(values, centre, scale)
    ranks = (np.cumsum(counts) - counts / 2) / values.size
    score = np.rint(scipy.special.ndtri(np.clip(ranks, 1e-9, 1 - 1e-9)) * STEPS_PER_SD)
    steps = np.arange(1 - HIGHEST_SCORE, HIGHEST_SCORE + 1)
    return tuple(int(one) for one in np.searchsorted(score, steps, side="left"))
