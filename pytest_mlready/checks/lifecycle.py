"""Checks of starting and stopping."""

from __future__ import annotations

from pytest_mlready.catalogue import check
from pytest_mlready.finding import SERVICE, Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.agreement import difference
from pytest_mlready.records import Answered, Drain, StartTimeline
from pytest_mlready.settings import Settings

CLEAN_EXITS = frozenset({0, -15, 143})
"""Exit codes of a service that stopped because it was told to: servers that finish and then die of the very signal
(uvicorn) are as good as those that return 0."""
CROSSING_S = 0.05
"""A request begun so shortly before the signal may cross with the closing of a connection that looks idle."""


@check(
    "lifecycle.ready_truthful",
    "must",
    remedy="Answer readiness with 503 until the model is loaded and has answered one prediction in the process itself.",
)
def ready_truthful(start_timeline: StartTimeline) -> Finding:
    """The first predict after readiness says yes succeeds, and is answered as the next one is.

    A load balancer sends traffic the moment readiness answers 200: from then on every failed request is a customer's.
    """
    first, second = start_timeline.first, start_timeline.second
    if start_timeline.ready_at_s is None or first is None:
        seen = start_timeline.statuses[-1][1] if start_timeline.statuses else "nothing"
        return inconclusive(f"a fresh instance never said that it was ready; the last answer was {seen}")
    measured = Measurement(start_timeline.ready_at_s, "s", n=len(start_timeline.statuses))
    when = f"ready {start_timeline.ready_at_s:.2f} s after the start"
    if first.only is None:
        return failed(f"{when}, but the next predict {_became(first)}", measured, replay=first.exchange.curl(SERVICE))
    if second is not None and second.only is not None:
        what = difference(first.only, second.only)
        if what is not None:
            details = ("the same row was asked twice in a row, right after readiness",)
            return failed(f"{when}, but the first answer was not the model's: {what}", measured, details=details)
    return passed(f"{when}, and the very next predict succeeded", measured)


@check(
    "lifecycle.cold_start",
    "should",
    remedy="Load the model and run one prediction before readiness says yes; shrink the artefact or its imports.",
)
def cold_start(start_timeline: StartTimeline, settings: Settings) -> Finding:
    """A fresh instance is ready, and answers its first request, within the declared budgets.

    Scaling out, a crash and a rollback all wait for this; a first request that loads the model is a timeout for
    somebody at every deployment.
    """
    ready_at, first = start_timeline.ready_at_s, start_timeline.first
    budget, first_budget = settings.lifecycle.cold_start_s, settings.lifecycle.first_request_s
    if ready_at is None:
        waited = start_timeline.statuses[-1][0] if start_timeline.statuses else 0.0
        summary = f"a fresh instance was not ready after {waited:.1f} s"
        return (failed if waited > budget else inconclusive)(summary, Measurement(waited, "s", n=1, limit=budget))
    if ready_at > budget:
        return failed(f"ready only after {ready_at:.1f} s", Measurement(ready_at, "s", n=1, limit=budget))
    if first is None or first.only is None:
        return inconclusive("the first request was not answered: see lifecycle.ready_truthful")
    took = first.exchange.elapsed_s
    measured = Measurement(took, "s", n=1, limit=first_budget)
    if took > first_budget:
        second = start_timeline.second
        beside = f", the second {second.exchange.elapsed_s:.2f} s" if second is not None else ""
        return failed(f"the first request took {took:.2f} s{beside}: something is loaded only then", measured)
    return passed(f"ready after {ready_at:.2f} s, first request answered in {took * 1000:.0f} ms", measured)


@check(
    "lifecycle.drain",
    "must",
    remedy="On SIGTERM stop accepting, finish what is in flight, then exit; give the server a graceful timeout longer "
    "than the slowest request, and run it as the process that gets the signal.",
)
def drain(drain: Drain, settings: Settings) -> Finding:
    """Requests in flight when SIGTERM comes are answered, and the process then exits by itself within the budget.

    Every deployment and every scale-down sends this signal: without a drain each of them costs customers' requests.
    """
    begun = [*drain.half_sent, *drain.requests]
    lost = [one for one in begun if not _answered(one)]
    certain = [one for one in lost if one[0] < -CROSSING_S]
    crossing = [one for one in begun if one[0] >= -CROSSING_S]
    crossed = [one for one in crossing if not _answered(one)]
    measured = Measurement(len(lost), "1", n=len(begun), limit=0)
    if certain or (len(crossed) >= 4 and 2 * len(crossed) >= len(crossing)):
        when, answered, outcome = (certain or crossed)[0]
        details = tuple(f"begun {-sent * 1000:.0f} ms before: {what}" for sent, _, what in lost)
        how = f"begun {-when * 1000:.0f} ms before SIGTERM, {outcome} {answered * 1000:.0f} ms after it"
        return failed(f"{len(lost)} of {len(begun)} requests in flight were lost; one {how}", measured, details=details)
    budget = settings.lifecycle.drain_s
    stopped = Measurement(drain.waited_s, "s", n=1, limit=budget)
    if drain.exit_code is None:
        summary = f"still alive {drain.waited_s:.1f} s after SIGTERM"
        return failed(summary, stopped) if drain.waited_s >= budget else inconclusive(summary, stopped)
    if drain.exit_code not in CLEAN_EXITS:
        return failed(f"SIGTERM ended the process with exit code {drain.exit_code}", stopped)
    if drain.waited_s > budget:
        return failed(f"the process ended only {drain.waited_s:.1f} s after SIGTERM", stopped)
    if drain.left_behind:
        return failed(f"{drain.left_behind} processes outlived the one that got SIGTERM", stopped)
    if not begun:
        return inconclusive("no request was in flight at the signal")
    return passed(
        f"{len(begun) - len(lost)} of {len(begun)} requests in flight at SIGTERM were answered, exit code "
        f"{drain.exit_code} after {drain.waited_s:.2f} s",
        stopped,
        details=tuple(f"crossed with a closing connection: {one[2]}" for one in crossed),
    )


def _answered(request: tuple[float, float, str]) -> bool:
    return request[2].startswith("2")


def _became(answered: Answered) -> str:
    exchange = answered.exchange
    if answered.problem is not None:
        return f"was answered with nothing usable: {answered.problem}"
    if exchange.status is None:
        return f"got no answer ({exchange.failure})"
    return f"was answered {exchange.status}"
