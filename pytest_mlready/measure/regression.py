"""Is a candidate slower than its baseline? Both measured at once, in blocks that alternate.

Separate runs differ by whatever else the machine did meanwhile (measured: 8.2% false flags against 1.8% interleaved).
Pairs of adjacent blocks share it, and what is compared is compared within pairs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from pytest_mlready.measure.quantiles import quantile
from pytest_mlready.measure.series import NOTHING, mean_of

Array = NDArray[np.float64]
Comparison = Literal["regression", "no regression", "inconclusive"]

FEWEST_PAIRS = 8
_FEWEST_ABOVE = 10
"""Requests above a quantile, of both versions together, below which nothing is known of it."""
ALPHA = 0.04
"""Of the t-tests; discrete shares and correlation that goes unseen may take the rest of 5%."""
_WIDEST = 64.0
"""Ratios beyond this factor, either way, are reported as unbounded."""


@dataclass(frozen=True)
class QuantileRatio:
    """The `q` quantile of the candidate's latencies divided by the baseline's.

    `interval` are one-sided bounds, each wrong at most alpha; `allowed` is the ratio declared to be acceptable.
    `baseline_s` and `candidate_s` are the quantiles in seconds. The pairs of blocks count as `effective_pairs`
    independent ones, fewer where neighbours resemble each other.
    """

    verdict: Comparison
    q: float
    ratio: float
    interval: tuple[float, float]
    allowed: float
    baseline_s: float
    candidate_s: float
    effective_pairs: float


@dataclass(frozen=True)
class Regression:
    """Whether any quantile got worse than allowed."""

    verdict: Comparison
    ratios: tuple[QuantileRatio, ...]

    @property
    def worst(self) -> QuantileRatio:
        """The quantile whose ratio is largest against what is allowed."""
        return max(self.ratios, key=lambda one: one.ratio / one.allowed)


def judge_regression(
    baseline: Sequence[ArrayLike],
    candidate: Sequence[ArrayLike],
    allowed: Mapping[float, float],
    *,
    alpha: float = ALPHA,
) -> Regression:
    """Compare quantiles, `allowed` their ratios, such as {0.5: 1.1, 0.99: 1.2}.

    `baseline[i]` and `candidate[i]` are the response times (seconds, of any number of requests, `inf` if unanswered)
    of blocks that were measured one after the other. A regression is said at alpha divided by the number of
    quantiles, its absence where every quantile shows it at alpha: either is wrong at most 5% of the time.

    Raises:
        ValueError: as `compare_quantile`, or no quantile.
    """
    if not allowed:
        raise ValueError("needs at least one quantile and its allowed ratio, such as {0.99: 1.2}")
    ratios = tuple(
        compare_quantile(baseline, candidate, q, ratio, alpha_regression=alpha / len(allowed), alpha=alpha)
        for q, ratio in allowed.items()
    )
    words = {one.verdict for one in ratios}
    if "regression" in words:
        return Regression("regression", ratios)
    return Regression("inconclusive" if "inconclusive" in words else "no regression", ratios)


def compare_quantile(
    baseline: Sequence[ArrayLike],
    candidate: Sequence[ArrayLike],
    q: float,
    allowed: float,
    *,
    alpha: float = ALPHA,
    alpha_regression: float | None = None,
) -> QuantileRatio:
    """Bounds on the ratio of the `q` quantiles, and whether it is beyond `allowed`.

    A ratio r is judged by dividing the candidate's times by it and asking which version has more requests above the
    quantile of all: the share of each block above it, candidate's less baseline's, averages zero if r is right. That
    is a t-test on pairs of blocks, so requests within a block may depend on each other in any way; the interval holds
    the ratios it does not reject (a median test, Mood 1954, generalised to quantiles and to pairs). Where neighbouring
    pairs are correlated, too, they count as fewer. A version whose latencies drift must be measured for long against
    its correlation time: 18 times it for wrong verdicts to stay at 5%; at 4 times they reach 9%.

    Raises:
        ValueError: fewer than 8 pairs, unequal numbers of blocks, an empty block, a time that is NaN or not positive,
            a level or alpha outside (0, 1), or an allowed ratio that is not positive.
    """
    strict = alpha if alpha_regression is None else alpha_regression
    _check_levels(q, allowed, alpha, strict)
    pairs = _Pairs(baseline, candidate, q)
    before, after = quantile(pairs.baseline, q), quantile(pairs.candidate, q)
    low, high = pairs.bound(strict, below=True), pairs.bound(alpha, below=False)
    verdict: Comparison = "inconclusive"
    if low > allowed:
        verdict = "regression"
    elif high <= allowed:
        verdict = "no regression"
    ratio = after / before if math.isfinite(before) else (1.0 if math.isinf(after) else 0.0)
    return QuantileRatio(verdict, q, ratio, (low, high), allowed, before, after, pairs.effective(allowed))


class _Pairs:
    """Blocks of two versions, and the test of a ratio between them."""

    def __init__(self, baseline: Sequence[ArrayLike], candidate: Sequence[ArrayLike], q: float) -> None:
        if len(baseline) != len(candidate) or len(baseline) < FEWEST_PAIRS:
            raise ValueError(
                f"needs as many blocks of the candidate as of the baseline, at least {FEWEST_PAIRS}, "
                f"not {len(candidate)} and {len(baseline)}"
            )
        self.baseline, self._starts = _joined(baseline)
        self.candidate, self._candidate_starts = _joined(candidate)
        self.q = q
        self.enough = (self.baseline.size + self.candidate.size) * (1 - q) >= _FEWEST_ABOVE

    def bound(self, alpha: float, *, below: bool) -> float:
        """The end of the interval of ratios below or above the estimate, by bisection of its logarithm."""
        if not self.enough:
            return 0.0 if below else math.inf
        sign = 1 if below else -1
        if not self._rejected(_WIDEST**-sign, alpha, sign):
            return 0.0 if below else math.inf
        out, kept = -sign * math.log(_WIDEST), sign * math.log(_WIDEST)
        while abs(out - kept) > 1e-3:
            middle = (out + kept) / 2
            if self._rejected(math.exp(middle), alpha, sign):
                out = middle
            else:
                kept = middle
        return math.exp(out)

    def effective(self, ratio: float) -> float:
        """How many independent pairs these are worth."""
        return mean_of(self._differences(ratio))[2]

    def _rejected(self, ratio: float, alpha: float, sign: int) -> bool:
        """Whether the candidate is slower (`sign` 1) or faster (−1) than `ratio` times the baseline."""
        mean, error, n = mean_of(self._differences(ratio))
        if error <= NOTHING:
            return sign * mean > NOTHING
        return sign * mean / error > float(scipy.special.stdtrit(n - 1, 1 - alpha))

    def _differences(self, ratio: float) -> Array:
        """Share of each pair's requests above the common quantile, candidate's less baseline's; shape (pairs,)."""
        scaled = self.candidate / ratio
        level = quantile(np.concatenate([self.baseline, scaled]), self.q)
        found: Array = _shares(scaled, level, self._candidate_starts) - _shares(self.baseline, level, self._starts)
        return found


