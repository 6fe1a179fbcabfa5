"""Whether requests are spread evenly enough over those who share them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_mlready.measure.clustering import Clustering, clustering, share_bounds
from pytest_mlready.measure.proportions import Word

_MOST_TIMES = 1024


@dataclass(frozen=True)
class Share:
    """One's `count` of all requests, its share and the interval of that share."""

    count: int
    share: float
    interval: tuple[float, float]
    verdict: Word


@dataclass(frozen=True)
class Balance:
    """Whether each one's share is between `least` and `most`.

    `n_needed` requests would decide if what was seen went on; None where the verdict stands, or if no number of a
    thousand times as many would.
    """

    verdict: Word
    shares: tuple[Share, ...]
    least: float
    most: float
    n_needed: int | None


def judge_balance(who: ArrayLike, count: int, ratio: float, alpha: float = 0.01) -> Balance:
    """Judge who got which request, in order: integers from 0 to `count` - 1.

    With the even share 1/count, each one's has to be at most `ratio` times that, and at least that divided by it. Each
    share is binomial whatever the others are: exact bounds (Clopper and Pearson), widened where one gets its requests
    in bursts, at `alpha` over both sides of all of them together (Bonferroni). fail: one is provably outside; pass: all
    are provably inside. Turns (round robin) are more even than chance, which only makes the bounds wider than need be.

    Raises:
        ValueError: no requests, fewer than two to share them, or one got by somebody else.
    """
    got = np.asarray(who, dtype=np.int64).ravel()
    if not got.size or count < 2 or got.min() < 0 or got.max() >= count:
        raise ValueError(f"needs requests and two or more to share them, each one of 0 to {count - 1}")
    least, most = 1 / (ratio * count), ratio / count
    seen = [_Seen.of(got == one, alpha / (2 * count)) for one in range(count)]
    words = [_word(*one.bounds(), least, most) for one in seen]
    shares = tuple(Share(one.k, one.k / one.n, one.bounds(), word) for one, word in zip(seen, words, strict=True))
    verdict, times = _all(words), 1.0
    while verdict == "inconclusive" and times <= _MOST_TIMES:
        times *= 1.25
        if _all([_word(*one.bounds(times), least, most) for one in seen]) != "inconclusive":
            return Balance(verdict, shares, least, most, math.ceil(times * got.size))
    return Balance(verdict, shares, least, most, None)


@dataclass(frozen=True)
class _Seen:
    """`k` of `n` requests, how much in bursts, and how often each bound on that share may be wrong."""

    k: int
    n: int
    burst: Clustering
    alpha: float

    @classmethod
    def of(cls, mine: NDArray[np.bool_], alpha: float) -> _Seen:
        k = int(mine.sum())
        # Who gets nearly all of them gets them in long runs; what comes in bursts, or not, is the others.
        return cls(k, mine.size, clustering(mine if 2 * k <= mine.size else ~mine), alpha)

    def bounds(self, times: float = 1.0) -> tuple[float, float]:
        """Those of the share, after so many times as many requests of the same kind."""
        k, n = times * self.k, times * self.n
        if 2 * k <= n:
            return share_bounds(k, n, self.burst, self.alpha)
        low, high = share_bounds(n - k, n, self.burst, self.alpha)
        return 1 - high, 1 - low


def _word(low: float, high: float, least: float, most: float) -> Word:
    if low > most or high < least:
        return "fail"
    return "pass" if least <= low and high <= most else "inconclusive"


def _all(words: list[Word]) -> Word:
    if "fail" in words:
        return "fail"
    return "inconclusive" if "inconclusive" in words else "pass"
