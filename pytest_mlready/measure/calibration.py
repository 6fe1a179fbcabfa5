"""Do probabilities mean what they say? Reliability bins, Spiegelhalter's test, and calibration error with bounds.

The expected calibration error of a sample is never zero, for a perfect model neither: 0.1 at 100 rows in 10 bins. So it
is compared with what chance alone makes of it, by a parametric bootstrap; what is left is the debiased error.

D. Spiegelhalter, Probabilistic prediction in patient management and clinical trials, Statistics in Medicine 5 (1986)
421-433. J. Bröcker and L. Smith, Increasing the reliability of reliability diagrams, Weather and Forecasting 22 (2007)
651-661, for resampling under perfect calibration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from pytest_mlready.measure.entities import Clusters, design_effect
from pytest_mlready.measure.estimates import Estimate
from pytest_mlready.measure.proportions import Word, lower_bound, upper_bound

BINS = 10
ALPHA_NOT_PERFECT = 0.01
DRAWS = 1000
_AT_ONCE = 2_000_000
"""Uniform numbers drawn at a time: 16 MB."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """Rows of about the same probability: their number, the mean of what was said, and how often it came true."""

    n: int
    said: float
    came: float


@dataclass(frozen=True)
class Calibration:
    """What is known of a model's calibration.

    `error` is the expected calibration error with its bounds, debiased; `seen` the same as seen, which chance inflates.
    `z` is Spiegelhalter's statistic; `p_spiegelhalter` and `p_bootstrap` say how often a perfect model looks this bad.
    """

    bins: tuple[Bin, ...]
    seen: float
    error: Estimate
    z: float
    p_spiegelhalter: float
    p_bootstrap: float

    def at_most(self, limit: float) -> Word:
        """fail: provably not perfect, and off by more than the limit; pass: off by no more."""
        word = self.error.at_most(limit)
        perfect = min(self.p_spiegelhalter, self.p_bootstrap) > ALPHA_NOT_PERFECT / 2
        return "inconclusive" if word == "fail" and perfect else word


def calibration(
    said: ArrayLike,
    came: ArrayLike,
    *,
    clusters: Clusters = None,
    bins: int = BINS,
    alpha: float = 0.05,
    seed: int = 0,
) -> Calibration:
    """Judge probabilities by what came true.

    Rows of one entity come true together: by their design effects within bins and over all, fewer rows count.

    Args:
        said: the probability of each row, shape (n,).
        came: whether it came true, shape (n,), 0 or 1.
        clusters: the entity of each row, shape (n,), where rows of one entity resemble each other.
        bins: how many; of about equal numbers of rows.
        alpha: how often either bound of the error may be wrong.

    Raises:
        ValueError: no rows, other shapes, or a probability outside [0, 1].
    """
    p, y = np.asarray(said, float), np.asarray(came, float)
    if p.ndim != 1 or p.shape != y.shape or p.size == 0 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"needs probabilities in [0, 1] and outcomes of one length, not shapes {p.shape}, {y.shape}")
    held = _bins(p, bins)
    counts = np.bincount(held).astype(float)
    said_mean, came_mean = np.bincount(held, p) / counts, np.bincount(held, y) / counts
    shares = counts / p.size
    seen = float(shares @ np.abs(said_mean - came_mean))
    rng = np.random.default_rng(seed)
    off = y - p
    together = None if clusters is None else np.unique(clusters, return_inverse=True)[1] * counts.size + held
    effect = design_effect(off - (came_mean - said_mean)[held], together)
    perfect = _errors_if_perfect(p, held, counts, rng) * effect**0.5
    z = spiegelhalter_z(p, y) / design_effect(off * (1 - 2 * p), clusters) ** 0.5
    rows = p.size / design_effect(off, clusters)
    lower, upper = _bounds(seen, counts / effect, said_mean, came_mean, alpha, rng, rows)
    debiased = max(0.0, seen - float(perfect.mean()))
    return Calibration(
        tuple(Bin(int(n), float(s), float(c)) for n, s, c in zip(counts, said_mean, came_mean, strict=True)),
        seen,
        Estimate(debiased, min(lower, debiased), max(upper, debiased), p.size),
        z,
        float(2 * scipy.special.ndtr(-abs(z))),
        float((1 + np.count_nonzero(perfect >= seen)) / (1 + perfect.size)),
    )


def spiegelhalter_z(said: Array, came: Array) -> float:
    """Standard normal for a perfectly calibrated model; an overconfident one makes it large and positive."""
    weight = 1 - 2 * said
    variance = float(np.sum(weight**2 * said * (1 - said)))
    distance = float(np.sum((came - said) * weight))
    if variance <= 0:
        return 0.0 if abs(distance) < 1e-9 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _bins(p: Array, wanted: int) -> NDArray[np.intp]:
    """The bin of each row: equal probabilities share one, whatever the order of the rows."""
    edges = np.unique(np.quantile(p, np.linspace(0, 1, wanted + 1)[1:-1]))
    _, held = np.unique(np.searchsorted(edges, p, side="left"), return_inverse=True)
    return held.astype(np.intp)


def _errors_if_perfect(p: Array, held: NDArray[np.intp], counts: Array, rng: np.random.Generator) -> Array:
    """Calibration errors of samples whose outcomes are drawn with the probabilities that the model said, (DRAWS,)."""
    order = np.argsort(held, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp)
    sorted_p = p[order]
    expected = np.add.reduceat(sorted_p, starts)
    rows = max(1, _AT_ONCE // p.size)
    made = []
    for begin in range(0, DRAWS, rows):
        drawn = rng.random((min(rows, DRAWS - begin), p.size)) < sorted_p
        made.append(np.abs(np.add.reduceat(drawn, starts, axis=1, dtype=float) - expected).sum(axis=1) / p.size)
    return np.concatenate(made)


def _bounds(
    seen: float, counts: Array, said: Array, came: Array, alpha: float, rng: np.random.Generator, rows: float
) -> tuple[float, float]:
    """Bounds on the true error of these bins.

    Lower: the seen error exceeds the true one by no more than the absolute noise of all bins (triangle inequality).
    Upper: of all models with a given true error, the one whose gaps are proportional to the standard errors of the
    bins is the likeliest to look as good as this (by convexity of E|gap + noise|); the bound is the error of the one
    that looks as good once in 2/alpha times. Bins of few rows are not normal: so it is no less than the seen error,
    nor than what an exact bound on the share of all rows that came true leaves possible. `counts` and `rows`, those of
    the bins and of all, are of independent rows.
    """
    shares = counts / counts.sum()
    rates = (came * counts + 1) / (counts + 2)
    whole = np.maximum(1, np.round(counts)).astype(int)
    noise = rng.binomial(whole, rates, size=(DRAWS, counts.size)) / whole - rates
    lower = seen - float(np.quantile(np.abs(noise) @ shares, 1 - alpha))
    scale = shares * np.sqrt(rates * (1 - rates) / counts)
    normal = rng.standard_normal((DRAWS, counts.size))

    def looks_as_good(times: float) -> bool:
        return float(np.quantile(np.abs(normal + times) @ scale, alpha / 2)) <= seen

    low, high = 0.0, 1.0
    while looks_as_good(high):
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if looks_as_good(middle) else (low, middle)
    k, overall = min(1.0, float(shares @ came)) * rows, float(shares @ said)
    possible = max(overall - lower_bound(k, rows, alpha / 2), upper_bound(k, rows, alpha / 2) - overall)
    return max(0.0, lower), min(1.0, max(seen, high * float(scale.sum()), possible))
