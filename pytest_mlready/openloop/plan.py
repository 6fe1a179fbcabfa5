"""What to send, how fast, for how long: the whole input of a load run, as one JSON file."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

Arrivals = Literal["constant", "poisson", "trace"]
Stage = tuple[float, ...]
"""(requests a second, seconds), or (from, to, seconds) for a rate that changes linearly"""

_ARRIVAL_S = 1e-6
"""What it takes at most to compute one arrival: several times what docs/scale.md has measured."""


@dataclass(frozen=True)
class Request:
    """One prepared request. `body` travels as base64; Content-Length and Host are added when it is sent."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True)
class Kind:
    """A class of requests with its share of the traffic; its `requests` are cycled in a seeded random order.

    `expected` holds the first digits of a status that counts as success: (4,) for requests that should be refused.
    `url` is the origin of the service that it is sent to, where that is not the plan's.
    """

    name: str
    weight: float
    requests: tuple[Request, ...]
    expected: tuple[int, ...] = (2,)
    url: str = ""


@dataclass(frozen=True)
class Plan:
    """One open-loop run against the service at `url` (its origin).

    `stages` follow each other, and `stage_classes` names the classes that each of them sends (empty: all of them, in
    every stage); or, with arrivals "trace", `trace` holds the times of all arrivals, in seconds from
    the first, and there are no stages. `warmup_s` before them is sent at the rate they begin with and not recorded,
    so that connections and caches are warm. `pool` bounds the requests in flight: below rate times
    `timeout_s` a slow service can fill it. `backlog` bounds those that wait for a free place, and whatever comes
    beyond is dropped and counted. `share` = (i, n): this process sends every n-th arrival
    of the one schedule, starting with the i-th.
    """

    url: str
    scenario: str
    stages: tuple[Stage, ...]
    classes: tuple[Kind, ...]
    output: str
    arrivals: Arrivals = "poisson"
    seed: int = 0
    timeout_s: float = 10.0
    pool: int = 1024
    backlog: int = 100_000
    warmup_s: float = 1.0
    share: tuple[int, int] = (0, 1)
    max_body: int = 16_777_216
    progress: bool = True
    trace: tuple[float, ...] = ()
    stage_classes: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        for url in self.urls:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"url must begin with http:// or https://, not {url!r}")
            if origin_and_prefix(url)[1]:
                raise ValueError(f"url must be an origin, {url!r} has a path: it belongs into those of the requests")
        self._check_arrivals()
        self._check_stage_classes()
        if not self.classes or any(not kind.requests or kind.weight <= 0 for kind in self.classes):
            raise ValueError("classes must hold at least one, each with requests and a weight > 0")
        if len({kind.name for kind in self.classes}) < len(self.classes):
            raise ValueError(f"class names must differ, not {[kind.name for kind in self.classes]}")
        index, count = self.share
        if not 0 <= index < count:
            raise ValueError(f"share must be (i, n) with 0 <= i < n, not {self.share!r}")
        if self.pool < 1 or self.backlog < 0 or self.timeout_s <= 0 or self.warmup_s < 0:
            raise ValueError("pool must be >= 1, backlog and warmup_s >= 0, timeout_s > 0")

    @property
    def urls(self) -> tuple[str, ...]:
        """The origins that requests go to, its own first."""
        return tuple(dict.fromkeys((self.url, *(kind.url or self.url for kind in self.classes))))

    @property
    def duration_s(self) -> float:
        """The schedule's length without the warm-up; a trace ends one mean gap after its last arrival."""
        if self.trace:
            return self.trace[-1] * len(self.trace) / (len(self.trace) - 1)
        return sum(seconds for *_, seconds in self.stages)

    @property
    def rate(self) -> float:
        """The mean offered arrival rate over the whole schedule, in requests a second."""
        if self.trace:
            return len(self.trace) / self.duration_s
        expected = sum((first + last) / 2 * seconds for first, last, seconds in map(ramp, self.stages))
        return expected / self.duration_s

    @property
    def first_rate(self) -> float:
        """The rate the schedule begins with: a trace's mean, and so that of a ramp from nothing."""
        if self.trace:
            return self.rate
        first, last, _ = ramp(self.stages[0])
        return first or last / 2

    @property
    def longest_s(self) -> float:
        """No run takes longer than this: computing the schedule, warm-up, schedule, and their outstanding requests."""
        return _ARRIVAL_S * self.rate * self.duration_s + self.warmup_s + self.duration_s + 6 * self.timeout_s

    def _check_arrivals(self) -> None:
        if (self.arrivals == "trace") != bool(self.trace) or bool(self.trace) == bool(self.stages):
            raise ValueError('a plan has either stages, or a trace and arrivals "trace"')
        if self.trace and (self.trace[0] != 0 or not 0 < self.trace[-1] < math.inf or not ascending(self.trace)):
            raise ValueError("trace must hold ascending seconds from 0, the first arrival, and more than that one")
        for stage in self.stages:
            if len(stage) not in (2, 3) or not all(map(math.isfinite, stage)):
                raise ValueError(f"stages must be (rate, seconds) or (from, to, seconds), not {stage!r}")
            first, last, seconds = ramp(stage)
            if min(first, last) < 0 or max(first, last) <= 0 or seconds <= 0:
                raise ValueError(f"stages must have rates >= 0, not both 0, and seconds > 0, not {stage!r}")

    def _check_stage_classes(self) -> None:
        known = {kind.name for kind in self.classes}
        if not self.stage_classes:
            return
        if len(self.stage_classes) != len(self.stages):
            raise ValueError(f"stage_classes must name classes for {len(self.stages)} stages")
        for names in self.stage_classes:
            if not names or not known.issuperset(names):
                raise ValueError(f"stage_classes must name some of {sorted(known)} for each stage, not {names!r}")


def ramp(stage: Stage) -> tuple[float, float, float]:
    """(rate at its begin, rate at its end, seconds) of a stage in either spelling."""
    return stage[0], stage[-2], stage[-1]


def origin_and_prefix(url: str) -> tuple[str, str]:
    """`url` without its path, and the path, to which those of the service's routes are appended ("" or "/models/a")."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")


def ascending(times: Sequence[float]) -> bool:
    """Whether no time comes before the one before it; a NaN is nowhere in order."""
    return all(one <= later for one, later in pairwise(times))


def write_plan(plan: Plan, path: Path) -> None:
    """Write `plan` as JSON, in one step."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(plan)))
    os.replace(partial, path)


def read_plan(path: Path) -> Plan:
    """The reverse of `write_plan`.

    Raises:
        ValueError: the file is no plan; the message names the path of the wrong value.
    """
    return msgspec.json.decode(path.read_bytes(), type=Plan)
