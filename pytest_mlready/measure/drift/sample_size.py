"""How many rows it takes to see the smallest shift that matters."""

from __future__ import annotations

import math

import scipy

from pytest_mlready.measure.drift.numbers import TESTS

POWER_Z = 2.33
"""Of the shifts at exactly the smallest size that matters, 99% are seen."""


def rows_needed(columns: int, smallest_shift: float, alpha: float = 0.01) -> float:
    """n * m / (n + m) for samples of n and m rows, so that a pass means something (Wilcoxon's test, Noether 1987).

    Args:
        columns: how many are tested together.
        smallest_shift: the smallest shift of a mean that matters, in standard deviations.
        alpha: of all columns together.
    """
    area = float(scipy.special.ndtr(smallest_shift / math.sqrt(2))) - 0.5
    z = -float(scipy.special.ndtri(alpha / (2 * TESTS * columns)))
    return (z + POWER_Z) ** 2 / (12 * area**2)


def effective(n: float, other_n: float) -> float:
    """n * m / (n + m): the size of a sample that is compared with a known distribution, and as informative."""
    return n * other_n / (n + other_n) if n and other_n else 0.0


def current_needed(needed: float, reference: float) -> int | None:
    """Rows of current data beside a reference of so many; None where no number of them is enough."""
    return math.ceil(needed * reference / (reference - needed)) if reference > needed else None
