"""Profiles: counts of what a data set holds, a few kB a column, that stand for its rows and can be added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.drift import cells
from pytest_mlready.measure.drift.cells import Ints
from pytest_mlready.measure.drift.pairs import Pairs, summed
from pytest_mlready.measure.drift.plan import (
    BUCKETS,
    Column,
    ColumnPlan,
    Columns,
    LevelPlan,
    LevelsSeen,
    NumberPlan,
    as_numbers,
    bucket,
    runs_of,
)

MOST_PAIRED = 200
"""Columns of numbers whose correlations are counted: the first so many."""
FEW_ATOMS = 16
SHOWN = 5


class ProfileError(ValueError):
    """Profiles that cannot be added or compared, or a document that is none; the message says why and what to do."""


@dataclass(frozen=True)
class Numbers:
    """Counts of a column of numbers.

    `cells` has CELLS entries, `atoms` one for each of the plan's. `ties` is a bound on how often any other value
    occurs, None where it was not looked for. `lowest` and `highest` are of finite values.
    """

    cells: Ints
    missing: int
    infinite: int
    atoms: Ints
    ties: int | None
    lowest: float
    highest: float

    @cached_property
    def finite(self) -> int:
        """How many values are numbers and finite."""
        return int(self.cells.sum())

    def __add__(self, other: Numbers) -> Numbers:
        ties = None if self.ties is None or other.ties is None else self.ties + other.ties
        return Numbers(
            self.cells + other.cells,
            self.missing + other.missing,
            self.infinite + other.infinite,
            self.atoms + other.atoms,
            ties,
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
        )


@dataclass(frozen=True)
class Levels:
    """Counts of a column of levels: of those of the plan, of buckets for the others, and the first names of these."""

    listed: Ints
    buckets: Ints
    missing: int
    others: tuple[str, ...] = ()

    def __add__(self, other: Levels) -> Levels:
        others = tuple(sorted({*self.others, *other.others})[:SHOWN])
        return Levels(self.listed + other.listed, self.buckets + other.buckets, self.missing + other.missing, others)


@dataclass(frozen=True)
class Profile:
    """What was counted of `rows` rows, by a plan: one entry for each of its columns, in its order.

    `paired` are the names of the columns that `pairs` has sums of.
    """

    plan: tuple[ColumnPlan, ...]
    rows: int
    columns: tuple[Numbers | Levels, ...]
    pairs: Pairs
    paired: tuple[str, ...]

    def __add__(self, other: Profile) -> Profile:
        """The profile of both data sets: exact, in whatever order they are added. Raises ProfileError."""
        if self.plan != other.plan:
            raise ProfileError(
                "profiles of different plans cannot be added: make the second one with the plan of the first"
            )
        both = tuple(
            one + another  # type: ignore[operator]
            for one, another in zip(self.columns, other.columns, strict=True)
        )
        kept = self.paired if self.paired == other.paired else [one for one in self.paired if one in other.paired]
        pairs = self.pairs_of(kept) + other.pairs_of(kept)
        return Profile(self.plan, self.rows + other.rows, both, pairs, tuple(kept))

    def only(self, columns: Sequence[str] | None = None, ignore: Sequence[str] = ()) -> Profile:
        """Without the columns that are ignored, or are not among these."""
        if columns is None and not ignore:
            return self
        at = [
            place
            for place, one in enumerate(self.plan)
            if one.name not in set(ignore) and (columns is None or one.name in set(columns))
        ]
        plan = tuple(self.plan[one] for one in at)
        left = {one.name for one in plan}
        kept = tuple(name for name in self.paired if name in left)
        return Profile(plan, self.rows, tuple(self.columns[one] for one in at), self.pairs_of(kept), kept)

    def pairs_of(self, names: Sequence[str]) -> Pairs:
        """The sums of some of the columns that have them."""
        if tuple(names) == self.paired:
            return self.pairs
        place = {name: at for at, name in enumerate(self.paired)}
        return self.pairs.only([place[name] for name in names])

    def column(self, name: str) -> tuple[ColumnPlan, Numbers | Levels] | None:
        """A column's plan and counts; None where there is none of this name."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, tuple[ColumnPlan, Numbers | Levels]]:
        return {plan.name: (plan, counts) for plan, counts in zip(self.plan, self.columns, strict=True)}


