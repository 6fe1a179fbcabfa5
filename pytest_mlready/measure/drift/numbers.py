"""The seven tests of a column of numbers, each against its own floor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from pytest_mlready.measure.drift import cells
from pytest_mlready.measure.drift.alarm import Alarm, Level, Test
from pytest_mlready.measure.drift.cells import Ints
from pytest_mlready.measure.drift.plan import NumberPlan
from pytest_mlready.measure.drift.profile import Numbers
from pytest_mlready.measure.drift.tails import (
    beta_binomial_tail,
    both_tails,
    hypergeometric_tail,
    ks_tail,
    skewed_tail,
)

Floats = NDArray[np.float64]
TESTS = 7
FLOORS: dict[Test, float] = {
    "ks": 0.02,
    "wilcoxon": 0.015,
    "spread ks": 0.02,
    "spread wilcoxon": 0.015,
    "missing": 0.005,
    "range": 0.005,
    "atom": 0.01,
}
OUTSIDE = 0.001
"""The reference's range leaves out so many of its values on either side, one at least."""
ATOM_SHARE, FEWEST_TIES = 0.01, 3
FEWEST = 20


@dataclass(frozen=True)
class Compared:
    """A column of numbers on both sides."""

    plan: NumberPlan
    current_plan: NumberPlan
    reference: Numbers
    current: Numbers


@dataclass(frozen=True)
class Distances:
    """KS distances and areas under the curve less a half, of the values and of their distances from the centre.

    One entry for each of m columns; `z` are Wilcoxon's statistics, standardised with ties.
    """

    d: Floats
    auc: Floats
    z: Floats
    n: Floats
    other_n: Floats


def distances(reference: Ints, current: Ints, together: float = 1.0) -> Distances:
    """Compare counts by cell, of shape (m, cells), of columns that have values on both sides."""
    n, other_n = (one.sum(axis=1).astype(np.float64) for one in (current, reference))
    share, other = current / n[:, None], reference / other_n[:, None]
    steps = np.cumsum(share - other, axis=1)
    d = np.abs(steps).max(axis=1)
    auc = ((np.cumsum(other, axis=1) - other / 2) * share).sum(axis=1) - 0.5
    total = n + other_n
    pooled = (reference + current) / total[:, None]
    ties = 1 - (pooled * pooled * pooled).sum(axis=1)
    variance = ties * (total + 1) / (12 * n * other_n) * together
    z = auc / np.sqrt(np.maximum(variance, 1e-300))
    return Distances(d, auc, z, n, other_n)


def shape_alarms(compared: list[Compared], level: Level) -> tuple[list[Alarm], list[float]]:
    """The four tests of where values lie and how far from the centre, of all columns at once; each one's KS distance.

    RULES of the panel fold about the pooled median; a profile has no pooled median, so the fold is about the
    reference's, which is as good where nothing drifted, and shows a shift as well where something did.
    """
    if not compared:
        return [], []
    reference = np.stack([one.reference.cells for one in compared])
    current = np.stack([one.current.cells for one in compared])
    values = distances(reference, current, level.together)
    sides = cells.folded(reference), cells.folded(current)
    spread = distances(*sides, level.together)
    alarms = [
        *_alarms_of(compared, values, (reference, current), ("ks", "wilcoxon"), level),
        *_alarms_of(compared, spread, sides, ("spread ks", "spread wilcoxon"), level),
    ]
    return alarms, [float(one) for one in values.d]


def _alarms_of(
    compared: list[Compared], found: Distances, counts: tuple[Ints, Ints], tests: tuple[Test, Test], level: Level
) -> Iterator[Alarm]:
    (before, after), (ks, wilcoxon) = counts, tests
    p_ks = ks_tail(found.d, found.n / level.together, found.other_n / level.together)
    p_rank = 2 * scipy.special.ndtr(-np.abs(found.z))
    for at in np.flatnonzero((found.d >= FLOORS[ks]) & (p_ks < level.alpha)):
        yield _alarm(compared[at], ks, float(found.d[at]), float(p_ks[at]))
    for at in np.flatnonzero((np.abs(found.auc) >= FLOORS[wilcoxon]) & (p_rank < level.alpha)):
        n, other_n = found.n[at] / level.together, found.other_n[at] / level.together
        pooled = (before[at] + after[at]).astype(np.float64)
        sign = 1.0 if n <= other_n else -1.0  # the smaller sample is the one drawn
        ranks = np.cumsum(pooled) - pooled / 2
        p = max(float(p_rank[at]), 2 * skewed_tail(ranks, pooled, min(n, other_n), sign * float(found.z[at])))
        if p < level.alpha:
            yield _alarm(compared[at], wilcoxon, abs(float(found.auc[at])), p)


def _alarm(one: Compared, test: Test, effect: float, p: float) -> Alarm:
    before, after = (quartiles(one.plan, counts.cells) for counts in (one.reference, one.current))
    shown = [" / ".join(f"{value:.4g}" for value in side) for side in (before, after)]
    return Alarm(one.plan.name, test, f"quartiles were {shown[0]}, are {shown[1]}", effect, FLOORS[test], p)


def quartiles(plan: NumberPlan, counts: Ints) -> tuple[float, float, float]:
    """Of the counted values, to within a cell."""
    upto = np.cumsum(counts)
    at = [int(np.searchsorted(upto, share * upto[-1])) for share in (0.25, 0.5, 0.75)]
    first, second, third = (cells.value_in(min(one, cells.CELLS - 1), plan.centre, plan.scale) for one in at)
    return first, second, third


