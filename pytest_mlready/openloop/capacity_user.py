"""A Locust user that searches for the capacity of a service, instead of sending one schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from pytest_mlready.openloop.drive import Report
from pytest_mlready.openloop.plan import Stage
from pytest_mlready.openloop.search_plan import SearchPlan
from pytest_mlready.openloop.searching import search
from pytest_mlready.openloop.stages import Verdict
from pytest_mlready.openloop.sweep_document import write_sweep
from pytest_mlready.openloop.user import Kind, OpenLoopUser, Request
from pytest_mlready.records import Sweep

__all__ = ["CapacityUser", "Kind", "Request"]


class CapacityUser(OpenLoopUser):
    """Finds the highest rate at which 99% of the requests are answered 2xx within `--slo-p99-ms`.

    The search begins at `--rate`, and the scenario passes if the service has capacity for that. Each trial's rate
    follows from the verdicts before it, so that of several processes one makes the whole search.
    """

    abstract = True
    alone: ClassVar[bool] = True

    def stages(self) -> tuple[Stage, ...]:
        """Where the search begins, and how long it may take."""
        return ((self.options.rate, self.options.capacity_duration),)

    def search_plan(self) -> SearchPlan:
        """The search that the command line asks for."""
        return SearchPlan(self.plan(), self.options.slo_p99_ms / 1000, self.options.capacity_duration)

    def conduct(self, share: tuple[int, int], report: Report) -> Sweep:
        """Make the search; says what became of each trial."""
        return search(self.search_plan(), report, _say)

    def packed(self, result: Sweep) -> tuple[bytes, bytes]:
        """A result for sending to the master."""
        return msgspec.json.encode(result), b""

    def unpacked(self, plain: bytes, arrays: bytes) -> Sweep:
        """The reverse of `packed`."""
        return msgspec.json.decode(plain, type=Sweep)

    def merged(self, results: Sequence[Sweep]) -> Sweep:
        """The one search that was made."""
        (sweep,) = results
        return sweep

    def keep(self, result: Sweep) -> None:
        """Write the search where `--result` says, if it does. Raises OSError."""
        directory = self.directory()
        if directory is not None:
            write_sweep(result, directory)

    def judged(self, result: Sweep) -> Verdict:
        """Whether the service has capacity for `--rate`."""
        return capacity_verdict(result, self.options.rate)

    @property
    def longest_s(self) -> float:
        """The search takes no longer than this."""
        return self.search_plan().longest_s


def capacity_verdict(sweep: Sweep, rate: float) -> Verdict:
    """Whether a service has capacity for `rate` requests/s, in a line."""
    low, high = sweep.low, sweep.high
    word = "PASS" if low >= rate else "FAIL" if high is not None and high <= rate else "INCONCLUSIVE"
    top = "unbounded" if high is None else f"{high:.4g}"
    estimate = "" if sweep.estimate is None else f"{sweep.estimate:.4g} "
    line = (
        f"capacity: {word} at {rate:g} req/s: {estimate}[{low:.4g}, {top}] req/s keep 99% within "
        f"{1000 * sweep.limit_s:g} ms; {len(sweep.trials)} trials in {sweep.seconds:.0f} s"
    )
    notes = {"found": "", "out of time": "; out of time", "generator": "; the generator could send no more"}
    return Verdict(word == "PASS", (line + notes[sweep.ended] + ("; beyond it latency leaps" if sweep.cliff else ""),))


def _say(trial: dict[str, Any]) -> None:
    p99 = "unbounded" if trial["p99_s"] is None else f"{1000 * trial['p99_s']:.1f} ms"
    print(f"capacity: trial {trial['trial']} at {trial['rate']:.4g} req/s: {trial['verdict']}, p99 {p99}", flush=True)
