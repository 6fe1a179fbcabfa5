"""Tests of whether two samples come from one distribution, with p-values that hold far out in the tail.

Formulae: Kolmogorov–Smirnov by the limit law of D·sqrt(n·m/(n+m)); Wilcoxon–Mann–Whitney by the normal law with the
correction for ties; counts by Fisher's exact test; values out of range by the law of order statistics (the mass beyond
them is Beta distributed, whatever the distribution, so the count beyond them is beta-binomial).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

Numbers = NDArray[np.float64]
SPARSE = 5.0
"""Cells of a contingency table that are expected to hold less are taken together."""


class Pooled:
    """Two samples laid over each other: their counts at every distinct value, and at all values up to it.

    Args:
        ours: values; fastest if both samples come in order.
        theirs, weights: values, and how many rows each stands for.
    """

    def __init__(self, ours: Numbers, theirs: Numbers, weights: Numbers) -> None:
        values = np.concatenate([ours, theirs])
        order = np.argsort(values, kind="stable")  # which merges runs that are in order
        values = values[order]
        last = np.append(values[1:] != values[:-1], True)  # of each group of equal values
        self.values = values[last]
        self.ours_below = np.cumsum(order < len(ours))[last].astype(np.float64)
        self.theirs_below = np.cumsum(np.concatenate([np.zeros(len(ours)), weights])[order])[last]
        self.ours, self.theirs = _steps(self.ours_below), _steps(self.theirs_below)
        self.n, self.m = float(self.ours_below[-1]), float(self.theirs_below[-1])

    def kolmogorov_smirnov(self) -> tuple[float, float]:
        """Largest distance between the distribution functions, and its p-value."""
        distance = float(np.abs(self.ours_below / self.n - self.theirs_below / self.m).max())
        return distance, float(special.kolmogorov(distance * math.sqrt(effective(self.n, self.m))))

    def wilcoxon(self) -> tuple[float, float]:
        """P(ours > theirs) + P(equal)/2 - 1/2, and its two-sided p-value."""
        shift = float(self.ours @ (self.theirs_below - self.theirs / 2)) / (self.n * self.m) - 0.5
        total, each = self.n + self.m, self.ours + self.theirs
        tied = float(each @ (each * each)) - total
        variance = (total + 1 - tied / (total * (total - 1))) / (12 * self.n * self.m)
        return shift, float(2 * special.ndtr(-abs(shift) / math.sqrt(variance))) if variance > 0 else 1.0

    def median(self) -> float:
        """Of both samples together."""
        halves = self.ours_below + self.theirs_below
        return float(self.values[np.searchsorted(halves, halves[-1] / 2)])


def effective(n: float, m: float) -> float:
    """The size at which a comparison of n with m rows is as sharp as that of n rows with a known distribution."""
    return n * m / (n + m)


def fisher(hits: int, n: int, their_hits: int, m: int) -> float:
    """Two-sided p-value of `hits` among n against `their_hits` among m: all tables that are no likelier than this."""
    both = hits + their_hits
    if both in {0, n + m}:
        return 1.0
    logs = _log_choose(n, np.arange(max(0, both - m), min(both, n) + 1, dtype=np.float64), both, m)
    observed = logs[hits - max(0, both - m)]
    scaled = np.exp(logs - logs.max())
    return float(scaled[logs <= observed + 1e-7].sum() / scaled.sum())


def beyond_range(outside: int, n: int, trim: int, m: int) -> float:
    """P(at least `outside` of n rows lie outside the trim-th smallest and largest of m earlier rows)."""
    a, b = 2.0 * trim, m + 1.0 - 2.0 * trim
    if b <= 0 or outside <= 0:
        return 1.0
    k = np.arange(outside, n + 1, dtype=np.float64)
    logs = special.gammaln(n + 1.0) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    logs = logs + special.betaln(k + a, n - k + b) - special.betaln(a, b)
    return min(1.0, float(np.exp(logs).sum()))


def chi_square(counts: Sequence[tuple[int, int]]) -> float:
    """p-value of a table of our and their counts, both of them samples; sparse cells are taken together."""
    table = np.array(counts, dtype=np.float64).T
    rows = table.sum(axis=1)
    sparse = table.sum(axis=0) * rows.min() / rows.sum() < SPARSE
    table = np.column_stack([table[:, ~sparse], table[:, sparse].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    expected = np.outer(rows, table.sum(axis=0)) / rows.sum()
    freedom = table.shape[1] - 1
    return float(special.chdtrc(freedom, ((table - expected) ** 2 / expected).sum())) if freedom > 0 else 1.0


def _log_choose(n: int, k: Numbers, both: int, m: int) -> Numbers:
    inside = special.gammaln(k + 1) + special.gammaln(n - k + 1)
    found: Numbers = -inside - special.gammaln(both - k + 1) - special.gammaln(m - both + k + 1)
    return found


def _steps(below: Numbers) -> Numbers:
    steps = below.copy()
    steps[1:] -= below[:-1]
    return steps