def _shares(times: Array, level: float, starts: NDArray[np.intp]) -> Array:
    # A time at the level counts half: the same for both versions where clocks are coarse.
    above = (times > level) + 0.5 * (times == level)
    shares: Array = np.add.reduceat(above, starts) / np.diff(starts, append=times.size)
    return shares


def _joined(blocks: Sequence[ArrayLike]) -> tuple[Array, NDArray[np.intp]]:
    arrays = [np.asarray(one, dtype=np.float64).ravel() for one in blocks]
    sizes = np.array([one.size for one in arrays], dtype=np.intp)
    if not sizes.all():
        raise ValueError(f"every block needs a response time, block {int(np.argmin(sizes))} has none")
    times = np.concatenate(arrays)
    if not (times > 0).all():
        raise ValueError("every response time must be a positive number of seconds (inf if unanswered)")
    return times, np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)


def _check_levels(q: float, allowed: float, alpha: float, strict: float) -> None:
    if not 0 < q < 1 or not 0 < alpha < 1 or not 0 < strict < 1:
        raise ValueError(f"a quantile's level and alpha must be in (0, 1), not {q!r} and {alpha!r}, {strict!r}")
    if not 0 < allowed < math.inf:
        raise ValueError(f"an allowed ratio is positive, such as 1.1 for 10% slower, not {allowed!r}")
