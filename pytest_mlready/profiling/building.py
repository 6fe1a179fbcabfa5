"""Profiles of data sets: a plan from a sample of the rows, then counts of all of them, part by part, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache, reduce
from operator import add
from typing import Any, TypeVar

import numpy as np

from pytest_mlready.measure.drift import Columns, Profile, ProfileError, planned, planned_like, profiled, steps
from pytest_mlready.measure.drift.plan import ColumnPlan, LevelPlan
from pytest_mlready.profiling.inputs import Batch, DataError, Part, Rows, Source, chosen, required, source_of

SAMPLE = 65_536
"""Rows that a reference's plan is made from."""
SMALL_SAMPLE = 16_384
"""Rows in which current data are looked over for values that many share: one in a hundred is there 160 times."""
FEW = 100
"""Rows that show that a column holds texts, unless they miss them."""
SHORT = 2000
"""Rows whose products are not divided among threads anyway."""
_Result = TypeVar("_Result")
_PARTS_AHEAD = 8
"""So many parts for each process are handed out at a time: what they return waits in memory."""


def profile(
    data: object,
    *,
    like: Profile | None = None,
    beside: Profile | None = None,
    columns: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Profile:
    """Profile a data set.

    The same rows give the same profile, bit by bit, however many processes count them.

    Args:
        data: a path of a CSV or Parquet file or a list of them, which are read twice and never held, a frame of
            pandas, Polars or PyArrow, a mapping of columns, or a numpy array of shape (rows, columns).
        like: the reference that this is to be compared with.
        beside: a profile of other rows of the same data set, to which this one is to be added.
        columns: which ones; by default all. Of `beside`, its own.
        ignore: columns to leave out: identifiers, texts that are all different.
        jobs: processes, as joblib counts them (-1: one a core). Within `joblib.parallel_config(backend="dask")` they
            are Dask's workers.
        progress: is told how many rows are counted, and about how many there are.

    Raises:
        DataError: cannot be read, has columns of lists or bytes, lacks some of `beside`'s or has them of another kind.
    """
    levels = [one.name for one in beside.plan if isinstance(one, LevelPlan)] if beside is not None else []
    source = source_of(data, levels)
    names = chosen(source, columns, ignore, strict=like is None)
    share = (SAMPLE if like is None else SMALL_SAMPLE) / max(1, source.rows)
    if beside is not None:
        plan = beside.plan
        if absent := [one.name for one in plan if one.name not in names]:
            raise DataError(f"the profile has columns that these data lack, or leave out: {absent}")
    else:
        known = [one.name for one in like.plan if isinstance(one, LevelPlan)] if like is not None else []
        sampled = _each(source, jobs, _Sampling(names, share, known))
        sample = _joined(names, [one for some in sampled for one in some])
        plan = planned(sample) if like is None else planned_like(like.plan, sample)
    count = _Counting(names, plan, steps(source.rows), like is None)
    total: Profile | None = None
    for one in _each(source, jobs, count):
        total = one if total is None else total + one
        if progress is not None:
            progress(total.rows, max(source.rows, total.rows))
    return total or count.nothing


class _Sampling:
    """Takes rows of a part by a hash of their number: evenly, whatever period the data has.

    Of `levels`, columns whose levels are known, it is enough to see that they hold texts.
    """

    def __init__(self, names: Sequence[str], share: float, levels: Sequence[str]) -> None:
        self._names, self._share = names, share
        self._levels = [one for one in names if one in set(levels)]

    def __call__(self, part: Part) -> list[Columns]:
        return list(self._taken(part))

    def _taken(self, part: Part) -> Iterator[Columns]:
        first = part.first
        for batch in part.batches(self._names):
            yield self._columns(batch, None if self._share >= 1 else self._rows(first, batch.rows))
            first += batch.rows

    def _columns(self, batch: Batch, taken: Rows | None) -> Columns:
        few = np.arange(min(FEW, batch.rows)) if taken is None else taken[:FEW]
        seen = {name: one for name, one in _readable(batch, self._levels, few).items() if _has_texts(one)}
        return {**seen, **_readable(batch, [name for name in self._names if name not in seen], taken)}

    def _rows(self, first: int, rows: int) -> Rows:
        number = np.arange(first, first + rows, dtype=np.uint64)
        number = (number ^ (number >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
        number = (number ^ (number >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        return np.flatnonzero((number >> np.uint64(11)) * 2.0**-53 < self._share).astype(np.int64)


class _Counting:
    """Profiles a part."""

    def __init__(self, names: Sequence[str], plan: tuple[ColumnPlan, ...], taken: dict[str, int], ties: bool) -> None:
        self._names, self._plan, self._steps, self._ties = names, plan, taken, ties

    def __call__(self, part: Part) -> Profile:
        profiles = self._profiles(part)
        return reduce(add, profiles, next(profiles, None) or self.nothing)

    @property
    def nothing(self) -> Profile:
        """The profile of no rows, to which others are added."""
        return self._of({}, 0, 0)

    def _profiles(self, part: Part) -> Iterator[Profile]:
        first = part.first
        for batch in part.batches(self._names):
            with _one_thread() if batch.rows > SHORT else nullcontext():
                counted = self._of(_readable(batch, self._names), batch.rows, first)
            yield counted
            first += batch.rows

    def _of(self, columns: Columns, rows: int, first: int) -> Profile:
        try:
            return profiled(self._plan, rows, columns, **self._steps, first=first, ties=self._ties)
        except ProfileError as error:
            raise DataError(str(error)) from None


def _readable(batch: Batch, names: Sequence[str], taken: Rows | None = None) -> Columns:
    return batch.columns(names, taken)


def _one_thread() -> AbstractContextManager[Any]:
    """Products of some thousand rows are too short for more: threads that wait for each other take more time.

    numpy alone has no switch for that; where the extra is not installed they take it.
    """
    try:
        made: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    except DataError:
        return nullcontext()
    return made


@cache
def _libraries() -> Any:
    """To look for them in each batch would take as long as to count a column or two of it."""
    return required("threadpoolctl").ThreadpoolController()


def _each(source: Source, jobs: int, work: Callable[[Part], _Result]) -> Iterator[_Result]:
    """What the work makes of each part, in order."""
    if jobs == 1:
        yield from map(work, source.parts)
        return
    joblib: Any = required("joblib")
    with joblib.Parallel(n_jobs=jobs) as parallel:
        step = _PARTS_AHEAD * max(1, joblib.effective_n_jobs(jobs))
        for at in range(0, len(source.parts), step):
            yield from parallel(joblib.delayed(work)(part) for part in source.parts[at : at + step])


def _joined(names: Sequence[str], samples: Sequence[Columns]) -> Columns:
    """The sampled rows of all parts together. Raises DataError for a column of several kinds."""
    return {name: _one_column(name, [one[name] for one in samples]) for name in names}


def _has_texts(column: Any) -> bool:
    return isinstance(column, Counter) and bool(column.keys() - {None})


def _one_column(name: str, pieces: Sequence[Any]) -> Any:
    levels = [one for one in pieces if _has_texts(one)]
    numbers = [one for one in pieces if not isinstance(one, Counter)]
    missing = sum(one[None] for one in pieces if isinstance(one, Counter) and one not in levels)
    if levels and any(np.isfinite(one).any() for one in numbers):
        raise DataError(f"column {name!r} has numbers in some rows and texts in others: make it one of the two")
    if levels or not numbers:
        return sum(levels, Counter({None: missing + sum(len(one) for one in numbers)}))
    return np.concatenate([*numbers, np.full(missing, np.nan)])
