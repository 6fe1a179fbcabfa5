"""Search for capacity: the highest arrival rate at which a service keeps its latency objective.

Pure: the search says which rate to try next and is told the verdict (pass, fail or inconclusive, as of
`slo.judge_share`). Rates double until one fails, then the bracket is bisected; its ends are tried again, so that no
single verdict decides. Each verdict votes on all rates by monotonicity: a pass speaks for every lower rate, a fail
against every higher one. (Probabilistic bisection, Horstein 1963, with votes in place of a posterior: near capacity
nearly all verdicts are inconclusive, and half of the others wrong, so that no error rate fits all rates.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from pytest_mlready.measure.proportions import Word

_CONFIRMED = 2
"""Votes that make an end of the interval: two wrong verdicts at 5% each are rarer than 5% over a whole search."""
_FINEST = 0.25
"""Gaps below this part of the tolerance are not divided further."""
_CLIFF = 2.0


@dataclass(frozen=True)
class Step:
    """One trial: the verdict at an arrival rate (requests/s), after `length` times the shortest trial's requests.

    `quantile_s` is the latency quantile that was judged, if known.
    """

    rate: float
    length: int
    verdict: Word
    quantile_s: float | None = None


@dataclass(frozen=True)
class Capacity:
    """The highest rate (requests/s) that keeps the objective.

    `interval` covers it at least 95% of the time if each verdict is wrong at most 5% of the time; an end is 0 or
    infinite where no rate was found to pass or to fail. `estimate` is its geometric middle, NaN without both ends.
    `converged`: the estimate is within the tolerance of both ends. `cliff`: from one end to the other the quantile at
    least doubles, so the service leaves its objective at once and not by degrees; None where quantiles are unknown.
    """

    estimate: float
    interval: tuple[float, float]
    converged: bool
    cliff: bool | None
    steps: int


@dataclass
class CapacitySearch:
    """Ask `next_rate`, try it for `length` times the shortest trial, tell `observe`; until `next_rate` is None.

    `tolerance` is how far, relatively, the estimate may be from either end of its interval. A trial that was
    inconclusive is repeated at twice the length, up to `longest`. The ends are confirmed at the longest: near capacity
    a queue builds up slowly, and short trials pass too easily. `start`, `lowest` and `highest` are rates in requests/s.
    """

    start: float
    tolerance: float = 0.05
    longest: int = 4
    most_steps: int = 60
    lowest: float = 0.01
    highest: float = math.inf
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises ValueError: a tolerance outside (0, 1), a length or number of steps below 1, or rates out of order."""
        if not 0 < self.tolerance < 1 or self.longest < 1 or self.most_steps < 1:
            raise ValueError(
                "needs 0 < tolerance < 1, longest >= 1 and most_steps >= 1, "
                f"not {self.tolerance!r}, {self.longest!r} and {self.most_steps!r}"
            )
        if not 0 < self.lowest <= self.start <= self.highest or math.isinf(self.start):
            raise ValueError(f"needs 0 < lowest <= start <= highest, not {self.lowest}, {self.start}, {self.highest}")

    def next_rate(self) -> float | None:
        """The arrival rate to try next, in requests/s; None once the search is over."""
        if len(self.steps) >= self.most_steps:
            return None
        if not self.steps:
            return self.start
        low, high = self._bracket(1)
        if not (low and math.isfinite(high)):
            return self._widened(low, high)
        if high / low > self._target:
            inner = self._divided(low, high)
            if inner is not None:
                return inner
        lowest, highest = self._bracket(_CONFIRMED)
        if low > lowest and not self._exhausted(low):
            return low
        if high < highest and not self._exhausted(high):
            return high
        if not (lowest and math.isfinite(highest)):
            return self._widened(lowest, highest)
        return self._divided(lowest, highest) if highest / lowest > self._target else None

    @property
    def unconfirmed(self) -> tuple[float, ...]:
        """The ends that too few verdicts speak for yet: where time is short, the rates to try again."""
        (low, high), (lowest, highest) = self._bracket(1), self._bracket(_CONFIRMED)
        return (*((high,) if high < highest else ()), *((low,) if low > lowest else ()))

    @property
    def length(self) -> int:
        """How many times the shortest trial's requests the next trial is to have."""
        rate = self.next_rate()
        return 1 if rate is None else self._length(rate)

    def observe(
        self, rate: float, verdict: Word, *, length: int | None = None, quantile_s: float | None = None
    ) -> None:
        """Take the verdict of a trial into account; at any rate, in any order, of the length asked for unless given.

        Raises:
            ValueError: the rate is not positive and finite, or the verdict not one of the three.
        """
        if not (rate > 0 and math.isfinite(rate)):
            raise ValueError(f"a rate must be positive and finite, not {rate!r}")
        if verdict not in ("pass", "fail", "inconclusive"):
            raise ValueError(f"a verdict is pass, fail or inconclusive, not {verdict!r}")
        self.steps.append(Step(rate, self._length(rate) if length is None else length, verdict, quantile_s))

    def result(self) -> Capacity:
        """What is known so far."""
        low, high = self._bracket(_CONFIRMED)
        both = low > 0 and math.isfinite(high)
        return Capacity(
            estimate=math.sqrt(low * high) if both else math.nan,
            interval=(low, high),
            converged=both and high / low <= self._target * (1 + 1e-9),
            cliff=self._cliff(low, high) if both else None,
            steps=len(self.steps),
        )

    @property
    def _target(self) -> float:
        """The ratio of two rates whose geometric mean is within the tolerance of both."""
        return (1 + self.tolerance) ** 2

    def _bracket(self, votes: int) -> tuple[float, float]:
        """The highest rate with so many more votes for it than against it, and the lowest with so many fewer."""
        tried = {one.rate for one in self.steps}
        net = {rate: self._votes(rate) for rate in tried}
        return (
            max((rate for rate in tried if net[rate] >= votes), default=0.0),
            min((rate for rate in tried if net[rate] <= -votes), default=math.inf),
        )

    def _votes(self, rate: float) -> int:
        for_it = sum(one.verdict == "pass" and one.rate >= rate for one in self.steps)
        return for_it - sum(one.verdict == "fail" and one.rate <= rate for one in self.steps)

    def _widened(self, low: float, high: float) -> float | None:
        """A rate beyond all that were tried; the outermost again, or the search's bound, until it is decided."""
        tried = [one.rate for one in self.steps]
        below = max(self.lowest, min(tried) / (1 if self._may_decide(min(tried)) else 2))
        above = min(self.highest, max(tried) * (1 if self._may_decide(max(tried)) else 2))
        for known, rate in ((low > 0, below), (math.isfinite(high), above)):
            settled = abs(self._votes(rate)) >= _CONFIRMED or self._exhausted(rate)
            if not known and not (rate in tried and settled):
                return rate
        return None

    def _divided(self, low: float, high: float) -> float | None:
        """The middle of a bracket; where that stays undecided, of the wider of the gaps on either side of it."""
        inside = sorted({one.rate for one in self.steps if low < one.rate < high})
        open_rates = [rate for rate in inside if not self._exhausted(rate)]
        if open_rates:
            return min(open_rates, key=lambda rate: abs(math.log(rate * rate / (low * high))))
        if not inside:
            return math.sqrt(low * high)
        gap = max(((low, inside[0]), (inside[-1], high)), key=lambda one: one[1] / one[0])
        return math.sqrt(gap[0] * gap[1]) if gap[1] / gap[0] > 1 + _FINEST * self.tolerance else None

    def _length(self, rate: float) -> int:
        mine = [one for one in self.steps if one.rate == rate]
        if any(one.verdict != "inconclusive" for one in mine):
            return self.longest
        return min(self.longest, 1 << len(mine))

    def _may_decide(self, rate: float) -> bool:
        """Whether a rate that no trial could tell of yet has not been tried at full length."""
        undecided = all(one.verdict == "inconclusive" for one in self.steps if one.rate == rate)
        return undecided and not self._exhausted(rate)

    def _exhausted(self, rate: float) -> bool:
        """Whether the longest trial at a rate could not tell."""
        return any(
            one.rate == rate and one.verdict == "inconclusive" and one.length >= self.longest for one in self.steps
        )

    def _cliff(self, low: float, high: float) -> bool | None:
        before, after = (_median(one.quantile_s for one in self.steps if one.rate == rate) for rate in (low, high))
        if before is None or after is None:
            return None
        return after > before and after >= _CLIFF * before


def _median(values: Iterable[float | None]) -> float | None:
    known = sorted(one for one in values if one is not None)
    return known[len(known) // 2] if known else None
