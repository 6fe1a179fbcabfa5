"""Which of two models is right more often, on the same rows: Tango's score test and interval.

T. Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample design,
Statistics in Medicine 17 (1998) 891-908. Only the rows count on which one model is right and the other is not; the
error rates hold from about 50 rows on, and where no such row was seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy

from pytest_mlready.measure.estimates import MOST_ROWS, Estimate

ALPHA_PASS = 0.01
"""A model that is worse by exactly the margin passes this often: a release gate is asked again and again."""
ALPHA_FAIL = 0.045
"""At the margin the score test is wrong a little more often than its level says, 5.4% of the time at 5%."""
POWER = 0.9
_EDGE = 1 - 1e-9


@dataclass(frozen=True)
class Difference(Estimate):
    """How much more often the first model is right; `discordant` is the share of rows that only one had right."""

    discordant: float = 0.0

    def needed(self, limit: float) -> int | None:
        """How many rows models need that are equally good and differ as often, to pass 9 times in 10; None: too many.

        That many rows make the standard error so small that the margin is as many of it as level and power ask for.
        """
        if limit >= 0:
            return super().needed(limit)
        z = scipy.special.ndtri(1 - ALPHA_PASS) + scipy.special.ndtri(POWER)
        rows = max(self.discordant, 1 / self.n) * (z / limit) ** 2
        return max(self.n + 1, math.ceil(rows)) if rows < MOST_ROWS else None


def difference(gained: int, lost: int, n: int) -> Difference:
    """How much more often the first of two models is right, after `n` rows.

    Args:
        gained: rows that only the first had right.
        lost: rows that only the second had right.

    Raises:
        ValueError: counts that cannot be.
    """
    _check(gained, lost, n)
    lower, upper = score_bounds(gained, lost, n, ALPHA_PASS, ALPHA_FAIL)
    return Difference((gained - lost) / n, lower, upper, n, (gained + lost) / n)


def score_bounds(
    gained: float, lost: float, n: float, alpha: float, alpha_upper: float | None = None
) -> tuple[float, float]:
    """One-sided lower and upper bound on P(only the first is right) - P(only the second is right).

    Counts may be fractions, for effective counts of dependent rows.
    """
    low, high = scipy.special.ndtri(1 - alpha), scipy.special.ndtri(1 - (alpha if alpha_upper is None else alpha_upper))
    return _where(gained, lost, n, low), _where(gained, lost, n, -high)


def score(gained: float, lost: float, n: float, assumed: float) -> float:
    """Tango's statistic, standard normal if the difference is the assumed one, in (-1, 1)."""
    # The most likely share of lost rows under the assumption: the larger root of a quadratic (his equation 8).
    a, c = 2 * n, -lost * assumed * (1 - assumed)
    b = (2 * n - gained + lost) * assumed - gained - lost
    most_likely = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = n * (2 * most_likely + assumed * (1 - assumed))
    distance = gained - lost - n * assumed
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _where(gained: float, lost: float, n: float, z: float) -> float:
    """The difference at which the statistic, which falls in it, is z; an end of [-1, 1] where it never is."""

    from scipy.optimize import brentq  # as long to import as all else here

    def off(assumed: float) -> float:
        return score(gained, lost, n, assumed) - z

    if off(-_EDGE) <= 0:
        return -1.0
    return 1.0 if off(_EDGE) >= 0 else float(brentq(off, -_EDGE, _EDGE, xtol=1e-12))


def _check(gained: int, lost: int, n: int) -> None:
    if min(gained, lost) < 0 or n < 1 or gained + lost > n:
        raise ValueError(f"needs 0 <= gained + lost <= n and n > 0, not gained={gained}, lost={lost}, n={n}")
