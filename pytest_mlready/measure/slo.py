"""Does a service keep its latency objective? Decided three ways, with stated error rates.

"p99 ≤ L" is judged as "the share of requests slower than L is at most 1%". What a run may conclude has two parts:
what it saw (bounds that allow for clusters, `clustering`), and what it was too short to see (`longest_stall_s`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_mlready.measure.clustering import Clustering, clustering, share_bounds
from pytest_mlready.measure.proportions import Word
from pytest_mlready.measure.quantiles import quantile
from pytest_mlready.measure.sequential import log_evidence_above, log_evidence_below

_STALLS_EXPECTED = 3.0
"""A Poisson event expected three times fails to show with probability e**-3 = 5%."""
_AT_END = 0.65
"""Part of alpha spent at the planned end; the rest is for looks before it."""
_LONGEST_EXTENSION = 1024


@dataclass(frozen=True)
class SloVerdict:
    """Whether the share of requests over a limit keeps its budget. Times in seconds.

    `share` of the `n` requests were slower than `limit_s`; `budget` is the share allowed, `share_interval` the
    bounds on the true one. `quantile_s` is the latency at level 1 − budget (p99 for 1%) with an interval that allows
    for clusters (95% two-sided). `n_needed` requests, or a run of `duration_needed_s`, would decide if what was seen
    went on: None where the verdict stands, or where no run of a thousand times this length would decide.
    `unseen_stall_s`: a stall this long, as frequent as the budget just allows, could have stayed out of this run.
    """

    verdict: Word
    reason: str
    limit_s: float
    budget: float
    n: int
    over: int
    share: float
    share_interval: tuple[float, float]
    quantile_s: float
    quantile_interval_s: tuple[float, float]
    design_effect: float
    block: int
    duration_s: float
    unseen_stall_s: float
    n_needed: int | None
    duration_needed_s: float | None


def judge_share(
    response_s: ArrayLike,
    limit_s: float,
    *,
    duration_s: float,
    longest_stall_s: float,
    budget: float = 0.01,
    alpha: float = 0.05,
    planned: bool = True,
) -> SloVerdict:
    """Judge response times, in order of intended time of sending; unanswered requests are `inf`.

    With `planned`, the length of the run was set before it began: alpha is divided between a look at its end (exact
    bounds) and looks at any time (e-processes). Without, the caller looks whenever it likes and stops when decided:
    e-processes alone, at the full alpha.

    A pass further needs a run so long that stalls of `longest_stall_s`, at the budget's share of the time, would have
    shown with 95% probability: duration ≥ 3 · longest_stall_s / budget.

    Assumes that the run shows the service as it is (stationary), that bursts are shorter than 1/16 of the run or as
    rare as `longest_stall_s` allows, and that arrivals do not depend on answers (open loop).

    Raises:
        ValueError: no responses, a NaN among them, or a budget or alpha outside (0, 1).
    """
    values = np.asarray(response_s, dtype=np.float64).ravel()
    if not 0 < budget < 1 or not 0 < alpha < 1:
        raise ValueError(f"budget and alpha must be in (0, 1), not {budget!r} and {alpha!r}")
    level = quantile(values, 1 - budget)
    over = values > limit_s
    n, k, seen = values.size, int(over.sum()), clustering(over)
    word = _decide(k, n, seen, budget, alpha, planned=planned)
    needed_s = _STALLS_EXPECTED * longest_stall_s / budget
    long_enough = duration_s >= needed_s * (1 - 1e-9)
    factor = _extension(k, n, seen, budget, alpha, planned=planned) if word == "inconclusive" else 1.0
    if word == "pass" and not long_enough:
        word, factor = "inconclusive", needed_s / duration_s
    elif word == "inconclusive" and k <= budget * n and factor is not None:
        factor = max(factor, needed_s / duration_s)
    open_end = word == "inconclusive" and factor is not None
    return SloVerdict(
        verdict=word,
        reason=_reason(word, limit_s, budget, k, n, long_enough=long_enough),
        limit_s=limit_s,
        budget=budget,
        n=n,
        over=k,
        share=k / n,
        share_interval=share_bounds(k, n, seen, alpha),
        quantile_s=level,
        quantile_interval_s=quantile_interval(values, 1 - budget),
        design_effect=seen.design_effect,
        block=seen.block,
        duration_s=duration_s,
        unseen_stall_s=duration_s * budget / _STALLS_EXPECTED,
        n_needed=math.ceil(n * (factor or 1)) if open_end else None,
        duration_needed_s=duration_s * (factor or 1) if open_end else None,
    )


def quantile_interval(response_s: ArrayLike, q: float, confidence: float = 0.95) -> tuple[float, float]:
    """A two-sided interval for the `q` quantile of values in order of time, allowing for clusters.

    Woodruff (JASA 1952): the bounds on the share above the estimate, turned back into quantiles.

    Raises:
        ValueError: as `quantiles.quantile`.
    """
    values = np.asarray(response_s, dtype=np.float64).ravel()
    above: NDArray[np.bool_] = values > quantile(values, q)
    k = round(values.size * (1 - q))
    low, high = share_bounds(k, values.size, clustering(above), (1 - confidence) / 2)
    lower = quantile(values, 1 - high) if high < 1 else -math.inf
    # The share above the largest value is 0: no sample bounds what lies beyond it.
    upper = quantile(values, 1 - low) if low * values.size >= 1 else math.inf
    return lower, upper


def _decide(k: float, n: float, seen: Clustering, budget: float, alpha: float, *, planned: bool) -> Word:
    at_end = _AT_END * alpha if planned else 0.0
    threshold, effect = -math.log(alpha - at_end), seen.design_effect
    low, high = share_bounds(k, n, seen, at_end) if planned else (0.0, 1.0)
    if low > budget or log_evidence_above(k / effect, n / effect, budget) >= threshold:
        return "fail"
    if high <= budget or log_evidence_below(k / effect, n / effect, budget) >= threshold:
        return "pass"
    return "inconclusive"


def _extension(k: int, n: int, seen: Clustering, budget: float, alpha: float, *, planned: bool) -> float | None:
    """By what factor a run would have to be longer for the same share to decide."""
    low, high = 1.0, 2.0
    while _decide(k * high, n * high, seen, budget, alpha, planned=planned) == "inconclusive":
        low, high = high, 2 * high
        if high > _LONGEST_EXTENSION:
            return None
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        undecided = _decide(k * middle, n * middle, seen, budget, alpha, planned=planned) == "inconclusive"
        low, high = (middle, high) if undecided else (low, middle)
    return high


def _reason(word: Word, limit_s: float, budget: float, k: int, n: int, *, long_enough: bool) -> str:
    seen = f"{k} of {n} requests ({k / n:.2%}) over {limit_s * 1000:g} ms, {budget:.2%} allowed"
    if word == "inconclusive" and not long_enough and k <= budget * n:
        return f"{seen}; the run is too short to exclude rare long stalls"
    return f"{seen}; too few to tell" if word == "inconclusive" else seen
