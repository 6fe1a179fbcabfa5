"""Evidence `drift_data`: profiles of the declared reference and of the current data. The service is not asked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.store import GatherError
from pytest_mlready.measure.drift import Profile, to_plain
from pytest_mlready.profiling import load, profile
from pytest_mlready.profiling.comparing import expect
from pytest_mlready.records import DriftData

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.settings import Drift


def made_with(context: Context) -> Mapping[str, Any]:
    """The files and the columns of them; what only judges is no part of it."""
    declared = context.settings.drift
    keys = ("reference", "current", "columns", "ignore")
    return {key: getattr(declared, key) for key in keys}


def gather(context: Context) -> DriftData:
    """Profile both files, or read the reference's profile. Raises DataError, ProfileError or GatherError."""
    declared = context.settings.drift
    if declared is None or declared.reference is None or declared.current is None:
        raise GatherError("[drift] needs reference and current")
    before, made_at = _reference(context.settings.path(declared.reference), declared)
    current = context.settings.path(declared.current)
    after = profile(current, like=before, columns=declared.columns, ignore=declared.ignore)
    expect(declared.columns, before, after, ignore=declared.ignore)
    served = tuple(context.rows[0]) if context.rows else ()
    ordered = context.target.mapping.row_shape == "array"
    return DriftData(to_plain(before, made_at), to_plain(after), time.time(), served, ordered)


def _reference(path: Path, declared: Drift) -> tuple[Profile, float | None]:
    if path.suffix.lower() != ".json":
        return profile(path, columns=declared.columns, ignore=declared.ignore), None
    found, made_at = load(path)
    return found.only(declared.columns, declared.ignore), made_at
