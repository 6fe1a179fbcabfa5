"""Did a service that got half as much again as it can take go on serving, refuse the rest, and recover?

How much a service can serve then depends on what refusing costs it: at 1.5 times its capacity the part
(1 − 1.5 r) / (1 − r) of that is left where a refusal costs r times an answer. In Python r is a third where the model
costs nothing and all else much (measured on the reference service), which leaves three quarters; an unbounded queue
leaves nothing, because all answers are late. Half is well clear of both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.proportions import Word
from pytest_mlready.measure.series import mean_interval
from pytest_mlready.records import Overload

Interval = tuple[float, float]

KEPT = 0.5
"""Part of the goodput at capacity that is kept in overload."""
RECOVERS_S = 3.0
"""So long after the overload, requests are good again."""
_FILLING = 0.25
"""Part of the overload that is not judged: the queue fills, and the first are answered from what was free."""
_SERVED = 0.95
"""Share of a block's requests that are good where the usual rate is served. Others may be a neighbour's doing."""
_FEWEST_AFTER = 20


@dataclass(frozen=True)
class Judged:
    """One of the things that must hold, and what was seen of it."""

    word: Word
    said: str


@dataclass(frozen=True)
class Goodput(Judged):
    """Good answers a second during the overload with a 95% interval over its `blocks`, and how many are `wanted`."""

    rate: float
    interval: Interval
    blocks: int
    wanted: float


def beyond_capacity(seen: Overload) -> bool:
    """Whether it was too much: more requests were not answered well than where a rate is served."""
    good, others = _judged(seen.good).sum(), _judged(seen.refused).sum() + _judged(seen.others).sum()
    return bool(good < _SERVED * (good + others))


def goodput(seen: Overload) -> Goodput:
    """Whether good answers (2xx within the limit) are at least `KEPT` of those at capacity.

    What a service does at capacity is taken from beside the overload: a search some seconds before it may have had more
    of a shared machine.
    """
    rates = _judged(seen.good) / seen.block_s
    rate, interval, peak = float(rates.mean()), mean_interval(rates), seen.control.good
    said = f"{rate:.4g} good answers/s at {seen.rate:.4g} requests/s, {peak:.4g} at capacity"
    return Goodput(at_least(interval, KEPT * peak), said, rate, interval, rates.size, KEPT * peak)


def refusal(seen: Overload) -> Judged:
    """Whether most of what was not answered well was refused (429, 503): the rest came late, broke or was held."""
    refused, others = _judged(seen.refused), _judged(seen.others)
    said = f"{refused.sum():.0f} refused, {others.sum():.0f} late, broken or held"
    return Judged(at_least(mean_interval(refused - others), 0.0), said)


def recovery(seen: Overload) -> Judged:
    """Whether the usual rate is served `RECOVERS_S` after the overload: in half of all blocks; never: it is not."""
    begin = max(0, math.ceil((RECOVERS_S - seen.gap_s) / seen.block_s - 1e-9))
    blocks = [(good, offered) for good, offered in seen.after[begin:] if offered]
    good, offered = sum(one for one, _ in blocks), sum(one for _, one in blocks)
    said = f"{good} of {offered} good at {seen.after_rate:.4g} requests/s from {RECOVERS_S:g} s after it"
    served = sum(good >= _SERVED * offered for good, offered in blocks)
    if offered < _FEWEST_AFTER:
        return Judged("inconclusive", f"{said}: too few")
    return Judged("pass" if 2 * served >= len(blocks) else "inconclusive" if served else "fail", said)


def at_least(interval: Interval, wanted: float) -> Word:
    """Whether what lies in `interval` is `wanted` or more, as far as that can be told."""
    low, high = interval
    if low >= wanted:
        return "pass"
    return "fail" if high < wanted else "inconclusive"


def _judged(counts: tuple[int, ...]) -> NDArray[np.float64]:
    return np.array(counts[math.ceil(_FILLING * len(counts)) :], dtype=np.float64)