def paired(plan: Sequence[ColumnPlan]) -> list[NumberPlan]:
    """The columns whose correlations are counted."""
    return [one for one in plan if isinstance(one, NumberPlan)][:MOST_PAIRED]


def profiled(
    plan: Sequence[ColumnPlan], rows: int, columns: Columns, *, every: int, thin: int = 1, first: int, ties: bool
) -> Profile:
    """The profile of a part of a data set.

    Args:
        plan: what to count.
        rows: how many rows the part has.
        columns: its columns; one that is left out counts as missing.
        every: correlations are counted of every so many rows, those whose number in the data set is a multiple.
        thin: of every so many of those the sums are taken that tell how much correlations vary; see `pairs.steps`.
        first: the number of the part's first row.
        ties: whether to bound how often unlisted values occur, which needs each column sorted; for a reference.

    Raises:
        ProfileError: a column is of another kind than its plan.
    """
    taken, scored = slice(-first % every, None, every), paired(plan)
    together = scored if len(scored) > 1 else []
    scores = np.zeros((len(range(rows)[taken]) if together else 0, len(scored)), dtype=np.int8, order="F")
    places = {one.name: scores[:, at] for at, one in enumerate(together)}
    found = tuple(_counted(one, rows, columns.get(one.name), ties, places.get(one.name), taken) for one in plan)
    pairs = summed(scores, slice(-first // every % thin, None, thin))
    return Profile(tuple(plan), rows, found, pairs, tuple(one.name for one in scored))


def _counted(
    plan: ColumnPlan, rows: int, column: Column | None, ties: bool, scores: NDArray[np.int8] | None, taken: slice
) -> Numbers | Levels:
    column = Counter({None: rows}) if column is None else column
    if isinstance(plan, LevelPlan):
        if not isinstance(column, Counter) and np.isfinite(column).any():
            raise ProfileError(f"column {plan.name!r} holds numbers, its profile levels: give them as texts")
        seen: LevelsSeen = column if isinstance(column, Counter) else Counter({None: len(column)})
        return _levels(plan, seen)
    values = as_numbers(column)
    if values is None:
        raise ProfileError(f"column {plan.name!r} has numbers in some rows and texts in others")
    codes = cells.codes(values, plan.centre, plan.scale)
    if scores is not None:
        by_code = np.append(plan.score_of_cell, 0)[cells.CELL_OF_CODE].astype(np.int8)
        np.take(by_code, codes[taken], out=scores, mode="clip")
    return _numbers(plan, values, codes, ties)


def _numbers(plan: NumberPlan, values: NDArray[np.float64], codes: NDArray[np.uint32], ties: bool) -> Numbers:
    in_cells, missing, infinite = cells.counts_of(codes, values)
    atoms = _tied(np.array(plan.atoms), values)
    if len(values) == missing + infinite:
        return Numbers(in_cells, missing, infinite, atoms, 0 if ties else None, np.inf, -np.inf)
    finite = values if not missing + infinite else values[np.isfinite(values)]
    most = _most_ties(plan.atoms, finite) if ties else None
    return Numbers(in_cells, missing, infinite, atoms, most, float(finite.min()), float(finite.max()))


def _tied(atoms: NDArray[np.float64], values: NDArray[np.float64]) -> Ints:
    if atoms.size <= FEW_ATOMS:
        return np.array([np.count_nonzero(values == one) for one in atoms], dtype=np.int64)
    order = np.argsort(atoms)
    at = np.minimum(np.searchsorted(atoms[order], values), atoms.size - 1)
    hit = np.bincount(at[atoms[order][at] == values], minlength=atoms.size)
    counts = np.zeros(atoms.size, dtype=np.int64)
    counts[order] = hit
    return counts


def _most_ties(atoms: tuple[float, ...], values: NDArray[np.float64]) -> int:
    """How often the most frequent value occurs that is not among the atoms."""
    _, runs = runs_of(values[~np.isin(values, atoms)] if atoms else values)
    return int(runs.max(initial=0))


def _levels(plan: LevelPlan, seen: LevelsSeen) -> Levels:
    listed = np.array([seen[level] for level in plan.levels], dtype=np.int64)
    known, buckets, others = set(plan.levels), np.zeros(BUCKETS, dtype=np.int64), []
    for level, count in seen.items():
        if level is not None and level not in known and count:
            buckets[bucket(level)] += count
            others.append(level)
    return Levels(listed, buckets, seen[None], tuple(sorted(others)[:SHOWN]))
