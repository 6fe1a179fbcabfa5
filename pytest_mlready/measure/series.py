"""The mean of a series whose neighbours may be correlated."""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import NDArray

_MOST_CORRELATED = 0.95
NOTHING = 1e-12
"""A difference of shares that is rounding."""


def mean_of(series: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean, its standard error and the effective size of a series whose neighbours may be correlated.

    As an AR(1) process of correlation r, n values are worth n(1 − r)/(1 + r). The sample's r is too small by about
    (1 + 3r)/n (Kendall, Biometrika 1954); negative ones are taken as none.
    """
    n, mean = series.size, float(series.mean())
    centred = series - mean
    squares = float(np.square(centred).sum())
    if squares / n <= NOTHING**2:
        return mean, 0.0, n
    r = float((centred[1:] * centred[:-1]).sum()) / squares
    r = min(r + (1 + 3 * r) / n, _MOST_CORRELATED) if r > 0 else 0.0
    effective = max(n * (1 - r) / (1 + r), 2.0)
    return mean, math.sqrt(squares / n / (1 - 1 / effective) / effective), effective


def mean_interval(series: NDArray[np.float64], confidence: float = 0.95) -> tuple[float, float]:
    """A two-sided interval for the mean: Student's t on the effective size. Unbounded for fewer than two values."""
    if series.size < 2:
        return -math.inf, math.inf
    mean, error, n = mean_of(series)
    width = float(scipy.special.stdtrit(n - 1, 0.5 + confidence / 2)) * error if error else 0.0
    return mean - width, mean + width
