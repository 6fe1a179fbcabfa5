"""Exact bounds on a rate of failures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import scipy

Word = Literal["pass", "fail", "inconclusive"]


def lower_bound(k: float, n: float, alpha: float = 0.05) -> float:
    """One-sided lower bound on a proportion after `k` of `n` (Clopper and Pearson 1934): wrong at most `alpha`.

    Counts may be fractions, for effective counts of dependent trials.
    """
    _check(k, n, alpha)
    return 0.0 if k == 0 else float(scipy.special.betaincinv(k, n - k + 1, alpha))


def upper_bound(k: float, n: float, alpha: float = 0.05) -> float:
    """One-sided upper bound on a proportion after `k` of `n` (Clopper and Pearson 1934): wrong at most `alpha`.

    Zero of n proves only about 3/n (1 − alpha**(1/n)).
    """
    _check(k, n, alpha)
    return 1.0 if k >= n else float(scipy.special.betaincinv(k + 1, n - k, 1 - alpha))


def clean_runs_needed(p: float, alpha: float = 0.05) -> int:
    """How many trials, all clean, prove a rate of at most `p`: 2,995 for 0.1%, 299 for 1%.

    Raises:
        ValueError: `p` is not in (0, 1): no number of trials proves a rate of zero.
    """
    if not 0 < p < 1:
        raise ValueError(f"p must be in (0, 1), not {p!r}")
    return math.ceil(math.log(alpha) / math.log1p(-p))


@dataclass(frozen=True)
class RateVerdict:
    """Whether a failure rate keeps its budget.

    `interval` is the one-sided lower and upper bound, each wrong at most alpha. `n_needed` is the number of requests
    that would decide if the observed rate went on, None where the verdict stands or no number would.
    """

    verdict: Word
    k: int
    n: int
    rate: float
    budget: float
    interval: tuple[float, float]
    n_needed: int | None


def judge_rate(k: int, n: int, budget: float, alpha: float = 0.05) -> RateVerdict:
    """`k` failures among `n` independent requests against a `budget` (a share of them).

    pass: the upper bound is within the budget; fail: the lower bound is beyond it. Failures that come in bursts
    (an outage) are not independent: a fail then says that this run broke its budget, not how often such runs will.

    Raises:
        ValueError: counts that cannot be, or a budget outside [0, 1).
    """
    if not 0 <= budget < 1:
        raise ValueError(f"budget must be in [0, 1), not {budget!r}")
    if n == 0:
        needed = clean_runs_needed(budget, alpha) if budget else None
        return RateVerdict("inconclusive", 0, 0, 0.0, budget, (0.0, 1.0), needed)
    verdict = _word(k, n, budget, alpha)
    bounds = (lower_bound(k, n, alpha), upper_bound(k, n, alpha))
    needed = _n_needed(k, n, budget, alpha) if verdict == "inconclusive" else None
    return RateVerdict(verdict, k, n, k / n, budget, bounds, needed)


def _word(k: float, n: float, budget: float, alpha: float) -> Word:
    if upper_bound(k, n, alpha) <= budget:
        return "pass"
    return "fail" if lower_bound(k, n, alpha) > budget else "inconclusive"


def _n_needed(k: int, n: int, budget: float, alpha: float) -> int | None:
    if k == 0:
        return clean_runs_needed(budget, alpha) if budget else None
    low, high = 1.0, 2.0
    while _word(k * high, n * high, budget, alpha) == "inconclusive":
        low, high = high, high * 2
        if high > 1e4:
            return None
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _word(k * middle, n * middle, budget, alpha) == "inconclusive" else (low, middle)
    return math.ceil(n * high)


def _check(k: float, n: float, alpha: float) -> None:
    if not 0 <= k <= n or n <= 0 or not 0 < alpha < 1:
        raise ValueError(f"needs 0 <= k <= n, n > 0 and 0 < alpha < 1, not k={k!r}, n={n!r}, alpha={alpha!r}")
