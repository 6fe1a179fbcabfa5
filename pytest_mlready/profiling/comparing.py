"""Drift between a reference and current data, each given as a profile or as data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_mlready.measure.drift import Panel, Profile, judge
from pytest_mlready.profiling.building import profile
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
        DataError, ProfileError: either cannot be read, or the two cannot be compared.
    """
    before = reference_profile(reference, columns=columns, ignore=ignore, jobs=jobs)
    if isinstance(current, Profile):
        return judge(before, current.only(columns, ignore), **rule)
    return judge(before, profile(current, like=before, columns=columns, ignore=ignore, jobs=jobs), **rule)


def reference_profile(
    reference: object, *, columns: Sequence[str] | None = None, ignore: Sequence[str] = (), jobs: int = 1
) -> Profile:
    """A profile as it is, or of a file of one, or of data; without the columns that are left out."""
    if isinstance(reference, str | Path) and Path(reference).suffix.lower() == ".json":
        reference, _ = load(reference)
    if isinstance(reference, Profile):
        return reference.only(columns, ignore)
    return profile(reference, columns=columns, ignore=ignore, jobs=jobs)