def missing_alarm(one: Compared, rows: int, other_rows: int, level: Level) -> Alarm | None:
    """Missing or infinite values: Fisher's exact test."""
    k, other_k = (side.missing + side.infinite for side in (one.current, one.reference))
    return share_alarm(one.plan.name, "missing", "missing or infinite", (k, rows), (other_k, other_rows), level)


def share_alarm(
    name: str,
    test: Test,
    what: str,
    current: tuple[int, int],
    reference: tuple[int, int],
    level: Level,
    floor: float = FLOORS["missing"],
    candidates: float = 1,
) -> Alarm | None:
    """Whether two shares, count and rows, differ by Fisher's exact test and by the floor."""
    (k, n), (other_k, other_n) = current, reference
    if not n or not other_n or abs(k / n - other_k / other_n) < floor:
        return None
    p = candidates * both_tails(*level.thinned(k, n), *level.thinned(other_k, other_n))
    if p >= level.alpha:
        return None
    text = f"{other_k / other_n:.2%} {what}, now {k / n:.2%}"
    return Alarm(name, test, text, abs(k / n - other_k / other_n), floor, p)


def range_alarm(one: Compared, level: Level) -> Alarm | None:
    """Values beyond the reference's range: the exact beta-binomial tail.

    The range ends at the outermost cells that leave fewer than i of the reference's values outside, i being one in a
    thousand of them. Such an end lies no nearer than the i-th order statistic, whose share is Beta whatever the
    distribution; so the tail is a bound.
    """
    n, other_n = one.current.finite, one.reference.finite
    i = max(1, int(OUTSIDE * other_n))
    upto = np.cumsum(one.reference.cells)
    first = int(np.searchsorted(upto, i))  # the first cell that makes it i
    last = int(np.searchsorted(upto, other_n - i, side="right"))
    outside = [int(side.cells[:first].sum() + side.cells[last + 1 :].sum()) for side in (one.current, one.reference)]
    excess = outside[0] / n - outside[1] / other_n
    if excess < FLOORS["range"]:
        return None
    k, thinned = level.thinned(outside[0], n)
    a = 2 * max(1.0, i / level.together)
    p = beta_binomial_tail(k, thinned, a, max(1.0, other_n / level.together + 1 - a))
    if p >= level.alpha:
        return None
    ends = [cells.value_in(cell, one.plan.centre, one.plan.scale) for cell in (first, last)]
    seen = f"{one.current.lowest:.4g} to {one.current.highest:.4g}"
    text = f"{outside[0]} of {n} values lie outside {ends[0]:.4g} to {ends[1]:.4g}; they go from {seen}"
    return Alarm(one.plan.name, "range", text, excess, FLOORS["range"], p)


def atom_alarm(one: Compared, level: Level) -> Alarm | None:
    """Values that many rows share (sentinels, defaults, zeros): Fisher's exact test times the candidates.

    Of a value that is tied in the current data only, the reference's count is not known but bounded: by its cell's
    count, and by the most ties that the reference has beside the listed ones.
    """
    n, other_n = one.current.finite, one.reference.finite
    fewest = max(FEWEST_TIES, ATOM_SHARE * min(n, other_n))
    listed = one.reference.atoms.size
    known = (one.reference.atoms + one.current.atoms[:listed]) >= fewest
    new = (one.current.atoms[listed:] >= fewest).nonzero()[0] + listed
    # Values tied in one sample only were found by looking at it: as many were looked at as could have been found.
    looked = int(known.sum()) + (min(n, (n + other_n) // fewest) if new.size else 0)
    found: list[Alarm] = []
    for at in (*known.nonzero()[0], *new):
        value, k = one.current_plan.atoms[at], int(one.current.atoms[at])
        other_k = int(one.reference.atoms[at]) if at < listed else min(k * other_n // n, _most(one, value))
        what = f"are {value:.6g}"
        alarm = share_alarm(one.plan.name, "atom", what, (k, n), (other_k, other_n), level, FLOORS["atom"], looked)
        found += [] if alarm is None else [alarm]
    return min(found, key=lambda alarm: alarm.p or 0.0, default=None)


def _most(one: Compared, value: float) -> int:
    cell = cells.cell_of(value, one.plan.centre, one.plan.scale)
    inside = int(one.reference.cells[cell])
    ties = one.reference.ties
    return inside if ties is None else min(inside, ties)


def one_sided_tail(k: int, n: int, other_n: int, level: Level) -> float:
    """How likely all k rows of a kind are to be among the n of one side, if both sides are alike."""
    (k_thin, n_thin), (_, other_thin) = level.thinned(k, n), level.thinned(0, other_n)
    return hypergeometric_tail(k_thin, n_thin + other_thin, k_thin, n_thin)


def constant_alarm(one: Compared, level: Level) -> Alarm | None:
    """A constant that varies now, or the reverse, where rare values that chance left out do not explain it."""
    counts = ((one.current, one.current_plan), (one.reference, one.plan))
    for (steady, _), (varying, other_plan), turned in ((*counts, "is constant"), (*counts[::-1], "varies")):
        if steady.finite < FEWEST or steady.lowest != steady.highest or varying.lowest == varying.highest:
            continue
        value = steady.lowest
        same = int(varying.atoms[other_plan.atoms.index(value)]) if value in other_plan.atoms else 0
        if one_sided_tail(varying.finite - same, varying.finite, steady.finite, level) < level.alpha:
            text = f"{turned} ({value:.6g} in all {steady.finite} rows of one side, {varying.finite} rows on the other)"
            return Alarm(one.plan.name, "constant", text)
    return None
