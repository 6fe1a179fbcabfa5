"""Records of scenarios: the target is started, loaded, stopped or counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_mlready.records.exchange import Exchange
from pytest_mlready.records.probes import Answered


@dataclass(frozen=True)
class StartTimeline:
    """A fresh instance from its start on. Times are seconds since the process was started.

    `ready` are the polls of the readiness route up to the first 200; `first` is the predict sent at once after it,
    `second` the one after that. `ready_at_s` is None if readiness never came. `statuses` lists (time, outcome) of
    every poll.
    """

    statuses: tuple[tuple[float, str], ...]
    ready_at_s: float | None
    ready: Exchange | None
    first: Answered | None
    second: Answered | None


@dataclass(frozen=True)
class Drain:
    """Requests in flight when SIGTERM came. Times are seconds since the signal (negative: before it).

    `requests` are (sent_s, answered_s, outcome) of those begun before the signal and unanswered then; those of
    `half_sent` were begun well before it and sent to their end after it. `ready_after` is the first readiness answer
    after the signal; `exit_code` None: still alive after `waited_s`; `left_behind` counts processes that outlived it.
    """

    requests: tuple[tuple[float, float, str], ...]
    half_sent: tuple[tuple[float, float, str], ...]
    ready_after: Exchange | None
    exit_code: int | None
    waited_s: float
    left_behind: int = 0


@dataclass(frozen=True)
class BrokenModel:
    """A fresh instance whose model is broken on purpose: good requests, and client faults beside them."""

    good: tuple[Exchange, ...]
    bad: tuple[Exchange, ...]
    ready: Exchange | None


@dataclass(frozen=True)
class Exposition:
    """One scrape. `samples` are (name, labels, value) as the reference Prometheus parser read them."""

    exchange: Exchange
    problem: str | None
    samples: tuple[tuple[str, Mapping[str, str], float], ...] = ()


@dataclass(frozen=True)
class Counters:
    """Scrapes around a known number of requests that nobody else disturbed.

    `sent` counts our requests by the status they were answered with. `before` and `after` hold several scrapes on fresh
    connections, so that every worker has been asked. `distinct_after` stands after `distinct_inputs` more rows that
    differ in every value, and after `unknown_paths` and `invented_methods` asked for once each.
    `predict_path` and `metrics_path` tell series of those routes apart.
    """

    before: tuple[Exposition, ...]
    sent: Mapping[str, int]
    after: tuple[Exposition, ...]
    distinct_inputs: int
    unknown_paths: int
    invented_methods: int
    distinct_after: Exposition
    predict_path: str
    metrics_path: str


@dataclass(frozen=True)
class Scrape:
    """The metrics route, asked once with the headers that Prometheus sends."""

    exposition: Exposition


@dataclass(frozen=True)
class HealthProbe:
    """One question for liveness ("live") or readiness ("ready").

    `late_s`: how late we were in asking; `took_s`: how long the answer took. Seconds.
    """

    role: str
    path: str
    late_s: float
    took_s: float
    outcome: str


@dataclass(frozen=True)
class Saturation:
    """Health and readiness asked at a fixed pace: before, and while the predict route is saturated.

    `completed` counts the predictions answered during the `duration_s` of the load, `connections` those in flight.
    """

    idle: tuple[HealthProbe, ...]
    busy: tuple[HealthProbe, ...]
    completed: int
    connections: int
    duration_s: float
