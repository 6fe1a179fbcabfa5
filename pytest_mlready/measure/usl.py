"""How throughput grows with concurrency: the Universal Scalability Law, fitted with intervals.

Gunther, Guerrilla Capacity Planning (2007), chapter 4: X(N) = gN / (1 + a(N − 1) + bN(N − 1)). `a` is contention
(the part that waits for its turn), `b` coherency (what each pays for each other). Without `b` throughput levels off;
with it there is a concurrency beyond which more load yields less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Interval = tuple[float, float]

_FEWEST_LOADS = 4
_PARAMETERS = 3
_TAIL = 0.8
"""Part of the misses allowed that the percentiles may use: at 1, 95% intervals of eight loads cover 93.8% to 95.2%."""
_LARGEST_SPREAD = 0.5
"""Relative; with one degree of freedom left a resample's error could be of any size."""
_ACTIVE: tuple[tuple[int, ...], ...] = ((0,), (0, 1), (0, 2), (0, 1, 2))
"""Which of 1/g, a/g and b/g may differ from zero."""


@dataclass(frozen=True)
class Scalability:
    """A fitted Universal Scalability Law; throughputs in requests/s, intervals two-sided.

    `single` is g, the throughput of one client; `contention` a; `coherency` b. `knee` is the concurrency of highest
    throughput, sqrt((1 − a)/b), and `peak` the throughput there; without coherency the knee is infinite and the peak
    what throughput tends to, g/a. `spread` is the relative standard deviation of the measurements around the curve.
    """

    single: float
    contention: float
    coherency: float
    knee: float
    peak: float
    single_interval: Interval
    contention_interval: Interval
    coherency_interval: Interval
    knee_interval: Interval
    peak_interval: Interval
    spread: float
    measured: Interval

    @property
    def knee_was_measured(self) -> bool:
        """Whether the knee lies among the loads that were measured; if not, it and the peak are extrapolated."""
        return self.measured[0] <= self.knee <= self.measured[1]

    @property
    def summary(self) -> str:
        """The knee and the peak in one sentence, saying so where they are extrapolated."""
        low, high = self.knee_interval
        peak = f"peak {self.peak:.4g} requests/s [{self.peak_interval[0]:.4g}, {self.peak_interval[1]:.4g}]"
        knee = f"{peak} at {self.knee:.3g} clients [{low:.3g}, {high:.3g}]"
        if self.knee_was_measured:
            return knee
        return f"{knee}: outside of the {self.measured[0]:g} to {self.measured[1]:g} that were measured, extrapolated"

    def throughput(self, clients: ArrayLike) -> Array:
        """What the law gives at these concurrencies, in requests/s; the shape of `clients`."""
        n = np.asarray(clients, dtype=np.float64)
        curve: Array = self.single * n / (1 + self.contention * (n - 1) + self.coherency * n * (n - 1))
        return curve


