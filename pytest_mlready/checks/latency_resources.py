"""Checks of what the service uses under load: memory that grows, CPU time and memory beyond what is declared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pytest_mlready.catalogue import check
from pytest_mlready.checks.latency import declared
from pytest_mlready.finding import Finding, Measurement, Status, failed, inconclusive, passed
from pytest_mlready.measure.growth import Growth, growth
from pytest_mlready.records import LoadRun
from pytest_mlready.settings import Settings

MIB = 1024 * 1024
LEAST_BYTES = 1024
"""Growth below this a request is no finding: at 100 requests a second it takes three hours to the first GiB."""
LEAST_GROWTH = 8 * MIB
"""Less in all may be a table that fills once, or a heap that finds its size."""
BLIND = 32 * 1024
"""Where growth by so much a request cannot be excluded, too little was seen to pass."""
NOT_OURS = "the service was not started by the run, which cannot see what it uses"


@check(
    "lifecycle.memory_stable",
    "should",
    remedy="Look for what keeps something of each request: a list of predictions, a cache or a queue without a bound.",
)
def memory_stable(steady_load: LoadRun) -> Finding:
    """Under steady load the service's memory does not grow with the requests, once it is warm.

    A server that remembers every prediction runs for days in every test and is killed for its memory in production, at
    the busiest hour.

    It fails where growth of more than 1 KiB a request is certain (99%, over eight stretches of the run) and came to 8
    MiB in all; less in all may be something that fills up and then stays.
    """
    if not steady_load.used:
        return Finding(Status.NOT_APPLICABLE, NOT_OURS)
    seen = grown(steady_load, [one.rss_bytes for one in steady_load.used])
    if seen is None:
        return inconclusive("too few looks at the memory between answers: a longer run would decide")
    low, high = seen.interval
    measured = Measurement(seen.each, "B", n=round(seen.requests), interval=seen.interval, limit=LEAST_BYTES)
    hour = max(0.0, seen.each) * steady_load.rate * 3600 / MIB
    what = f"memory grew by {seen.total / MIB:.1f} MiB over {seen.requests:.0f} requests"
    what += f", {seen.each / 1024:.1f} KiB each [{low / 1024:.1f}, {high / 1024:.1f}]"
    if low <= LEAST_BYTES and high > BLIND:
        return inconclusive(f"{what}: too uneven to tell; a longer run would decide", measured)
    if low <= LEAST_BYTES:
        return passed(f"{what}; a leak of more than {max(0.0, high) / 1024:.1f} KiB a request would show", measured)
    if seen.total < LEAST_GROWTH:
        needed = steady_load.duration_s * LEAST_GROWTH / seen.total
        return inconclusive(f"{what}: it may be filling up; {needed:.0f} s would decide", measured)
    return failed(f"{what}, without a pause: {hour:.0f} MiB an hour at this rate", measured)


@check(
    "latency.resource_budget",
    "should",
    remedy="Profile a request: copies of arrays, models loaded or compiled for each call, validation done twice. Or "
    "declare what it does need, and size the machines by that.",
    needs=("latency.resources",),
)
def resource_budget(steady_load: LoadRun, settings: Settings) -> Finding:
    """CPU time a request, peak memory, and that on GPUs, are within what is declared at the declared rate.

    Machines are bought by these two numbers: a service that uses twice its share is twice as dear, or is throttled and
    killed where its limits are set.
    """
    if not steady_load.used:
        return Finding(Status.NOT_APPLICABLE, NOT_OURS)
    latency = declared(settings)
    found = []
    if latency.rss_mib is not None:
        found.append(_memory(steady_load, latency.rss_mib))
    if latency.cpu_ms_per_request is not None:
        found.append(_cpu(steady_load, latency.cpu_ms_per_request))
    if latency.gpu_mib is not None:
        found.append(_gpu(steady_load, latency.gpu_mib))
    order = (Status.FAIL, Status.INCONCLUSIVE, Status.PASS)
    worst = min(found, key=lambda one: order.index(one.status))
    details = tuple(one.summary for one in found if one is not worst)
    return Finding(worst.status, worst.summary, worst.measurement, details)


def _memory(run: LoadRun, limit_mib: float) -> Finding:
    peak = max(one.rss_bytes for one in run.used) / MIB
    measured = Measurement(peak * MIB, "B", n=len(run.used), limit=limit_mib * MIB)
    what = f"at most {peak:.0f} MiB resident in {len(run.used)} looks, {limit_mib:g} MiB declared"
    return passed(what, measured) if peak <= limit_mib else failed(what, measured)


def _gpu(run: LoadRun, limit_mib: float) -> Finding:
    known = [one.gpu_bytes for one in run.used if one.gpu_bytes is not None]
    if not known:
        return inconclusive("nvidia-smi is not there, or knows none of the service's processes")
    peak = max(known) / MIB
    measured = Measurement(peak * MIB, "B", n=len(known), limit=limit_mib * MIB)
    what = f"at most {peak:.0f} MiB on GPUs, {limit_mib:g} MiB declared"
    return passed(what, measured) if peak <= limit_mib else failed(what, measured)


def _cpu(run: LoadRun, limit_ms: float) -> Finding:
    seen = grown(run, [one.cpu_s for one in run.used])
    if seen is None:
        return inconclusive("too few looks at the CPU time between answers: a longer run would decide")
    low, high = (1000 * one for one in seen.interval)
    interval = (low / 1000, high / 1000)
    measured = Measurement(seen.each, "s", n=round(seen.requests), interval=interval, limit=limit_ms / 1000)
    what = f"{1000 * seen.each:.2f} ms of CPU a request [{low:.2f}, {high:.2f}], {limit_ms:g} ms declared"
    if high <= limit_ms:
        return passed(what, measured)
    return failed(what, measured) if low > limit_ms else inconclusive(f"{what}: a longer run would decide", measured)


def grown(run: LoadRun, values: Sequence[float]) -> Growth | None:
    """Growth of what was seen at each look within the schedule, by requests answered until then: refusing is cheap."""
    status = np.asarray(run.series["status"])
    done = np.asarray(run.series["intended_s"]) + np.asarray(run.series["response_s"])
    done = np.sort(done[(status >= 200) & (status < 300)])
    answered = np.searchsorted(done, [one.at_s for one in run.used])
    inside = [0 <= one.at_s <= run.duration_s for one in run.used]
    return growth(answered[inside], np.asarray(values)[inside])
