"""The area under the ROC curve with bounds, and the difference of two areas on the same rows.

E. DeLong, D. DeLong and D. Clarke-Pearson, Comparing the areas under two or more correlated receiver operating
characteristic curves, Biometrics 44 (1988) 837-845: an area is a mean over the rows of either kind, each of which has
its own part in it. Parts of the rows of one entity are added up before they are squared (N. Obuchowski, Biometrics 53
(1997) 567-578).
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import NDArray

from pytest_mlready.measure.estimates import Estimate
from pytest_mlready.measure.scored import Array

_EDGE = 1e-12


def area(said: Array, positive: NDArray[np.bool_]) -> float:
    """P(a positive row has the larger score), ties counting half. Raises ValueError where a kind is missing."""
    ones, zeros = _kinds(positive)
    ranks = _ranks(said)
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def area_bounds(
    said: Array, positive: NDArray[np.bool_], alpha: float, clusters: NDArray[np.intp] | None = None
) -> Estimate:
    """The area with one-sided bounds.

    Where rows are independent, by the score-like method 5 of R. Newcombe (Statistics in Medicine 25 (2006) 559-573),
    which holds near 1, too, where the estimate has no variance at all. Where they are not, DeLong's variance with
    entities added up, on the scale of the logit; an area of exactly 1 is then as sure as its entities are many.
    """
    value = area(said, positive)
    ones, zeros = _kinds(positive)
    z = float(scipy.special.ndtri(1 - alpha))
    if clusters is None:
        return Estimate(value, _newcombe(value, ones, zeros, -z), _newcombe(value, ones, zeros, z), positive.size)
    entities = np.unique(clusters).size
    error = math.sqrt(_variance(_parts(said, positive), clusters))
    if error < _EDGE or not 0 < value < 1:
        share = entities / positive.size
        return Estimate(
            value,
            _newcombe(value, max(1.0, ones * share), max(1.0, zeros * share), -z),
            _newcombe(value, max(1.0, ones * share), max(1.0, zeros * share), z),
            positive.size,
        )
    logit, expit = scipy.special.logit, scipy.special.expit
    centre, width = logit(value), z * error / (value * (1 - value))
    return Estimate(value, float(expit(centre - width)), float(expit(centre + width)), positive.size)


def area_difference(
    first: Array, second: Array, positive: NDArray[np.bool_], alpha: float, clusters: NDArray[np.intp] | None = None
) -> Estimate:
    """The first area less the second, on the same rows, with one-sided bounds (DeLong).

    Where all pairs are ranked rightly, or few otherwise than by the other, nothing is left that varies. So the width is
    at least that of E. Wilson's bound (1927) on a share of which none was seen among the rows of the rarer kind.
    """
    value = area(first, positive) - area(second, positive)
    parts = _parts(first, positive) - _parts(second, positive)
    error = math.sqrt(_variance(parts, np.arange(positive.size) if clusters is None else clusters))
    z = float(scipy.special.ndtri(1 - alpha))
    rarer = min(_kinds(positive)) * (1.0 if clusters is None else np.unique(clusters).size / positive.size)
    width = z * max(error, z / (rarer + z**2))
    return Estimate(value, max(-1.0, value - width), min(1.0, value + width), positive.size)


def _parts(said: Array, positive: NDArray[np.bool_]) -> Array:
    """What each row has to do with the area being above its mean, shape (n,); their sum is 0."""
    ones, zeros = _kinds(positive)
    ranks = _ranks(said)
    within = np.empty(said.size)
    within[positive], within[~positive] = _ranks(said[positive]), _ranks(said[~positive])
    others = ranks - within  # rows of the other kind below this one, ties counting half
    share = np.where(positive, others / zeros, 1 - others / ones)
    value = share[positive].mean()
    return np.asarray(np.where(positive, (share - value) / ones, (share - value) / zeros), float)


def _variance(parts: Array, clusters: NDArray[np.intp]) -> float:
    _, held = np.unique(clusters, return_inverse=True)
    sums = np.bincount(held, parts)
    return float(np.sum(sums**2)) * sums.size / max(1, sums.size - 1)


def _ranks(said: Array) -> Array:
    """From 1; ties share the mean of theirs."""
    _, held, counts = np.unique(said, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[held], float)


def _newcombe(value: float, ones: float, zeros: float, z: float) -> float:
    """The area from which the seen one is z standard errors away, by Hanley and McNeil's variance of that area."""
    from scipy.optimize import brentq  # as long to import as all else here

    half = (ones + zeros) / 2 - 1

    def error(theta: float) -> float:
        spread = 1 + half * (1 - theta) / (2 - theta) + half * theta / (1 + theta)
        return math.sqrt(max(0.0, theta * (1 - theta) * spread / (ones * zeros)))

    def off(theta: float) -> float:
        return theta - value - z * error(theta)

    inside = min(max(value, _EDGE), 1 - _EDGE)
    low, high = (_EDGE, inside) if z < 0 else (inside, 1 - _EDGE)
    if off(low) * off(high) > 0:
        return 0.0 if z < 0 else 1.0
    return float(brentq(off, low, high))


def _kinds(positive: NDArray[np.bool_]) -> tuple[int, int]:
    ones = int(np.count_nonzero(positive))
    if not 0 < ones < positive.size:
        raise ValueError(f"needs rows of both kinds, {ones} of {positive.size} are positive")
    return ones, positive.size - ones
