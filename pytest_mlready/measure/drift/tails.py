"""Tails of the distributions that the drift tests need, exact or bounded from above; natural floats, no I/O."""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_NEGLIGIBLE = 40.0
"""Terms e**-40 times the largest change no verdict."""


def both_tails(k: int, n: int, other_k: int, other_n: int) -> float:
    """Fisher's exact test that two shares, k of n and other_k of other_n, are one: twice the smaller tail."""
    total, marked = n + other_n, k + other_k
    upper = hypergeometric_tail(k, total, marked, n)
    lower = hypergeometric_tail(other_k, total, marked, other_n)
    return min(1.0, 2 * min(upper, lower))


def hypergeometric_tail(k: int, total: int, marked: int, drawn: int) -> float:
    """P(X >= k) for the marked among `drawn` taken from `total` of which `marked` are marked."""
    lowest, highest = max(0, drawn + marked - total), min(drawn, marked)
    if k <= lowest:
        return 1.0
    if k > highest:
        return 0.0
    sd = math.sqrt(marked * drawn / total * (1 - drawn / total) * (1 - marked / total) * total / max(1, total - 1))
    x = np.arange(k, min(highest, k + int(10 * sd) + 60) + 1, dtype=np.float64)
    logs = _choose(marked, x) + _choose(total - marked, drawn - x) - _choose(total, drawn)
    return _summed(logs)


def beta_binomial_tail(k: int, n: int, a: float, b: float) -> float:
    """P(X >= k) of n new values beyond two order statistics of a sample that leave `a` of its a + b spacings outside.

    The share outside is Beta(a, b) whatever the distribution (Wilks 1941), so the count is beta-binomial.
    """
    if k <= 0:
        return 1.0
    mean = n * a / (a + b)
    sd = math.sqrt(mean * b / (a + b) * (a + b + n) / (a + b + 1))
    x = np.arange(k, min(n, k + int(40 * sd) + 200) + 1, dtype=np.float64)
    betaln = scipy.special.betaln
    logs = np.asarray(_choose(n, x) + betaln(x + a, n - x + b) - betaln(a, b), dtype=np.float64)
    return _summed(logs)


def ks_tail(distance: Floats, n: Floats, other_n: Floats) -> Floats:
    """A bound on P(D >= distance) of two samples, whatever the distributions and their ties.

    Dvoretzky, Kiefer and Wolfowitz for two samples with the constant of Wei and Dudley (2012, Stat. Prob. Lett. 82);
    at small probabilities the exact one is hardly less.
    """
    effective = n * other_n / (n + other_n)
    bound: Floats = np.minimum(1.0, 2.16863 * np.exp(-2 * effective * distance**2))
    return bound


def skewed_tail(scores: Floats, counts: Floats, n: float, z: float) -> float:
    """P(a standardised sum of n scores, drawn from a population with these counts, is beyond z), by Lugannani and Rice.

    The normal tail is too small where most scores are tied and n is small: a share of 2% among 200 rows has the tail of
    a Poisson count. Independent draws stand for draws without replacement, whose sums are less skewed.
    """
    share = counts / counts.sum()
    centred = (scores - share @ scores) * math.copysign(1.0, z)
    sd = math.sqrt(share @ centred**2)
    target = abs(z) * sd / math.sqrt(n)
    highest = centred[share > 0].max()
    if target >= highest:
        return 0.0
    low, high = 0.0, 1.0 / sd
    while _tilted(centred, share, high)[1] < target and high * highest < 600:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _tilted(centred, share, middle)[1] < target else (low, middle)
    cumulant, _, variance = _tilted(centred, share, high)
    w = math.sqrt(max(0.0, 2 * n * (high * target - cumulant)))
    u = high * math.sqrt(n * variance)
    if w < 1e-3 or u < 1e-3:
        return float(scipy.special.ndtr(-abs(z)))
    density = math.exp(-w * w / 2) / math.sqrt(2 * math.pi)
    return min(1.0, max(0.0, float(scipy.special.ndtr(-w)) + density * (1 / u - 1 / w)))


def _tilted(scores: Floats, share: Floats, theta: float) -> tuple[float, float, float]:
    """The cumulant generating function of one draw, and its first two derivatives."""
    top = scores.max()
    weights = share * np.exp(theta * (scores - top))
    total = weights.sum()
    mean = float(weights @ scores / total)
    return theta * top + math.log(total), mean, float(weights @ (scores - mean) ** 2 / total)


def _choose(n: float, k: Floats | float) -> Floats:
    gammaln = scipy.special.gammaln
    logs: Floats = gammaln(n + 1) - gammaln(np.add(k, 1.0)) - gammaln(n - np.asarray(k) + 1)
    return logs


def _summed(logs: Floats) -> float:
    top = float(logs.max())
    kept = logs[logs > top - _NEGLIGIBLE]
    return min(1.0, math.exp(top) * float(np.exp(kept - top).sum()))
