"""Is the capacity that is found the true one?  `python benchmarks/capacity.py [--quick] [--json FILE] [--only PART …]`

Ground truth are queues with a constant service time whose capacity, the rate at which 1% of the requests take longer
than the limit, follows from theory (Franx 2001, see `tests/unit/measure/test_capacity.py`).

- virtual: seeded searches on simulated queues, with the search, its bounds in time, the verdicts and the lengths of
  trials that the load process has. Intervals have to cover the truth in at least 95%, estimates to be within 5% of it.
- shipped: the same within the 55 s that a check's search has (a Locust scenario: 60 s). Intervals have to cover the
  truth in at least 95%, too. A queue that makes few ups and downs in that time leaves them wide, or with an open end;
  estimates beyond 5% are counted and are no target.
- live: the load process against a server that is such a queue, over HTTP, within 100 s; at least 36 of 40 intervals
  have to cover, and as many estimates to be within 5%.
- live_shipped: the same within 60 s; at least 36 of 40 intervals have to cover.

Exit 1 if a target is missed; with --quick, which makes too few searches for that, where it is missed beyond chance.
Live figures need a machine on which nothing else runs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from parts import concluded, parser_of, printed

from pytest_mlready.measure.capacity import Capacity, CapacitySearch
from pytest_mlready.measure.proportions import lower_bound
from pytest_mlready.measure.timed_search import OVERHEAD_S, WARMUP_S, Tried, searched
from pytest_mlready.measure.trial import SETTLING, judged_times
from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.process import search
from pytest_mlready.openloop.search_plan import SearchPlan
from tests.unit.measure.test_capacity import Queue

ROOT = Path(__file__).parents[1]
SERVER = ROOT / "tests" / "real" / "loadtests" / "queue_server.py"
SEED = 20261121
MISSES, OFF = 0.05, 0.05
LIVE_MISSES = 0.1
LIVE = Queue(service_s=0.004, servers=8, limit_s=0.02)
LIVE_SECONDS, SCENARIO_SECONDS, SHIPPED_SECONDS = 100.0, 60.0, 55.0
SETTLES_S = 0.3
"""What waiting for a queue to settle takes after a trial that did not pass."""
QUEUES = {
    "M/D/8, p99 <= 5 S, 1865/s": LIVE,
    "M/D/4, p99 <= 5 S, 348/s": Queue(0.01, 4, 0.05),
    "M/D/1, p99 <= 30 S, 94/s": Queue(0.01, 1, 0.3),
}
VIRTUAL_SECONDS = dict(zip(QUEUES, (150.0, 1500.0, 3000.0), strict=True))
"""What the searches may take in virtual time, so that estimates are within 5%: the fewer requests a second, and the
longer the limit against the time of service, the longer it takes until a queue has gone up and down often enough."""
SHIPPED = {**QUEUES, "M/D/4, p99 <= 12.5 S, 190/s": Queue(0.02, 4, 0.25)}


@dataclass(frozen=True)
class Row:
    """One part: how many searches missed, how long they took, and what share of misses is allowed."""

    part: str
    searches: int
    interval_misses: int
    estimates_off: int
    median_error: float
    median_width: float
    mean_trials: float
    mean_seconds: float
    allowed: float
    missed: bool


def main() -> int:
    """Make all searches, print the table, and return 1 if a target is missed."""
    options = parser_of(__doc__, PARTS, "30 searches a queue in virtual time, 2 live").parse_args()
    print(
        f"{'part':<38} {'searches':>8} {'missed':>6} {'off':>4} {'error':>6} {'width':>6} {'trials':>6} {'seconds':>7}"
    )
    rows = list(printed(options, lambda name: PARTS[name](options.quick), _line))
    return concluded(options, rows, [row.part for row in rows if row.missed])


def _line(row: Row) -> str:
    return (
        f"{row.part:<38} {row.searches:>8} {row.interval_misses:>6} {row.estimates_off:>4} "
        f"{row.median_error:>6.1%} {row.median_width:>6.1%} {row.mean_trials:>6.1f} {row.mean_seconds:>7.1f}"
        f"{'  MISSED' if row.missed else ''}"
    )


def virtual(quick: bool) -> Iterator[Row]:
    """Searches that start at 0.1 to 3 times the capacity."""
    for name, queue in QUEUES.items():
        rng, seconds = np.random.default_rng(SEED), VIRTUAL_SECONDS[name]
        yield _row(f"virtual {name}", queue, 30 if quick else 2000, partial(_searched, queue, seconds, rng), MISSES)


def shipped(quick: bool) -> Iterator[Row]:
    """The same in the time that they have by default."""
    for name, queue in SHIPPED.items():
        once = partial(_searched, queue, SHIPPED_SECONDS, np.random.default_rng(SEED))
        yield _row(f"shipped {name}", queue, 30 if quick else 2000, once, MISSES, close=False)


def live(quick: bool) -> Iterator[Row]:
    """The same through the load process, over HTTP."""
    yield _live("live", LIVE_SECONDS, quick)


def live_shipped(quick: bool) -> Iterator[Row]:
    """In the time that a Locust scenario has by default."""
    yield _live("live_shipped", SCENARIO_SECONDS, quick, close=False)


def _live(part: str, seconds: float, quick: bool, *, close: bool = True) -> Row:
    command = [sys.executable, str(SERVER), str(LIVE.service_s), str(LIVE.servers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout is None:
                raise RuntimeError("the server has no output")
            url, rng = f"http://127.0.0.1:{int(server.stdout.readline())}", np.random.default_rng(SEED)
            name, count, once = f"{part} M/D/8, p99 <= 5 S", 2 if quick else 40, partial(_lived, url, seconds, rng)
            return _row(name, LIVE, count, once, LIVE_MISSES, close=close)
        finally:
            server.kill()


PARTS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "virtual": virtual,
    "shipped": shipped,
    "live": live,
    "live_shipped": live_shipped,
}


def _row(
    part: str,
    queue: Queue,
    count: int,
    search_once: Callable[[float], tuple[Capacity, float]],
    allowed: float,
    *,
    close: bool = True,
) -> Row:
    truth = queue.capacity
    found = [search_once(truth) for _ in range(count)]
    missed = sum(not one.interval[0] <= truth <= one.interval[1] for one, _ in found)
    errors = [abs(one.estimate / truth - 1) for one, _ in found]
    off = sum(not error <= OFF for error in errors)
    widths = [one.interval[1] / one.interval[0] - 1 if one.interval[0] else np.inf for one, _ in found]
    worst = max(missed, off if close else 0)
    return Row(
        part,
        count,
        missed,
        off,
        float(np.nanmedian(errors)),
        float(np.median(widths)),
        float(np.mean([one.steps for one, _ in found])),
        float(np.mean([seconds for _, seconds in found])),
        allowed,
        (worst / count if count >= 40 else lower_bound(worst, count, 0.025)) > allowed,
    )


def _searched(queue: Queue, seconds: float, rng: np.random.Generator, truth: float) -> tuple[Capacity, float]:
    """A search in virtual time, which every trial takes from like one of the load process; and how long it took."""
    finder, spent = CapacitySearch(truth * rng.uniform(0.1, 3)), 0.0

    def attempt(rate: float, duration_s: float, length: int) -> Tried:
        nonlocal spent
        n = int(rng.poisson(rate * duration_s))
        times = queue.responses(rng, rate, max(n, 20))[int(SETTLING * n) :]
        seen = judged_times(times, queue.limit_s, (1 - SETTLING) * duration_s)
        spent += duration_s + WARMUP_S + OVERHEAD_S + (0.0 if seen.verdict == "pass" else SETTLES_S)
        return Tried(seen.verdict, seen.quantile_s)

    searched(finder, queue.limit_s, seconds, lambda: spent, attempt)
    return finder.result(), spent


def _lived(url: str, seconds: float, rng: np.random.Generator, truth: float) -> tuple[Capacity, float]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="capacity-") as output:
        plan = Plan(
            url=url,
            scenario="capacity",
            stages=((truth * rng.uniform(0.1, 3), 1.0),),
            classes=(Kind("queue", 1, (Request("GET", "/"),)),),
            output=output,
            seed=int(rng.integers(2**20)),
            progress=False,
        )
        found = search(SearchPlan(plan, LIVE.limit_s, seconds))
    low, high = found.low, np.inf if found.high is None else found.high
    estimate = np.nan if found.estimate is None else found.estimate
    took_s = time.monotonic() - began
    return Capacity(estimate, (low, high), found.converged, found.cliff, len(found.trials)), took_s


if __name__ == "__main__":
    sys.exit(main())
