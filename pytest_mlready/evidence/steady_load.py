"""Evidence `steady_load`: sample rows asked singly at the declared rate, from an open-loop schedule."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.evidence.watching import watched
from pytest_mlready.openloop.plan import Arrivals, Kind, Plan, Request
from pytest_mlready.openloop.process import LoadError, run
from pytest_mlready.records import LoadRun, Row
from pytest_mlready.service.target import Target

WARMUP_S = 1.0
TIMEOUT_S = 5.0
MOST_CONNECTIONS = 2_000
MOST_ROWS = 1_000


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, and the schedule: rate, kind of arrivals."""
    service, latency = context.settings.service, context.settings.latency
    return {
        "service": service.command or service.url,
        "json": service.json,
        "rate": latency and latency.rate,
        "arrivals": latency and latency.arrivals,
    }


def gather(context: Context) -> LoadRun:
    """Drive the declared rate for the whole budget, less the warm-up, and watch what the service uses."""
    latency = context.settings.latency
    if latency is None:
        raise GatherError("no [latency] table says at which rate to drive the service")
    duration_s = max(1.0, context.budget_s - WARMUP_S)

    def show(counts: Mapping[str, Any]) -> None:
        context.progress(
            f"load {latency.rate:g}/s: {counts['t']:.0f} of {duration_s:.0f} s, {counts['completed']} answered, "
            f"{counts['failures']} failed"
        )

    with watched(context.target.instance) as seen:
        run = drive(
            context.target,
            context.rows,
            rate=latency.rate,
            duration_s=duration_s,
            seed=context.seed,
            turn_fd=context.turn_fd,
            arrivals=latency.arrivals,
            on_progress=show,
        )
    return replace(run, used=tuple(replace(one, at_s=one.at_s - run.started_at) for one in seen))


def drive(
    target: Target,
    rows: Sequence[Row],
    *,
    rate: float,
    duration_s: float,
    seed: int,
    turn_fd: int | None,
    arrivals: Arrivals = "poisson",
    on_progress: Callable[[dict[str, Any]], None] | None = None,
) -> LoadRun:
    """Single-row predicts at `rate` requests a second for `duration_s` seconds.

    Raises:
        GatherError: the load gave no result.
    """
    with tempfile.TemporaryDirectory(prefix="mlready-load-") as output:
        plan = Plan(
            url=target.url,
            scenario="steady",
            stages=((rate, duration_s),),
            classes=(predicts(target, rows),),
            output=output,
            arrivals=arrivals,
            seed=seed,
            timeout_s=TIMEOUT_S,
            pool=pool_for(rate),
            warmup_s=WARMUP_S,
            progress=on_progress is not None,
        )
        return driven(plan, on_progress, turn_fd)


def pool_for(rate: float) -> int:
    """Connections so many that a slow service cannot make us late: no more arrive before the deadline of the first."""
    return min(MOST_CONNECTIONS, math.ceil(1.2 * rate * TIMEOUT_S) + 32)


def driven(plan: Plan, on_progress: Callable[[dict[str, Any]], None] | None, *turn_fds: int | None) -> LoadRun:
    """Run a plan in a process of its own, which holds our turns as long as it lives. Raises GatherError."""
    try:
        return run(plan, on_progress=on_progress, pass_fds=tuple(one for one in turn_fds if one is not None))
    except LoadError as error:
        raise GatherError(str(error)) from None


def predicts(target: Target, rows: Sequence[Row]) -> Kind:
    """The class of requests that asks for one sample row each."""
    mapping = target.mapping
    with target.transport() as transport:
        path = transport.prefix + mapping.predict_path
    headers = (*mapping.request_headers, *target.headers)
    chosen = rows[:MOST_ROWS]
    return Kind("predict", 1.0, tuple(Request("POST", path, headers, mapping.encode_row(row)) for row in chosen))
