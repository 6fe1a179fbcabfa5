"""An estimate with a bound on either side, and the three-way verdict that follows from where a limit lies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_mlready.measure.proportions import Word, judge_rate, lower_bound, upper_bound

MOST_ROWS = 10_000_000
"""A number of rows beyond this decides nothing for anybody."""


@dataclass(frozen=True)
class Estimate:
    """A value seen on `n` rows with a lower and an upper bound, each of them wrong at most at its own stated rate."""

    value: float
    lower: float
    upper: float
    n: int

    def at_least(self, limit: float) -> Word:
        """pass: the lower bound reaches the limit; fail: the upper bound does not."""
        if self.lower >= limit:
            return "pass"
        return "fail" if self.upper < limit else "inconclusive"

    def at_most(self, limit: float) -> Word:
        """pass: the upper bound keeps within the limit; fail: the lower bound does not."""
        return self.negated().at_least(-limit)

    def needed(self, limit: float) -> int | None:
        """How many rows would decide on which side of the limit it is if what was seen went on; None: no number.

        Bounds come nearer with the root of the number of rows.
        """
        apart, width = self.value - limit, self.value - self.lower
        if apart < 0:
            width = self.upper - self.value
        if apart == 0 or not math.isfinite(width):
            return None
        rows = self.n * (width / apart) ** 2
        return max(self.n + 1, math.ceil(rows)) if rows < MOST_ROWS else None

    def negated(self) -> Estimate:
        """The estimate of what is smaller the larger this is."""
        return Estimate(-self.value, -self.upper, -self.lower, self.n)


@dataclass(frozen=True)
class Share(Estimate):
    """A share of rows, `k` of `n`, with exact bounds (Clopper and Pearson 1934)."""

    k: float = 0.0
    alpha: float = 0.05

    def needed(self, limit: float) -> int | None:
        """As for any estimate, but exactly: the bounds of a share near 0 or 1 come nearer faster."""
        if not 0 < limit < 1:
            return super().needed(limit)
        missed = round(self.n - self.k)
        return judge_rate(missed, self.n, 1 - limit, self.alpha).n_needed


def share(k: float, n: float, alpha: float = 0.05, alpha_upper: float | None = None) -> Share:
    """`k` of `n` rows; either may be a fraction, for effective counts of dependent rows.

    Args:
        alpha: how often the lower bound may be wrong, and the upper one unless `alpha_upper` is given.

    Raises:
        ValueError: counts that cannot be.
    """
    upper = upper_bound(k, n, alpha if alpha_upper is None else alpha_upper)
    return Share(k / n, lower_bound(k, n, alpha), upper, max(1, round(n)), k, alpha)
