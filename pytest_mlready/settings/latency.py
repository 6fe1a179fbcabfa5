"""The table `[latency]`: the service level objective under load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_mlready.settings.tables import not_above_zero


@dataclass(frozen=True)
class Latency:
    """The service level objective under an open-loop load of `rate` requests a second.

    Capacity should be `headroom` times that, and rows in batches `batch_gain` times as fast as single ones.
    `cpu_ms_per_request` and `rss_mib` are what the service may use meanwhile, all its processes together.
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
    arrivals: Literal["constant", "poisson"] = "poisson"

    def fault(self) -> str | None:
        """What cannot be, as "key: words"; None if nothing."""
        if self.error_rate >= 1:
            return f"error_rate: expected a share, not {self.error_rate}"
        return not_above_zero(self)
