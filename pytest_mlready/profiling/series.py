"""One column of some rows: numbers as an array in which missing is NaN, everything else as its levels' counts."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.drift.plan import Column, LevelsSeen


class UnknownKindError(ValueError):
    """Lists, records and bytes, which are neither numbers nor levels, and numbers that are too large for 64 bits."""


def of_array(array: NDArray[Any]) -> Column:
    """A numpy array: numbers and dates are numbers, the rest levels."""
    kind = array.dtype.kind
    if kind in "iuf":
        return array
    if kind in "Mm":
        return _seconds(array)
    if kind in "bSU":
        return levels(array.tolist())
    if kind == "O":
        return _objects(array.tolist())
    raise UnknownKindError(f"holds {array.dtype}")


def of_series(series: Any) -> Column:
    """A narwhals series: numbers and dates are numbers, texts, booleans and categories levels."""
    from pytest_mlready.profiling.inputs import narwhals

    nw, dtype, missing = narwhals(), series.dtype, int(series.null_count())
    if dtype.is_numeric():
        if dtype in (nw.Decimal, nw.Int128, nw.UInt128):
            series = series.cast(nw.Float64)
        numbers = np.asarray(series.to_numpy())
        return numbers if numbers.dtype.kind in "iuf" else numbers.astype(np.float64)
    if dtype in (nw.Datetime, nw.Date, nw.Duration):
        return _seconds(
            np.asarray(series.cast(nw.Datetime("us")).to_numpy() if dtype == nw.Date else series.to_numpy())
        )
    if dtype in (nw.String, nw.Boolean, nw.Categorical, nw.Enum):
        return levels(series.drop_nulls().to_list(), missing)
    if missing == len(series):
        return Counter({None: missing})
    if dtype == nw.Object:
        return _objects(series.to_list())
    raise UnknownKindError(f"holds {dtype}")


def levels(values: Iterable[Any], missing: int = 0) -> LevelsSeen:
    """How often each occurs, by its text; None and NaN are missing, beside those that were left out."""
    return _by_text(Counter(values), missing)


def _by_text(seen: Mapping[Any, int], missing: int = 0) -> LevelsSeen:
    by_text: LevelsSeen = Counter({None: missing})
    for value, count in seen.items():
        by_text[None if _absent(value) else _text(value)] += count
    return +by_text


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)


def _absent(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas' NA is neither equal to itself nor not
        return True


def _objects(values: list[Any]) -> Column:
    """Python's objects: numbers if all that are there are, or are dates."""
    try:
        seen = Counter(values)
        found = {value for value in seen if not _absent(value)}
    except (TypeError, ValueError):  # lists and arrays are not hashable, and have no single truth
        raise UnknownKindError("holds lists or other containers") from None
    if all(isinstance(value, Real | Decimal) and not isinstance(value, bool) for value in found):
        try:
            return np.array([np.nan if _absent(value) else value for value in values], dtype=np.float64)
        except OverflowError:
            raise UnknownKindError("holds numbers beyond 1e308") from None
    if all(isinstance(value, datetime.date) for value in found):
        return _seconds(np.array([None if _absent(value) else _utc(value) for value in values], dtype="M8[us]"))
    return _by_text(seen)


def _utc(date: datetime.date) -> datetime.date:
    """A time with a zone as one without, in UTC; any other as it is."""
    if isinstance(date, datetime.datetime) and date.tzinfo is not None:
        return date.astimezone(datetime.UTC).replace(tzinfo=None)
    return date


def _seconds(array: NDArray[Any]) -> NDArray[np.float64]:
    """Of dates since the epoch, of durations."""
    seconds = array.astype(f"{array.dtype.kind}8[us]").astype(np.float64) / 1e6
    return np.where(np.isnat(array), np.nan, seconds)
