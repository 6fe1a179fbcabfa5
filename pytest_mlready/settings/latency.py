"""The table `[latency]`: the service level objective under load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_mlready.settings.tables import not_above_zero


@dataclass(frozen=True)
class Replicas:
    """Several processes or machines behind one address, `count` of them.

    Who answered is in the `header` of each answer, or in the document at `path`, whose `field` is a dotted path. A
    replica gets at most `share_ratio` times its even share of the requests, and at least the even share divided by
    it. When one dies, requests succeed again within `ejected_s` seconds. `command` starts the balancer with its
    replicas, by default that of `[service]`.
    """

    count: int
    header: str | None = None
    path: str | None = None
    field: str | None = None
    share_ratio: float = 2.0
    ejected_s: float = 5.0
    command: str | None = None

    def fault(self) -> str | None:
        """What is missing or cannot be, as "key: words"; None if nothing."""
        if self.count < 2:
            return f"count: expected 2 or more, got {self.count}"
        if (self.header is None) == (self.path is None):
            return "header: give one of `header` and `path`: where an answer says who gave it"
        if (self.path is None) != (self.field is None):
            return "field: `path` and `field` go together"
        if self.path is not None and not self.path.startswith("/"):
            return f"path: expected a path such as /whoami, got {self.path!r}"
        if self.share_ratio <= 1:
            return f"share_ratio: expected a number above 1, got {self.share_ratio}"
        return not_above_zero(self)


@dataclass(frozen=True)
class Latency:
    """The service level objective under an open-loop load of `rate` requests a second.

    Capacity should be `headroom` times that, and rows in batches `batch_gain` times as fast as single ones.
    `cpu_ms_per_request`, `rss_mib` and `gpu_mib` are what the service may use meanwhile, all its processes together.
    """

    rate: float
    p99_ms: float
    error_rate: float = 0.001
    longest_stall_s: float = 0.05
    health_ms: float = 250.0
    headroom: float = 1.5
    batch_gain: float = 2.0
    cpu_ms_per_request: float | None = None
    rss_mib: float | None = None
    gpu_mib: float | None = None
    arrivals: Literal["constant", "poisson"] = "poisson"
    replicas: Replicas | None = None

    def fault(self) -> str | None:
        """What cannot be, as "key: words"; None if nothing."""
        if self.error_rate >= 1:
            return f"error_rate: expected a share, not {self.error_rate}"
        if self.replicas is not None and (fault := self.replicas.fault()) is not None:
            return f"replicas.{fault}"
        return not_above_zero(self)
