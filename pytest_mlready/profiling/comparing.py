"""Drift between a reference and current data, each given as a profile or as data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_mlready.measure.drift import Panel, Profile, judge
from pytest_mlready.profiling.building import profile
from pytest_mlready.profiling.inputs import DataError
from pytest_mlready.profiling.storing import load


def drift(
    reference: object,
    current: object,
    *,
    columns: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    jobs: int = 1,
    **rule: Any,
) -> Panel:
    """Judge current data against a reference.

    Args:
        reference: a profile, a path of one (.json), or data (see `profile`).
        current: data, or a profile that was made like the reference.
        columns: which columns; by default all of both.
        ignore: columns to leave out.
        jobs: processes.
        **rule: `alpha`, `looks`, `smallest_shift` and `rows_together`, see `pytest_mlready.measure.drift.judge`.

    Raises:
        DataError, ProfileError: either cannot be read, the two cannot be compared, or neither has a chosen column.
    """
    before = reference_profile(reference, columns=columns, ignore=ignore, jobs=jobs)
    if isinstance(current, Profile):
        after = current.only(columns, ignore)
    else:
        after = profile(current, like=before, columns=columns, ignore=ignore, jobs=jobs)
    expect(columns, before, after, ignore=ignore)
    return judge(before, after, **rule)


def expect(columns: Sequence[str] | None, *profiles: Profile, ignore: Sequence[str] = ()) -> None:
    """Raise DataError for a column that is chosen and that no profile has."""
    for name in columns or ():
        if name not in ignore and not any(one.column(name) for one in profiles):
            raise DataError(f"there is no column {name!r} in the reference, nor in the current data")


def reference_profile(
    reference: object, *, columns: Sequence[str] | None = None, ignore: Sequence[str] = (), jobs: int = 1
) -> Profile:
    """A profile as it is, or of a file of one, or of data; without the columns that are left out."""
    if isinstance(reference, str | Path) and Path(reference).suffix.lower() == ".json":
        reference, _ = load(reference)
    if isinstance(reference, Profile):
        return reference.only(columns, ignore)
    return profile(reference, columns=columns, ignore=ignore, jobs=jobs)
