"""Laws of latency that a load generator can be judged by, with the quantiles that it should find."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar, Protocol

import numpy as np


class Law(Protocol):
    """How long a server holds an answer; all in seconds. `timed`: it depends on the time of arrival alone."""

    timed: ClassVar[bool]

    def held(self, arrived: float, rng: random.Random) -> float:
        """For a request that came `arrived` seconds after some epoch."""

    def quantile(self, q: float) -> float:
        """The quantile of what it holds answers, of requests that arrive evenly over time."""


@dataclass(frozen=True)
class Instant:
    """Answers at once."""

    timed: ClassVar[bool] = True

    def held(self, arrived: float, rng: random.Random) -> float:
        return 0.0

    def quantile(self, q: float) -> float:
        return 0.0


@dataclass(frozen=True)
class Stall:
    """Freezes for `freeze_s` at the begin of every `period_s`, and answers at once else."""

    timed: ClassVar[bool] = True
    period_s: float = 2.0
    freeze_s: float = 0.3

    def held(self, arrived: float, rng: random.Random) -> float:
        return max(0.0, self.freeze_s - arrived % self.period_s)

    def quantile(self, q: float) -> float:
        """Waits longer than w are those of arrivals in the first `freeze_s - w` of a period."""
        return max(0.0, self.freeze_s - (1 - q) * self.period_s)


@dataclass(frozen=True)
class Mixture:
    """Each answer after one of several times, at random."""

    timed: ClassVar[bool] = False

    shares: tuple[float, ...] = (0.98, 0.015, 0.005)
    times_s: tuple[float, ...] = (0.0074, 0.0544, 0.146)

    def held(self, arrived: float, rng: random.Random) -> float:
        return rng.choices(self.times_s, self.shares)[0]

    def quantile(self, q: float) -> float:
        below = np.cumsum(self.shares)
        return self.times_s[min(int(np.searchsorted(below, q - 1e-12)), len(self.times_s) - 1)]


@dataclass(frozen=True)
class Lognormal:
    """Each answer after a time whose logarithm is normal."""

    timed: ClassVar[bool] = False

    median_s: float = 0.02
    sigma: float = 0.6

    def held(self, arrived: float, rng: random.Random) -> float:
        return self.median_s * math.exp(rng.gauss(0.0, self.sigma))

    def quantile(self, q: float) -> float:
        if q >= 1:
            return math.inf
        return self.median_s * math.exp(self.sigma * NormalDist().inv_cdf(q))


LAWS: dict[str, Law] = {"instant": Instant(), "stall": Stall(), "mixture": Mixture(), "lognormal": Lognormal()}
