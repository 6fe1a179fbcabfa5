"""Columns with a known distribution, and profiles of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from pytest_mlready.measure.drift import Columns, Panel, Profile, judge, planned, planned_like, profiled
from pytest_mlready.measure.drift.plan import LevelsSeen

Rng = np.random.Generator


def seen(**counts: int) -> LevelsSeen:
    """Levels by their counts."""
    return Counter(counts)


def columns(rng: Rng, rows: int, **changed: Any) -> dict[str, Any]:
    """Eight columns of as many kinds; `changed` replaces some, None leaves one out."""
    made = {
        "normal": rng.normal(50, 10, rows),
        "heavy": rng.lognormal(0, 2, rows),
        "uniform": rng.random(rows),
        "count": rng.poisson(3, rows),
        "zeros": np.where(rng.random(rows) < 0.6, 0.0, rng.exponential(size=rows)),
        "gaps": np.where(rng.random(rows) < 0.1, np.nan, rng.standard_t(3, rows)),
        "level": Counter(rng.choice(["a", "b", "c", "d"], rows, p=[0.5, 0.3, 0.15, 0.05]).tolist()),
        "flag": Counter(rng.choice(["true", "false"], rows).tolist()),
        **changed,
    }
    return {name: column for name, column in made.items() if column is not None}


def rows_of(data: Columns) -> int:
    """How many there are."""
    return next((one.total() if isinstance(one, Counter) else len(one) for one in data.values()), 0)


def reference(data: Columns) -> Profile:
    """Its profile, as a reference's."""
    return profiled(planned(data), rows_of(data), data, every=1, first=0, ties=True)


def compared(before: Profile, data: Columns, **rule: Any) -> Panel:
    """The verdict on current data."""
    return judge(before, profiled_like(before, data), **rule)


def profiled_like(before: Profile, data: Columns) -> Profile:
    """The profile of current data."""
    return profiled(planned_like(before.plan, data), rows_of(data), data, every=1, first=0, ties=False)
