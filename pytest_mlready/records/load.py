"""The result of an open-loop load run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ARRAYS = {"stored": "npz"}
"""Metadata of a field that holds a mapping name -> array: stored beside the JSON as `.npz`."""


@dataclass(frozen=True)
class RequestClass:
    """The totals of one kind of request in a load run ("predict", "batch", "health", "invalid" …).

    `statuses` counts whole answers by status code, `failures` the rest by word (see `Exchange.failure`).
    `response_hdr` and `service_hdr` are HDR histograms (V2 compressed, base64) in microseconds: from the intended
    and from the actual time of sending.
    """

    name: str
    offered: int
    sent: int
    dropped: int
    completed: int
    statuses: Mapping[str, int]
    failures: Mapping[str, int]
    response_hdr: str
    service_hdr: str


@dataclass(frozen=True)
class Generator:
    """How well the load generator kept its own schedule: it judges itself before it judges anybody.

    Lateness is actual minus intended time of sending, in seconds, of requests that did not wait for a connection which
    a slow service held: that wait is the service's latency. `cpu_s` is user and system time of all its
    processes, `wall_s` how long they ran; `connections` is the largest number of requests in flight,
    `resent` how many were sent again because their connection may have been closed before (`protocols.keep_alive`).
    """

    lateness_p50_s: float
    lateness_p99_s: float
    lateness_max_s: float
    cpu_s: float
    wall_s: float
    connections: int
    processes: int
    resent: int = 0


@dataclass(frozen=True)
class Use:
    """What all processes of the service used at one moment, `at_s` seconds after the schedule's start.

    `cpu_s` is their user and system time since they were started; a page that several share counts in `rss_bytes` for
    each of them. `gpu_bytes` is their memory on GPUs when that was last asked for, None where it cannot be told.
    """

    at_s: float
    cpu_s: float
    rss_bytes: int
    open_files: int
    gpu_bytes: int | None = None


@dataclass(frozen=True)
class LoadRun:
    """The result document of an open-loop run, one per scenario.

    `rate` is the offered arrival rate in requests a second, `duration_s` the schedule's length. `series` holds one
    array per column over all requests, or each n-th of millions, in order of intended time: `class` (index into
    `classes`), `stage` (of the schedule, from 0), `intended_s` and `sent_s` (seconds since the schedule's start),
    `response_s` (from intended), `service_s` (from sent), `status` (HTTP status; 0 no whole answer; -1 dropped, never
    sent), `queued` (whether it waited for a connection). `used` is what the service used meanwhile, empty where it is
    not ours to look at.
    """

    scenario: str
    rate: float
    duration_s: float
    arrivals: str
    seed: int
    started_at: float
    classes: tuple[RequestClass, ...]
    generator: Generator
    series: Mapping[str, Any] = field(default_factory=dict, metadata=ARRAYS, compare=False)
    used: tuple[Use, ...] = ()

    def named(self, name: str) -> RequestClass:
        """The totals of one class of request. Raises KeyError, naming those there are."""
        for one in self.classes:
            if one.name == name:
                return one
        raise KeyError(f"no request class {name!r}; there are {[one.name for one in self.classes]}")


@dataclass(frozen=True)
class MixedLoad(LoadRun):
    """Single rows (class "single") alone and beside large batches (class "batch"), in blocks that alternate (`abba`).

    A batch has `rows` rows and takes `alone_s` seconds at best where nothing else is asked; blocks with batches last
    `beside_s` seconds together. Where there was no load, `rows` is 0: because of `problem`, or because the service
    takes one row at a time.
    """

    rows: int = 0
    alone_s: float = 0.0
    beside_s: float = 0.0
    problem: str | None = None
