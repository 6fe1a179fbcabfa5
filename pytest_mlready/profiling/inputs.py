"""Data in whatever form it comes, as parts that can be read one by one, in any process."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.drift import Columns
from pytest_mlready.profiling import series
from pytest_mlready.settings import nearest

BATCH = 65_536
"""Rows that are in memory at once."""
Rows = NDArray[np.int64]


class DataError(ValueError):
    """Data that cannot be profiled; the message names the file or column, and says what to do."""


class Part(Protocol):
    """Some rows of a data set, to be read where and when they are counted."""

    @property
    def first(self) -> int:
        """The number of its first row in the data set."""

    def batches(self, names: Sequence[str]) -> Iterator[Batch]:
        """The rows, at most `BATCH` at a time, with these columns at least."""


class Batch(Protocol):
    """Rows in memory."""

    @property
    def rows(self) -> int:
        """How many."""

    def columns(self, names: Sequence[str], taken: Rows | None = None) -> Columns:
        """Some of its columns, of some of its rows."""


@dataclass(frozen=True)
class Source:
    """A data set: its columns' names, how many rows it has about, and its parts in order."""

    names: tuple[str, ...]
    rows: int
    parts: Sequence[Part]


@dataclass(frozen=True)
class Arrays:
    """Columns as arrays of one length."""

    arrays: Mapping[str, NDArray[Any]]
    first: int = 0

    @property
    def rows(self) -> int:
        """The length."""
        return next((len(one) for one in self.arrays.values()), 0)

    def batches(self, names: Sequence[str]) -> Iterator[Arrays]:
        """Itself: it is in memory, and cut before."""
        yield self

    def columns(self, names: Sequence[str], taken: Rows | None = None) -> Columns:
        """See `Batch`."""
        return {name: _of_array(name, self.arrays[name], taken) for name in names}


@dataclass(frozen=True)
class Frame:
    """A narwhals frame."""

    frame: Any
    first: int = 0

    @property
    def rows(self) -> int:
        """Its length."""
        return len(self.frame)

    def batches(self, names: Sequence[str]) -> Iterator[Frame]:
        """Itself: it is in memory, and cut before."""
        yield self

    def columns(self, names: Sequence[str], taken: Rows | None = None) -> Columns:
        """See `Batch`."""
        frame = self.frame if taken is None else self.frame[taken]
        return {name: _of_series(name, frame[name]) for name in names}


def source_of(data: object, levels: Sequence[str] = ()) -> Source:
    """A path or several, a frame (pandas, Polars, PyArrow, what narwhals knows), a mapping of columns, or an array.

    An array of shape (rows, columns) has columns x0, x1, …; one of shape (rows,) has x0. Of CSV files, which do not
    tell codes from numbers, `levels` names columns that are no numbers.

    Raises:
        DataError: none of these, or columns of different lengths.
    """
    data = [data] if isinstance(data, str | Path) else data
    if isinstance(data, list | tuple) and data and all(isinstance(one, str | Path) for one in data):
        from pytest_mlready.profiling import files

        return files.source_of([Path(one) for one in data], levels)
    if isinstance(data, np.ndarray):
        data = {name: data[name] for name in data.dtype.names} if data.dtype.names else _named(data)
    if isinstance(data, Mapping):
        return _of_arrays({str(name): np.asarray(column) for name, column in data.items()})
    frame = _frame_of(data)
    parts = [Frame(frame[at : at + BATCH], at) for at in range(0, len(frame), BATCH)]
    return Source(tuple(frame.columns), len(frame), parts)


def _frame_of(data: object) -> Any:
    """A narwhals frame whose columns have texts as names: those of pandas can have numbers and tuples, too."""
    try:
        frame = narwhals().from_native(data, eager_only=True, pass_through=True)
        if not hasattr(frame, "columns") or not hasattr(frame, "to_native"):
            kinds = "a path, a frame (pandas, Polars, PyArrow), a mapping of columns or a numpy array"
            raise DataError(f"{type(data).__name__} is no data: expected {kinds}")
        given = tuple(frame.columns)
        names = tuple(map(str, given))
        named = frame if names == given else frame.rename(dict(zip(given, names, strict=True)))
        if tuple(named.columns) == names:
            return named
    except required("narwhals.exceptions").DuplicateError:
        raise DataError("two columns have one name") from None
    raise DataError(f"columns must have plain names, not {given[0]!r}")


def chosen(source: Source, columns: Sequence[str] | None, ignore: Sequence[str], *, strict: bool) -> tuple[str, ...]:
    """The names to profile, in the data's order. Where `strict`, raises DataError for one that is not there."""
    for name in columns or () if strict else ():
        if name not in source.names:
            raise DataError(f"there is no column {name!r}{nearest(name, source.names)}")
    return tuple(name for name in source.names if name not in set(ignore) and (not columns or name in set(columns)))


def narwhals() -> Any:
    """The library that reads frames. Raises DataError that names the install command."""
    return required("narwhals")


def required(name: str) -> Any:
    """A module of the extra `drift`. Raises DataError that names the install command."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing = name.partition(".")[0]
        raise DataError(f'this needs {missing}: pip install "pytest-mlready[drift]"') from None


def _named(array: NDArray[Any]) -> dict[str, NDArray[Any]]:
    if array.ndim not in (1, 2):
        raise DataError(f"an array of {array.ndim} dimensions is no table: expected rows and columns")
    columns = array.reshape(len(array), -1)
    return {f"x{at}": columns[:, at] for at in range(columns.shape[1])}


def _of_arrays(arrays: dict[str, NDArray[Any]]) -> Source:
    lengths = {name: len(one) if one.ndim == 1 else -1 for name, one in arrays.items()}
    if len(set(lengths.values())) > 1 or -1 in lengths.values():
        raise DataError(f"columns must be sequences of one length, not of {dict(list(lengths.items())[:5])}")
    rows = next(iter(lengths.values()), 0)
    parts = [Arrays({name: one[at : at + BATCH] for name, one in arrays.items()}, at) for at in range(0, rows, BATCH)]
    return Source(tuple(arrays), rows, parts)


def _of_array(name: str, array: NDArray[Any], taken: Rows | None) -> Any:
    try:
        return series.of_array(array if taken is None else array[taken])
    except series.UnknownKindError as error:
        raise DataError(_cannot(name, error)) from None


def _of_series(name: str, column: Any) -> Any:
    try:
        return series.of_series(column)
    except series.UnknownKindError as error:
        raise DataError(_cannot(name, error)) from None


def _cannot(name: str, error: Exception) -> str:
    return f"column {name!r} {error}, which has no distribution to compare: leave it out (ignore = [{name!r}])"
