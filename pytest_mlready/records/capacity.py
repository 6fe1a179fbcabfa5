"""The result of a search for capacity: what was tried, how the service did at each rate, and how it took too much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Percentile:
    """A quantile in seconds with its 95% interval, which allows for clusters; None where it is unbounded."""

    value_s: float | None
    low_s: float | None
    high_s: float | None


@dataclass(frozen=True)
class Trial:
    """One rate, tried for `seconds` of which the first ones are not judged. Rates are requests a second.

    `offered` arrived, `achieved` were answered 2xx, `good` so within the limit; `in_flight` is how many were at the
    service on average. `response` (from the intended time of sending) and `service` (from the actual one) map "p50",
    "p95" and "p99" to percentiles, in which an answer other than 2xx, or none, is slower than any. `statuses` counts
    answers by code, `failures` the rest by word, "dropped" those that found all our connections held by the service.

    `length` is the trial's length in units of the shortest. `verdict` (pass, fail, inconclusive) is whether at most 1%
    were not good; `trouble` says what the generator itself did wrong, in which case it is never fail.
    """

    rate: float
    seconds: float
    length: int
    verdict: Literal["pass", "fail", "inconclusive"]
    offered: float
    achieved: float
    good: float
    in_flight: float
    response: Mapping[str, Percentile]
    service: Mapping[str, Percentile]
    statuses: Mapping[str, int]
    failures: Mapping[str, int]
    lateness_p99_s: float
    trouble: str | None = None


@dataclass(frozen=True)
class Overload:
    """Far more than the service can take; then what it usually gets; then about what it can take.

    During the overload, at `rate` requests/s, each block of `block_s` seconds has its `good` answers (2xx within the
    limit), its `refused` (429 or 503) and its `others`; `trouble` is the generator's own. `after` counts (good, all) in
    blocks of the same length, at `after_rate` requests/s from `gap_s` seconds after the overload on. `control` is a
    trial made at last: what the service does now at a rate that it kept before, on a machine that may have changed.
    """

    rate: float
    block_s: float
    good: tuple[int, ...]
    refused: tuple[int, ...]
    others: tuple[int, ...]
    statuses: Mapping[str, int]
    failures: Mapping[str, int]
    connections: int
    lateness_p99_s: float
    trouble: str | None
    after_rate: float
    gap_s: float
    after: tuple[tuple[int, int], ...]
    control: Trial


@dataclass(frozen=True)
class Sweep:
    """A search for the highest rate (requests/s) at which at most 1% of the requests are not answered 2xx in `limit_s`.

    `low` and `high` are the ends of its interval (0 and None where no rate passed, or none failed), `estimate` is
    between them, None without both. `converged`: the estimate is within 5% of both ends. `cliff`: p99 at least doubles
    from one end to the other; None if unknown. `ended` says why the search ended: "found", "out of time", or
    "generator" where the generator could send no more. `trials` stand in the order in which they were made.
    """

    limit_s: float
    arrivals: str
    seed: int
    started_at: float
    seconds: float
    trials: tuple[Trial, ...]
    low: float
    high: float | None
    estimate: float | None
    converged: bool
    cliff: bool | None
    ended: Literal["found", "out of time", "generator"]
    overload: Overload | None = None
