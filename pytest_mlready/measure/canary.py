"""A candidate beside its control: is it worse, on many metrics at once, where each point resembles the one before?

Each metric is a series of differences, candidate less control, of intervals of the same length at the same time. What
both share (a busy hour, a slow neighbour) cancels; what is left may still be correlated from point to point, and an
interval that takes the points for independent is then far too short: the rule of the best-known judge (Mann-Whitney in
Kayenta) calls 30% of healthy metrics bad at a lag-1 correlation of .8.

The mean of n points with lag-1 correlation r is worth n (1 - r) / (1 + r) independent ones. A short series shows too
small an r, so the one that is used is corrected for that bias (Kendall 1954, Biometrika 41) and then its upper bound.
Memory that the lag-1 correlation does not show, as a cycle longer than the window, is not covered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy

Word = Literal["pass", "fail", "inconclusive"]
Worse = Literal["higher", "lower", "either"]
Array = np.ndarray[tuple[int], np.dtype[np.float64]]
FEWEST_POINTS = 30
MOST_MEMORY = 0.95
"""A correlation beyond this is taken for this: no window of a canary's length would say anything."""
MOST_POINTS = 1_000_000
BOUND_AT = 1.645
"""Standard errors from the estimated correlation to the one that is used: its 95% upper bound."""
LIMIT = 0.1
"""How much worse a candidate may be where nothing is declared, as a share of the control's mean."""


@dataclass(frozen=True)
class MetricVerdict:
    """One metric: the mean difference with its one-sided bounds, positive where the candidate is worse.

    `limit` is what it may be worse by, in the same unit; `control` the control's mean; `memory` the lag-1 correlation
    that was reckoned with; `points_needed` how many points tell a candidate that is as good from one that is worse by
    twice the limit, if it goes on as noisily (None: it is decided, or the limit is 0).
    """

    metric: str
    verdict: Word
    difference: float
    interval: tuple[float, float]
    limit: float
    control: float
    points: int
    memory: float
    points_needed: int | None = None


@dataclass(frozen=True)
class CanaryVerdict:
    """All metrics, the one that decides first: "fail" (abort) if one is provably worse, "pass" if none can be."""

    verdict: Word
    metrics: tuple[MetricVerdict, ...]
    points_needed: int | None


def judge_canary(
    candidate: Mapping[str, Sequence[float]],
    control: Mapping[str, Sequence[float]],
    *,
    limits: Mapping[str, float] | None = None,
    worse: Mapping[str, Worse] | None = None,
    alpha: float = 0.01,
) -> CanaryVerdict:
    """Judge metrics that were measured at the same times on candidate and control.

    A metric fails if it is provably worse (the lower bound is above 0) and its mean is worse by more than its limit; it
    passes if the upper bound is within the limit.

    Args:
        candidate, control: by metric a value for each interval of time, in order, as many of both.
        limits: by metric what the candidate may be worse by, as a share of the control's mean; `LIMIT` unless said.
        worse: by metric which direction is bad; "higher" unless said.
        alpha: the chance that a canary as good as its control fails on any metric, shared by Bonferroni.

    Raises:
        ValueError: no metric, not the same metrics, not as many points, fewer than `FEWEST_POINTS`, or no number.
    """
    if not candidate or candidate.keys() != control.keys():
        raise ValueError("candidate and control must have the same metrics, at least one")
    found = [
        _judged(
            metric,
            *_paired(metric, values, control[metric]),
            (limits or {}).get(metric, LIMIT),
            (worse or {}).get(metric, "higher"),
            alpha / len(candidate),
        )
        for metric, values in candidate.items()
    ]
    rank = {"fail": 0, "inconclusive": 1, "pass": 2}
    found.sort(key=lambda one: (rank[one.verdict], one.limit - one.interval[1]))
    needed = [one.points_needed for one in found if one.points_needed is not None]
    verdict = found[0].verdict
    return CanaryVerdict(verdict, tuple(found), max(needed, default=None) if verdict == "inconclusive" else None)


def mean_interval(series: Array, alpha: float) -> tuple[float, float, float]:
    """Two one-sided bounds of the mean of a stationary series, each wrong at most `alpha`, and the memory used."""
    memory = memory_bound(series)
    middle, half = float(series.mean()), _half(series.size, float(series.std(ddof=1)), memory, alpha)
    return middle - half, middle + half, memory


def memory_bound(series: Array) -> float:
    """The largest lag-1 correlation that a series may well have, from 0 to `MOST_MEMORY`."""
    return _bound(series.size, _memory(series))


def points_needed(series: Array, alpha: float, limit: float) -> int | None:
    """How many points such a series must have until half the interval of its mean is half of `limit`.

    A candidate as good as its control then passes as a rule, and one that is worse by twice the limit fails. None where
    a million would not do.
    """
    spread, memory = float(series.std(ddof=1)), _memory(series)
    low, high = series.size, series.size
    while _half(high, spread, _bound(high, memory), alpha) > limit / 2:
        low, high = high, 2 * high
        if high > MOST_POINTS:
            return None
    while high - low > max(1, low // 50):
        middle = (low + high) // 2
        wide = _half(middle, spread, _bound(middle, memory), alpha) > limit / 2
        low, high = (middle, high) if wide else (low, middle)
    return high


def _half(n: int, spread: float, memory: float, alpha: float) -> float:
    """Student's half width for as many independent points as `n` with this memory are worth."""
    effective = max(3.0, n * (1 - memory) / (1 + memory))
    return float(scipy.special.stdtrit(effective - 1, 1 - alpha)) * spread * math.sqrt((1 + memory) / (1 - memory) / n)


def _memory(series: Array) -> float:
    """The lag-1 correlation, corrected for its bias."""
    around = series - series.mean()
    total = float(np.dot(around, around))
    raw = float(np.dot(around[1:], around[:-1])) / total if total else 0.0
    return raw + (1 + 3 * raw) / series.size if total else 0.0


def _bound(n: int, memory: float) -> float:
    """The upper bound of a correlation that was estimated from `n` points."""
    return min(MOST_MEMORY, max(0.0, memory + BOUND_AT * math.sqrt(max(0.0, 1 - memory**2) / n)))


def _judged(metric: str, ours: Array, theirs: Array, share: float, worse: Worse, alpha: float) -> MetricVerdict:
    sign = -1.0 if worse == "lower" or (worse == "either" and ours.mean() < theirs.mean()) else 1.0
    difference = sign * (ours - theirs)
    alpha = alpha / 2 if worse == "either" else alpha
    low, high, memory = mean_interval(difference, alpha)
    middle, control = float(difference.mean()), float(theirs.mean())
    limit = share * abs(control)
    verdict: Word = "pass" if high <= limit else "fail" if low > 0 and middle > limit else "inconclusive"
    needed = points_needed(difference, alpha, limit) if verdict == "inconclusive" else None
    return MetricVerdict(metric, verdict, middle, (low, high), limit, control, difference.size, memory, needed)


def _paired(metric: str, ours: Sequence[float], theirs: Sequence[float]) -> tuple[Array, Array]:
    one, other = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape or one.size < FEWEST_POINTS:
        shapes = f"{one.size} of the candidate and {other.size} of the control"
        raise ValueError(f"{metric}: expected as many points of both, at least {FEWEST_POINTS}; got {shapes}")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise ValueError(f"{metric}: every point must be a finite number")
    return one, other
