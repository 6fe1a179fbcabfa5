"""Evidence `start_timeline`: a fresh instance from its start to its second prediction."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any

from pytest_mlready.evidence.asking import ask_one
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import Exchange, StartTimeline
from pytest_mlready.service.instance import Instance
from pytest_mlready.service.transport import Transport

PACE_S = 0.01
POLL_DEADLINE_S = 2.0
FIRST_DEADLINE_S = 30.0


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, how it is spoken to, and its probes if declared."""
    service = context.settings.service
    return {"service": service.command, "json": service.json, "paths": service.paths}


def gather(context: Context) -> StartTimeline:
    """Start an instance, poll its readiness, and predict the moment it says yes."""
    paths = context.target.paths
    path = paths.get("ready") or paths.get("health")
    if path is None:
        raise GatherError("no readiness or health route is known: declare one in [service.paths]")
    started = time.monotonic()
    with contextlib.ExitStack() as ending:
        fresh = ending.enter_context(context.target.fresh(ready=False))
        if fresh.instance is None:
            raise GatherError("the fresh instance has no process")
        with fresh.transport(deadline_s=FIRST_DEADLINE_S) as transport:
            until = started + context.settings.service.ready_timeout_s
            statuses, ready = _polled(transport, fresh.instance, path, started, until)
            if ready is None:
                return StartTimeline(statuses, None, None, None, None)
            ready_at_s = time.monotonic() - started
            own = Context(fresh, context.settings, context.rows, context.seed, context.budget_s)
            first = ask_one(own, 0, transport=transport, case="first predict after readiness")
            second = ask_one(own, 0, transport=transport, case="second predict after readiness")
        if context.spare is not None:
            context.spare.keep(fresh, ending.pop_all())
    return StartTimeline(statuses, ready_at_s, ready, first, second)


def _polled(
    transport: Transport, instance: Instance, path: str, started: float, until: float
) -> tuple[tuple[tuple[float, str], ...], Exchange | None]:
    """Every poll as (seconds since the start, outcome), and the first 2xx, None if it never came."""
    statuses: list[tuple[float, str]] = []
    while time.monotonic() < until:
        exchange = transport.request("readiness", "GET", path, deadline_s=POLL_DEADLINE_S)
        statuses.append((time.monotonic() - started, exchange.outcome))
        if exchange.ok:
            return tuple(statuses), exchange
        if not instance.alive() and not instance.processes():
            code = instance.exit_code()
            raise GatherError(f"the fresh instance ended with exit code {code}\n{instance.log_tail(5)}")
        time.sleep(PACE_S)
    return tuple(statuses), None
