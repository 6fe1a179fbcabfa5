"""One column of some rows: numbers as an array in which missing is NaN, everything else as its levels' counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.drift.plan import Column, LevelsSeen


class UnknownKindError(ValueError):
    """Lists, records and bytes, which are neither numbers nor levels."""


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
        return _objects(array.tolist(), [value is None for value in array])
    raise UnknownKindError(f"holds {array.dtype}")


def of_series(series: Any) -> Column:
    """A narwhals series: numbers and dates are numbers, texts, booleans and categories levels."""
    from pytest_mlready.profiling.inputs import narwhals

    nw, dtype, missing = narwhals(), series.dtype, int(series.null_count())
    if dtype.is_numeric():
        if dtype == nw.Decimal or missing:
            series = series.cast(nw.Float64)
        numbers = np.asarray(series.to_numpy())
        return numbers if numbers.dtype.kind in "iuf" else numbers.astype(np.float64)
    if dtype in (nw.Datetime, nw.Date, nw.Duration):
        return _seconds(np.asarray(series.to_numpy()))
    if dtype in (nw.String, nw.Boolean, nw.Categorical, nw.Enum):
        return levels(series.drop_nulls().to_list(), missing)
    if missing == len(series):
        return Counter({None: missing})
    if dtype == nw.Object:
        return _objects(series.to_list(), series.is_null().to_list())
    raise UnknownKindError(f"holds {dtype}")


def levels(values: Iterable[Any], missing: int = 0) -> LevelsSeen:
    """How often each occurs, by its text; None and NaN are missing, beside those that were left out."""
    seen: LevelsSeen = Counter({None: missing})
    for value, count in Counter(values).items():
        seen[_text(value)] += count
    return +seen


def _text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)


def _objects(values: list[Any], missing: list[bool]) -> Column:
    """Python's objects: numbers if all that are there are."""
    found = [None if absent else value for value, absent in zip(values, missing, strict=True)]
    try:
        if all(one is None or (isinstance(one, int | float) and not isinstance(one, bool)) for one in found):
            return np.array([np.nan if one is None else one for one in found], dtype=np.float64)
        return levels(found)
    except (TypeError, ValueError):  # lists and arrays are not hashable, and have no single truth
        raise UnknownKindError("holds lists or other containers") from None


def _seconds(array: NDArray[Any]) -> NDArray[np.float64]:
    """Of dates since the epoch, of durations."""
    seconds = array.astype(f"{array.dtype.kind}8[us]").astype(np.float64) / 1e6
    return np.where(np.isnat(array), np.nan, seconds)
