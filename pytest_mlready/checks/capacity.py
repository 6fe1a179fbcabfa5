"""Checks of how much a service can take: its capacity, what more than that does to it, and what batches gain."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pytest_mlready.catalogue import check
from pytest_mlready.checks.latency import declared, ms
from pytest_mlready.finding import Finding, Measurement, Status, failed, inconclusive, passed
from pytest_mlready.measure.overload import at_least, beyond_capacity, goodput, recovery, refusal
from pytest_mlready.measure.series import mean_interval
from pytest_mlready.measure.usl import fit_usl
from pytest_mlready.records import BatchThroughput, Sweep, Trial
from pytest_mlready.settings import Settings


@check(
    "latency.capacity_knee",
    "should",
    remedy="Find what saturates first (the event loop, a lock, one worker's core); add workers, or batch.",
)
def capacity_knee(capacity: Sweep, settings: Settings) -> Finding:
    """The highest rate that keeps the latency limit is well above the declared one: by the factor `headroom`.

    At capacity a queue grows without end, so the declared rate has to stay clear of it: traffic has peaks, and the
    share of a replica that is lost, or deployed anew, falls on the others.

    A rate is kept if 99% of the requests are answered 2xx within the limit.
    """
    latency = declared(settings)
    wanted, high = latency.headroom * latency.rate, math.inf if capacity.high is None else capacity.high
    value = capacity.low if capacity.estimate is None else capacity.estimate
    measured = Measurement(value, "1/s", n=len(capacity.trials), interval=(capacity.low, high), limit=wanted)
    what = f"{_knee(capacity)}; {wanted:g} wanted ({latency.headroom:g} × {latency.rate:g})"
    details = (*_scalability(capacity), *map(_point, sorted(capacity.trials, key=lambda one: one.rate)))
    if capacity.low >= wanted:
        return passed(what, measured, details=details)
    if high <= wanted:
        return failed(what, measured, details=details)
    troubles = [one.trouble for one in capacity.trials if one.trouble is not None]
    because = f"the load generator had trouble of its own: {troubles[-1]}" if troubles else "more time would decide"
    return inconclusive(f"{what}: {because}", measured, details=details)


@check(
    "latency.overload",
    "must",
    remedy="Bound every queue by the time that callers wait; refuse the rest at once with 503 or 429 and Retry-After.",
)
def overload(capacity: Sweep, settings: Settings) -> Finding:
    """Given 1.5 times what it can take, a service refuses (429, 503) what is too much, serves the rest, and recovers.

    Without a bound, a queue grows until every answer comes too late: the service is busy, and of use to nobody. Callers
    then try again, so that it stays so when the load has long gone.

    Good is a 2xx answer within the latency limit. Half as many as at capacity have to be; most of the others have to be
    refused, not left waiting or broken; and 3 s after the overload the declared rate has to be served again.
    """
    seen = capacity.overload
    if seen is None:
        return inconclusive("the load generator had trouble of its own at every rate: see latency.capacity_knee")
    if not beyond_capacity(seen):
        return inconclusive(f"it could not be overloaded: {seen.rate:.4g} requests/s were answered as they should be")
    served = goodput(seen)
    judged = (served, refusal(seen), recovery(seen))
    measured = Measurement(served.rate, "1/s", n=served.blocks, interval=served.interval, limit=served.wanted)
    what = "; ".join(one.said for one in judged)
    details = (f"answers {dict(seen.statuses)}, none {dict(seen.failures)}, {seen.connections} connections",)
    trouble = seen.trouble or seen.control.trouble
    if trouble is not None:
        return inconclusive(f"the load generator had trouble of its own: {trouble}", measured, details=(what, *details))
    if any(one.word == "fail" for one in judged):
        return failed(what, measured, details=details)
    if any(one.word == "inconclusive" for one in judged):
        return inconclusive(f"{what}: too close to tell", measured, details=details)
    return passed(what, measured, details=details)


@check(
    "latency.batch_amortises",
    "may",
    remedy="Answer a batch by one call of the model on all rows, not by a loop of single calls.",
)
def batch_amortises(batch_throughput: BatchThroughput, settings: Settings) -> Finding:
    """Rows in batches are answered much faster than single ones: by the factor `batch_gain`.

    What a request and a call of the model cost is shared by the rows of a batch; a batch route that loops over the rows
    gives its callers nothing for their trouble.
    """
    seen, wanted = batch_throughput, declared(settings).batch_gain
    if seen.size == 0:
        none = "the service takes one row at a time"
        return Finding(Status.NOT_APPLICABLE, none) if seen.problem is None else inconclusive(seen.problem)
    gains = np.log(np.array(seen.batches)) - np.log(np.array(seen.singles))
    gain, (low, high) = math.exp(float(gains.mean())), (math.exp(end) for end in mean_interval(gains))
    measured = Measurement(gain, "1", n=gains.size, interval=(low, high), limit=wanted)
    what = f"rows in batches of {seen.size}: {gain:.3g} times as many a second as singly [{low:.3g}, {high:.3g}]"
    word = at_least((low, high), wanted)
    return {"pass": passed, "fail": failed, "inconclusive": inconclusive}[word](what, measured)


def _knee(found: Sweep) -> str:
    """The capacity in words, such as "2310 requests/s [2250, 2380] keep 99% within 250 ms"."""
    high = "unbounded" if found.high is None else f"{found.high:.4g}"
    span = f"[{found.low:.4g}, {high}] requests/s keep 99% within {found.limit_s * 1000:g} ms"
    said = span if found.estimate is None else f"{found.estimate:.4g} {span}"
    return f"{said}, beyond it latency leaps" if found.cliff else said


def _scalability(found: Sweep) -> Iterator[str]:
    """The Universal Scalability Law over the trials, by how many requests were at the service on average."""
    points = [(one.in_flight, one.achieved) for one in found.trials if one.trouble is None and one.achieved > 0]
    try:
        fit = fit_usl(*zip(*points, strict=True))
    except (TypeError, ValueError):
        return
    a, b = fit.contention_interval, fit.coherency_interval
    yield (
        f"USL: contention {fit.contention:.2g} [{a[0]:.2g}, {a[1]:.2g}], coherency {fit.coherency:.2g} "
        f"[{b[0]:.2g}, {b[1]:.2g}]; {fit.summary}"
    )


def _point(tried: Trial) -> str:
    """One point of the curve."""
    p99 = tried.response["p99"].value_s if tried.response else None
    said = ms(math.inf if p99 is None else p99)
    trouble = f" ({tried.trouble})" if tried.trouble else ""
    return f"{tried.rate:.4g}/s: {tried.good:.4g} good/s, p99 {said}, {tried.verdict}{trouble}"
