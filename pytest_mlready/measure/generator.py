"""When a load generator's own trouble forbids a verdict on the service."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.proportions import RateVerdict, judge_rate
from pytest_mlready.records import LoadRun

ACHIEVED = 0.99
"""Share of the offered requests that have to be sent."""
BUSY = 0.9
"""Share of a core that one generator process may use."""
SMALLEST_S = 0.001
"""Lateness below this never matters."""


def starved(run: LoadRun, limit_s: float) -> str | None:
    """Why nothing can be concluded from a run about a limit of `limit_s` seconds; None if the generator kept up.

    Dropped or unsent requests, half of all requests late by 2% of the limit, or 1% of them by 20% of it: measured,
    a generator beside two busy neighbours on two cores has its p99 at 35 ms and its median below 1 ms, one that gets
    a tenth of a core has both near 50 ms.
    """
    few = too_few_connections(run, limit_s)
    excused = np.asarray(run.series.get("queued", False)) if few is None else np.False_
    return _not_sent(run, limit_s, excused) or strained(run, limit_s)


def unsent(run: LoadRun, limit_s: float) -> str | None:
    """Why not even a pass can be concluded: dropped requests, or a rate that was not reached by the schedule's end.

    Whoever is to blame: a service that held all connections, or we, who had too few of them or came too late.
    """
    return _not_sent(run, limit_s, np.False_)


def _not_sent(run: LoadRun, limit_s: float, excused: NDArray[np.bool_] | np.bool_) -> str | None:
    """That requests were dropped or, but for those that are excused, not sent in time.

    What finds no connection while answers are slow would have been slow itself.
    """
    offered = sum(one.offered for one in run.classes)
    sent = sum(one.sent for one in run.classes)
    dropped = sum(one.dropped for one in run.classes)
    if offered == 0:
        return "nothing was offered"
    few = too_few_connections(run, limit_s)
    if dropped or sent < ACHIEVED * offered:
        return few or f"{offered - sent} of {offered} requests were never sent"
    behind = (np.asarray(run.series.get("sent_s", 0.0)) > run.duration_s + limit_s) & ~excused
    if np.sum(behind) > (1 - ACHIEVED) * behind.size:
        return few or f"{np.sum(behind)} of {behind.size} requests were not sent before the schedule's end"
    return None


def strained(run: LoadRun, limit_s: float) -> str | None:
    """As `starved`, but for requests that were never sent: they may have found all connections held by the service."""
    return too_few_connections(run, limit_s) or burdened(run, limit_s)


def burdened(run: LoadRun, limit_s: float) -> str | None:
    """Why answers may be slow by its own doing: it sent in bunches, or had no time left to read them."""
    generator = run.generator
    if generator.lateness_p50_s > max(SMALLEST_S, 0.02 * limit_s):
        return f"half of its requests were sent more than {generator.lateness_p50_s * 1000:.1f} ms late"
    if generator.lateness_p99_s > max(10 * SMALLEST_S, 0.2 * limit_s):
        return f"1% of its requests were sent more than {generator.lateness_p99_s * 1000:.0f} ms late"
    busy = generator.cpu_s / generator.processes / max(generator.wall_s, 1e-9)
    return f"it used {busy:.0%} of a core itself" if busy > BUSY else None


def too_few_connections(run: LoadRun, limit_s: float, rate: float | None = None) -> str | None:
    """That requests waited for a connection though there were fewer than a service within the limit would hold.

    By Little's law, rate times limit are in flight at a service that answers all just within the limit; `rate` is the
    run's, unless given.
    """
    queued = int(np.sum(run.series.get("queued", ())))
    if queued and run.generator.connections < (run.rate if rate is None else rate) * limit_s:
        return f"{queued} requests waited for one of its own {run.generator.connections} connections"
    return None


def punctual(run: LoadRun, limit_s: float) -> bool:
    """Whether requests left so punctually that lateness cannot have made them slow: RULES, latency, 2."""
    return run.generator.lateness_p99_s <= max(SMALLEST_S, 0.02 * limit_s)


def judge_failures(run: LoadRun, failures: int, n: int, budget: float, alpha: float = 0.05) -> RateVerdict:
    """`failures` of `n` requests against a budget; and what was sent again, where it is more than that allows.

    A connection that is closed as a request is sent on it costs nobody a request who sends it again, but many clients
    do not. Those requests are counted where the verdict's `k` is more than `failures`.
    """
    counts = failures, min(n, failures + run.generator.resent)  # what was sent again may have failed after all
    alone, all_told = (judge_rate(count, n, budget, alpha) for count in counts)
    return alone if alone.verdict == "fail" or all_told.verdict != "fail" else all_told


def served_s(run: LoadRun) -> NDArray[np.float64]:
    """Seconds that the service took for each request, shape (requests,); inf where no 2xx answer came.

    From when it was due, less what the generator was late by its own fault: a request that waited because the service
    held every connection counts from its due time. For comparing services that share the generator's trouble.
    """
    status = np.asarray(run.series["status"])
    times = np.where(run.series["queued"], run.series["response_s"], run.series["service_s"])
    served: NDArray[np.float64] = np.where((status >= 200) & (status < 300), times, np.inf)
    return served


def unheld(run: LoadRun, grace_s: float) -> tuple[int, int]:
    """How many requests were not answered by the schedule's end and `grace_s` seconds, and of how many.

    Answers that shed load (429, 503) count as not answered: a rate is held by answering, not by refusing. Requests
    that failed during the run are left out: those are errors, and judged as such.
    """
    status, response = np.asarray(run.series["status"]), np.asarray(run.series["response_s"])
    by_end = np.asarray(run.series["intended_s"]) + response <= run.duration_s + grace_s
    errors = (status == 0) & by_end
    held = (status > 0) & (status != 429) & (status != 503) & by_end
    judged = int(np.sum(~errors))
    return judged - int(np.sum(held)), judged
