"""How far the rates of groups lie apart: simultaneous intervals for all pairs.

A. Agresti and B. Caffo, Simple and effective confidence intervals for proportions and differences of proportions,
The American Statistician 54 (2000) 280-288. The largest gap among groups is a maximum, whose bootstrap interval lies
above zero also where all groups are equal; intervals of pairs do not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import scipy

from pytest_mlready.measure.estimates import Estimate
from pytest_mlready.measure.proportions import Word


@dataclass(frozen=True)
class Gap:
    """How far two groups' rates of one kind are apart, in absolute value; `n` of the estimate is the smaller group."""

    rate: str
    first: str
    second: str
    apart: Estimate


def gaps(rates: Mapping[str, Mapping[str, tuple[float, float]]], alpha: float = 0.05) -> list[Gap]:
    """The gap of every pair of groups in every rate, the surest first.

    The lower bounds hold together at 1 - alpha, whichever group has the higher rate (Bonferroni), for one of them is
    enough to blame somebody. The upper bounds hold each: all of them have to keep a limit, so a single wrong one passes
    nobody (an intersection-union test, R. Berger 1982).

    Args:
        rates: by name of the rate and of the group, how many rows count and of how many; fractions, for effective
            counts of dependent rows.
    """
    pairs = [
        (rate, one, other)
        for rate, groups in rates.items()
        for one, other in combinations([group for group, (_, n) in groups.items() if n], 2)
    ]
    if not pairs:
        return []
    low, high = scipy.special.ndtri(1 - alpha / (2 * len(pairs))), scipy.special.ndtri(1 - alpha)
    found = [
        Gap(rate, one, other, apart(rates[rate][one], rates[rate][other], low, high)) for rate, one, other in pairs
    ]
    return sorted(found, key=lambda gap: (gap.apart.lower, gap.apart.upper), reverse=True)


def apart(first: tuple[float, float], second: tuple[float, float], z_lower: float, z_upper: float) -> Estimate:
    """|p1 - p2| of two independent groups, each as (k, n), with one success and one failure more in either."""
    (k1, n1), (k2, n2) = first, second
    p1, p2 = (k1 + 1) / (n1 + 2), (k2 + 1) / (n2 + 2)
    error = math.sqrt(p1 * (1 - p1) / (n1 + 2) + p2 * (1 - p2) / (n2 + 2))
    centre = abs(p1 - p2)
    lower, upper = max(0.0, centre - z_lower * error), min(1.0, centre + z_upper * error)
    return Estimate(min(max(abs(k1 / n1 - k2 / n2), lower), upper), lower, upper, max(1, round(min(n1, n2))))


def judge_gaps(found: list[Gap], limit: float) -> Word:
    """fail: one gap is provably larger than the limit; pass: all are provably not; without any, inconclusive."""
    words = {gap.apart.at_most(limit) for gap in found}
    if "fail" in words:
        return "fail"
    return "pass" if words == {"pass"} else "inconclusive"
