"""The three tests of a column of levels: all of them, one of them, and those that the reference does not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from pytest_mlready.measure.drift.alarm import Alarm, Level
from pytest_mlready.measure.drift.cells import Ints
from pytest_mlready.measure.drift.numbers import one_sided_tail, share_alarm
from pytest_mlready.measure.drift.plan import LevelPlan
from pytest_mlready.measure.drift.profile import Levels
from pytest_mlready.measure.drift.tails import hypergeometric_tail

TESTS = 3
TOTAL_VARIATION, ONE_LEVEL, UNSEEN = 0.02, 0.01, 0.002
FEWEST_EXPECTED = 5


def level_alarms(plan: LevelPlan, reference: Levels, current: Levels, level: Level) -> Iterator[Alarm]:
    """All three; missing is a level. Both sides have rows."""
    before, after = (_counts(one) for one in (reference, current))
    for alarm in (
        _distribution(plan, before, after, level),
        _one_level(plan, before, after, level),
        _unseen(plan, reference, current, level),
    ):
        if alarm is not None:
            yield alarm


def _counts(side: Levels) -> Ints:
    return np.concatenate([side.listed, [side.missing], side.buckets])


def _distribution(plan: LevelPlan, before: Ints, after: Ints, level: Level) -> Alarm | None:
    """Chi-square of the 2 x k table, both rows of which are samples.

    Rare levels go to their buckets, where those are that only one side has; what is rare still is one cell.
    """
    counts = np.stack([before, after])
    size = len(plan.levels)
    rare = _rare(counts)[:size] if plan.complete else np.ones(size, dtype=bool)
    buckets = counts[:, size + 1 :].copy()
    np.add.at(buckets.T, plan.buckets[rare], counts.T[:size][rare])
    table = np.concatenate([counts[:, :size][:, ~rare], counts[:, size : size + 1], buckets], axis=1) / level.together
    rows = table.sum(axis=1, keepdims=True)
    rare = _rare(table)
    table = np.concatenate([table[:, ~rare], table[:, rare].sum(axis=1, keepdims=True)], axis=1)
    expected = table.sum(axis=0) * rows / rows.sum()
    table, expected = (one[:, expected.min(axis=0) >= FEWEST_EXPECTED] for one in (table, expected))
    if table.shape[1] < 2:
        return None
    chi_square = float(((table - expected) ** 2 / expected).sum())
    p = float(scipy.special.chdtrc(table.shape[1] - 1, chi_square))
    distance = float(np.abs(table[0] / rows[0] - table[1] / rows[1]).sum() / 2)
    if distance < TOTAL_VARIATION or p >= level.alpha:
        return None
    text = f"{distance:.1%} of the rows have moved between levels"
    return Alarm(plan.name, "levels", text, distance, TOTAL_VARIATION, p)


def _rare(table: NDArray[Any]) -> NDArray[np.bool_]:
    rows = table.sum(axis=1)
    rare: NDArray[np.bool_] = table.sum(axis=0) * (rows.min() / rows.sum()) < FEWEST_EXPECTED
    return rare


def _one_level(plan: LevelPlan, before: Ints, after: Ints, level: Level) -> Alarm | None:
    """The level that changed most, with Fisher's exact test times the number of levels."""
    n, other_n = int(after.sum()), int(before.sum())
    change = np.abs(after / n - before / other_n)
    occur = int(((before + after) > 0).sum())
    at = int(change.argmax())
    what = repr(plan.levels[at]) if at < len(plan.levels) else "missing" if at == len(plan.levels) else "other levels"
    sides = (int(after[at]), n), (int(before[at]), other_n)
    return share_alarm(plan.name, "level", what, *sides, level, ONE_LEVEL, occur)


def _unseen(plan: LevelPlan, reference: Levels, current: Levels, level: Level) -> Alarm | None:
    """Rows whose level the reference does not have, against its own levels that occur once.

    Of a row left out of the reference, its level would be unseen if it occurs once: as often as new rows' levels are
    (Good 1953).
    """
    k = int(current.listed[reference.listed == 0].sum() + current.buckets[reference.buckets == 0].sum())
    once = int((reference.listed == 1).sum() + (reference.buckets == 1).sum())
    n, other_n = (int(_counts(side).sum()) for side in (current, reference))
    if k / n - once / other_n < UNSEEN:
        return None
    k_thin, n_thin = level.thinned(k, n)
    once_thin, other_thin = level.thinned(once, other_n)
    p = hypergeometric_tail(k_thin, n_thin + other_thin, k_thin + once_thin, n_thin)
    if p >= level.alpha:
        return None
    named = ", ".join(map(repr, current.others)) or "levels"
    text = f"{k / n:.2%} of the rows have levels that the reference lacks: {named}"
    return Alarm(plan.name, "unseen level", text, k / n - once / other_n, UNSEEN, p)


def constant_level(plan: LevelPlan, reference: Levels, current: Levels, level: Level, fewest: int) -> Alarm | None:
    """One level where there were several, or several where there was one, beyond chance."""
    sides = [_counts(replace(one, missing=0)) for one in (reference, current)]
    for steady, varying, turned in ((sides[1], sides[0], "has one level"), (sides[0], sides[1], "varies")):
        if steady.sum() < fewest or (steady > 0).sum() != 1 or (varying > 0).sum() < 2:
            continue
        same, n, other_n = int(varying[int(steady.argmax())]), int(varying.sum()), int(steady.sum())
        if one_sided_tail(n - same, n, other_n, level) < level.alpha:
            return Alarm(plan.name, "constant", f"{turned} ({n} rows that vary beside {other_n} that do not)")
    return None
