"""What to send, how fast, for how long: the whole input of a load run, as one JSON file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

Arrivals = Literal["constant", "poisson"]
Stage = tuple[float, float]
"""(requests a second, seconds)"""


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
    """

    name: str
    weight: float
    requests: tuple[Request, ...]
    expected: tuple[int, ...] = (2,)


@dataclass(frozen=True)
class Plan:
    """One open-loop run against the service at `url` (its origin).

    `stages` follow each other; `warmup_s` before them is sent at the first stage's rate and not recorded, so that
    connections and caches are warm. `pool` bounds the requests in flight: below rate times
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

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url must begin with http:// or https://, not {self.url!r}")
        if not self.stages or any(rate <= 0 or seconds <= 0 for rate, seconds in self.stages):
            raise ValueError(f"stages must be (rate > 0, seconds > 0) pairs, at least one, not {self.stages!r}")
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
    def duration_s(self) -> float:
        """The schedule's length without the warm-up."""
        return sum(seconds for _, seconds in self.stages)

    @property
    def rate(self) -> float:
        """The mean offered arrival rate over all stages, in requests a second."""
        return sum(rate * seconds for rate, seconds in self.stages) / self.duration_s

    @property
    def longest_s(self) -> float:
        """No run takes longer than this: warm-up, schedule, and their outstanding requests."""
        return self.warmup_s + self.duration_s + 6 * self.timeout_s


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