def fit_usl(
    clients: ArrayLike, throughput: ArrayLike, *, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Scalability:
    """Fit the law to throughputs (requests/s) measured at concurrencies `clients`, both of shape (n,).

    Minimises the squares of the relative errors X / X(N) − 1 over g > 0, a >= 0, b >= 0: throughputs vary in
    proportion to themselves. Written in 1/g, a/g and b/g these errors are linear, so the minimum is found exactly and
    without starting values, as the best of the least-squares fits with each set of coefficients held at zero.

    The intervals are percentiles of a parametric bootstrap (Efron and Tibshirani 1993, 6.5) with normal relative
    errors. Each resample draws its error's size, too, from what n − 3 degrees of freedom leave open; without that the
    intervals of eight loads would cover 88% instead of 95%.

    Raises:
        ValueError: unequal shapes, fewer than 4 distinct loads, or a load or throughput that is not positive and
            finite.
    """
    n, x = np.asarray(clients, dtype=np.float64), np.asarray(throughput, dtype=np.float64)
    _check(n, x, confidence, resamples)
    best = _fit(n, x[None, :])
    freedom = n.size - _PARAMETERS
    spread = math.sqrt(float(np.square(x * (_columns(n) @ best[0]) - 1).sum()) / freedom)
    # Resampled around the fit without bounds: around one that a bound holds, intervals miss twice as often.
    inverse = _columns(n) @ _solve(n, x[None, :], _ACTIVE[-1])[0]
    expected = 1 / (inverse if (inverse > 0).all() else _columns(n) @ best[0])
    rng = np.random.default_rng(seed)
    sizes = np.minimum(spread * np.sqrt(freedom / rng.chisquare(freedom, resamples)), _LARGEST_SPREAD)
    # As the logarithm of a throughput; a relative error itself could be below −1.
    errors = np.exp(sizes[:, None] * rng.standard_normal((resamples, n.size)))
    low, high = _intervals(n, expected * errors, confidence)
    ends = [(float(one), float(other)) for one, other in zip(low, high, strict=True)]
    single, contention, coherency, knee, peak = (float(one) for one in _described(best)[0])
    return Scalability(
        single=single,
        contention=contention,
        coherency=coherency,
        knee=knee,
        peak=peak,
        single_interval=ends[0],
        contention_interval=ends[1],
        coherency_interval=ends[2],
        knee_interval=ends[3],
        peak_interval=ends[4],
        spread=spread,
        measured=(float(n.min()), float(n.max())),
    )


def _intervals(n: Array, drawn: Array, confidence: float) -> tuple[Array, Array]:
    """Lower and upper ends for g, a, b, the knee and the peak from resampled throughputs of shape (m, n).

    Where a coefficient may be zero, its law without it may be the true one: the intervals of both are joined. The
    percentiles of the full law alone would miss a peak without coherency in 10% of the cases instead of 5%.
    """
    low, high = _percentiles(_fit(n, drawn), confidence)
    needed = [low[1] > 0, low[2] > 0]
    for active in _ACTIVE[:-1]:
        if all(column in active or not needed[column - 1] for column in (1, 2)):
            without = _solve(n, drawn, active)
            lower, upper = _percentiles(np.maximum(without[without[:, 0] > 0], 0), confidence)
            low, high = np.minimum(low, lower), np.maximum(high, upper)
    return low, high


def _percentiles(coefficients: Array, confidence: float) -> tuple[Array, Array]:
    # Draws, not values between two of them: one may be infinite.
    ordered = np.sort(_described(coefficients), axis=0)
    last, tail = ordered.shape[0] - 1, _TAIL * (1 - confidence) / 2
    return ordered[math.floor(tail * last)], ordered[math.ceil((1 - tail) * last)]


def _check(n: Array, x: Array, confidence: float, resamples: int) -> None:
    if n.ndim != 1 or n.shape != x.shape:
        raise ValueError(f"needs one throughput for each load, not shapes {n.shape} and {x.shape}")
    for name, values in (("load", n), ("throughput", x)):
        if not np.all(np.isfinite(values) & (values > 0)):
            raise ValueError(f"every {name} must be positive and finite, not {values.tolist()!r}")
    if np.unique(n).size < _FEWEST_LOADS:
        raise ValueError(f"three coefficients need at least {_FEWEST_LOADS} distinct loads, not {np.unique(n).size}")
    if not 0 < confidence < 1 or resamples < 100:
        raise ValueError(f"needs 0 < confidence < 1 and 100 resamples, not {confidence!r} and {resamples!r}")


def _fit(n: Array, x: Array) -> Array:
    """The best (1/g, a/g, b/g) that keeps the bounds, shape (m, 3), for throughputs of shape (m, n)."""
    best, least = np.zeros((x.shape[0], 3)), np.full(x.shape[0], math.inf)
    for active in _ACTIVE:
        found = _solve(n, x, active)
        squares = np.square(x * (found @ _columns(n).T) - 1).sum(axis=1)
        better = (found >= 0).all(axis=1) & (squares < least)
        best[better], least[better] = found[better], squares[better]
    return best


def _solve(n: Array, x: Array, active: tuple[int, ...]) -> Array:
    """As `_fit`, without bounds and with the coefficients that are not `active` at zero."""
    columns = _columns(n)[:, active]
    scale = columns.max(axis=0)
    design = x[:, :, None] * (columns / scale)
    normal, right = np.swapaxes(design, 1, 2) @ design, design.sum(axis=1)
    found = np.zeros((x.shape[0], 3))
    found[:, active] = np.linalg.solve(normal, right[:, :, None])[:, :, 0] / scale
    return found


def _columns(n: Array) -> Array:
    """1 / X(N) is the sum of these, weighted by 1/g, a/g and b/g; shape (n, 3)."""
    return np.column_stack([1 / n, (n - 1) / n, n - 1])


def _described(coefficients: Array) -> Array:
    """g, a, b, the knee and the peak of each (1/g, a/g, b/g); shape (m, 5)."""
    single = 1 / coefficients[:, 0]
    a, b = coefficients[:, 1] * single, coefficients[:, 2] * single
    with np.errstate(divide="ignore", invalid="ignore"):
        # A single client is the least load there is.
        knee = np.where(b > 0, np.sqrt(np.maximum(1 - a, 0) / b), np.where(a < 1, math.inf, 1.0))
        knee = np.maximum(knee, 1.0)
        at_knee = single * knee / (1 + a * (knee - 1) + b * knee * (knee - 1))
        peak = np.where(np.isinf(knee), np.where(a > 0, single / a, math.inf), at_knee)
    return np.column_stack([single, a, b, knee, peak])
