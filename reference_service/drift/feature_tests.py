"""The tests of one feature: seven for a number, three for a category, each with the smallest effect that matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from reference_service.drift import two_sample
from reference_service.drift.profile import CategoricalProfile, NumericProfile
from reference_service.drift.two_sample import Numbers, Pooled
from reference_service.model.columns import Cell


class Outcome(NamedTuple):
    """One test. It speaks only if its effect is at least the floor: a p-value alone measures how much data there is."""

    test: str
    effect: float
    p_value: float
    floor: float


class NumericTests:
    """Position, spread, gaps, range and heaps of a number."""

    count = 7

    def __init__(self, profile: NumericProfile) -> None:
        self.profile = profile
        self.values, self.weights = profile.sample()
        self.atoms = dict(profile.atoms)
        self.exact = profile.exact

    def outcomes(self, column: Sequence[Cell]) -> list[Outcome]:
        """The tests of a column that is not empty."""
        numbers = np.array(column, dtype=np.float64)
        values = np.sort(numbers[~np.isnan(numbers)])
        missing = self.missing_rate(len(numbers) - len(values), len(numbers))
        if not len(values) or not len(self.values):
            return [missing]
        pooled = Pooled(values, self.values, self.weights)
        middle = pooled.median()
        spread = Pooled(np.abs(values - middle), np.abs(self.values - middle), self.weights)
        return [
            Outcome("kolmogorov_smirnov", *pooled.kolmogorov_smirnov(), 0.02),
            Outcome("wilcoxon", *pooled.wilcoxon(), 0.015),
            Outcome("spread_kolmogorov_smirnov", *spread.kolmogorov_smirnov(), 0.02),
            Outcome("spread_wilcoxon", *spread.wilcoxon(), 0.015),
            missing,
            self.out_of_range(values),
            self.heaps(pooled),
        ]

    def missing_rate(self, missing: int, n: int) -> Outcome:
        """More or fewer rows without a value."""
        profile = self.profile
        p_value = two_sample.fisher(missing, n, profile.missing, profile.rows)
        return Outcome("missing_rate", missing / n - profile.missing / profile.rows, p_value, 0.005)

    def out_of_range(self, values: Numbers) -> Outcome:
        """More values than training could leave beyond its own range."""
        profile, m = self.profile, self.profile.rows - self.profile.missing
        outside = int(np.count_nonzero((values < profile.low) | (values > profile.high)))
        excess, floor = outside / len(values) - 2 * profile.trim / (m + 1), 0.005
        p_value = two_sample.beyond_range(outside, len(values), profile.trim, m) if excess >= floor else 1.0
        return Outcome("out_of_range", excess, p_value, floor)

    def heaps(self, pooled: Pooled) -> Outcome:
        """Single values that are more or less frequent: sentinels, defaults, a constant."""
        n, m = round(pooled.n), round(pooled.m)
        theirs = pooled.theirs if self.exact else self.bounds(pooled)
        candidates = pooled.ours + theirs >= max(3.0, 0.01 * min(n, m))
        return telling("atoms", zip(pooled.ours[candidates], theirs[candidates], strict=True), n, m)

    def bounds(self, pooled: Pooled) -> Numbers:
        """Rows of training with each value, of which no more than a bound is known if the value is no atom."""
        bounds = np.where(pooled.ours > 0, float(self.profile.unlisted), 0.0)
        places = np.searchsorted(pooled.values, list(self.atoms))
        bounds[places] = list(self.atoms.values())
        return bounds


class CategoricalTests:
    """The levels of a category, of which nothing is one."""

    count = 3

    def __init__(self, profile: CategoricalProfile) -> None:
        self.profile = profile
        self.theirs = [profile.missing, *profile.levels.values()]

    def outcomes(self, column: Sequence[Cell]) -> list[Outcome]:
        """The tests of a column that is not empty."""
        profile, n, m = self.profile, len(column), self.profile.rows
        missing = column.count(None)
        counts = Counter(profile.level(cell) for cell in column if cell is not None)
        ours = [missing, *(counts.pop(level, 0) for level in profile.levels)]
        unseen = counts.total()
        table = [*zip(ours, self.theirs, strict=True), *((count, 0) for count in counts.values())]
        variation = sum(abs(one / n - other / m) for one, other in table) / 2
        excess = unseen / n - profile.singletons / m
        p_value = two_sample.fisher(unseen, n, profile.singletons, m) if unseen and excess > 0 else 1.0
        return [
            Outcome("chi_square", variation, two_sample.chi_square(table), 0.02),
            telling("level", table, n, m),
            Outcome("unseen_levels", excess, p_value, 0.002),
        ]


def telling(test: str, counts: Iterable[tuple[float, float]], n: int, m: int) -> Outcome:
    """Of several counts among n and among m rows the pair that differs most surely; the p-value allows for the choice.

    Pairs that differ by less than the floor are not computed: they could not speak.
    """
    best, floor = Outcome(test, 0.0, 1.0, 0.01), 0.01
    pairs = [(int(one), int(other)) for one, other in counts]
    for one, other in pairs:
        difference = one / n - other / m
        if abs(difference) >= floor:
            p_value = two_sample.fisher(one, n, other, m) * len(pairs)
            if p_value < best.p_value:
                best = Outcome(test, difference, p_value, floor)
    return best
