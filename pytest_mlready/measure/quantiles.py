"""Quantiles of a sample, and how far they can be trusted."""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import ArrayLike


def quantile(values: ArrayLike, q: float) -> float:
    """The smallest value that at least a share `q` of all values does not exceed (inverse of the empirical CDF).

    No interpolation, so that it agrees with "the share of values above it is at most 1 − q". Infinite values are
    allowed: a request that was never answered is slower than any other.

    Raises:
        ValueError: no values, a NaN among them, or `q` outside (0, 1].
    """
    ordered = _ordered(values)
    if not 0 < q <= 1:
        raise ValueError(f"q must be in (0, 1], not {q!r}")
    return float(ordered[_rank(ordered.size, q) - 1])


def order_statistic_interval(values: ArrayLike, q: float, confidence: float = 0.95) -> tuple[float, float]:
    """A two-sided interval for the `q` quantile of independent values, without assuming a distribution.

    [X_(l), X_(u)] with l and u from the quantiles of Binomial(n, q): David and Nagaraja, Order Statistics, 7.1.
    An end is infinite where so few values cannot bound it. Requests that wait behind one another are not independent:
    see `slo.judge_share` for those.

    Raises:
        ValueError: as `quantile`.
    """
    ordered = _ordered(values)
    if not 0 < q < 1 or not 0 < confidence < 1:
        raise ValueError(f"q and confidence must be in (0, 1), not {q!r} and {confidence!r}")
    n, tail = ordered.size, (1 - confidence) / 2
    low, high = _binomial_quantile(tail, n, q), _binomial_quantile(1 - tail, n, q) + 1
    return (
        float(ordered[low - 1]) if low >= 1 else -math.inf,
        float(ordered[high - 1]) if high <= n else math.inf,
    )


def _ordered(values: ArrayLike) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    ordered = np.sort(np.asarray(values, dtype=np.float64).ravel())
    if not ordered.size:
        raise ValueError("a quantile needs at least one value")
    if np.isnan(ordered[-1]):
        raise ValueError("a NaN has no place in an order")
    return ordered


def _rank(n: int, q: float) -> int:
    # 0.99 * 100 is 99.00000000000001 in binary: a count one too high without the tolerance.
    return max(1, math.ceil(n * q - 1e-9 * n))


def _binomial_quantile(probability: float, n: int, p: float) -> int:
    """Smallest k with P(Binomial(n, p) <= k) >= probability."""
    k = max(0, math.ceil(float(scipy.special.bdtrik(probability, n, p))))
    while k > 0 and float(scipy.special.bdtr(k - 1, n, p)) >= probability:
        k -= 1
    return k
