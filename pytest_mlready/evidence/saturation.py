"""Evidence `saturation`: liveness and readiness asked at a fixed pace while predict gets more than it can answer."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pytest_mlready.evidence.asking import asked_of
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.loading import TIMEOUT_S, driven, predicts
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.openloop.plan import Plan
from pytest_mlready.records import HealthProbe, Saturation

RATE = 3_000.0
"""More than a Python service answers on one core; what finds no free connection is dropped, as planned."""
CONNECTIONS = 64
PACE_S = 0.015
"""About 200 answers of each role: enough that one late in twenty still proves nine in ten."""
ASKING = 4
"""So many ask each role in turn, so that one answer that takes seconds does not stay the only one."""
IDLE_S = 0.5
START_S = 3.0
"""What the load process takes to start, and the service to answer what is in flight at the end."""
SHORTEST_S = 2.5


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, how it is spoken to, and its probes if declared."""
    return asked_of(context)


def gather(context: Context) -> Saturation:
    """Ask while idle, start the load, ask while busy."""
    roles = _roles(context)
    if not roles:
        raise GatherError("neither a health nor a readiness route is known: declare them in [service.paths]")
    duration_s = max(SHORTEST_S, context.budget_s - START_S + 1.0)
    with (
        tempfile.TemporaryDirectory(prefix="mlready-load-") as output,
        ThreadPoolExecutor(1 + ASKING * len(roles)) as threads,
    ):
        plan = Plan(
            url=context.target.origin,
            scenario="saturation",
            stages=((RATE, duration_s),),
            classes=(predicts(context.target, context.rows),),
            output=output,
            arrivals="constant",
            seed=context.seed,
            timeout_s=TIMEOUT_S,
            pool=CONNECTIONS,
            backlog=CONNECTIONS,
            warmup_s=0.0,
        )
        stop = threading.Event()
        idle = _asked(context, threads, roles, time.monotonic() + IDLE_S, stop)
        busy_now = threading.Event()
        load = threads.submit(driven, plan, lambda counts: busy_now.set(), context.turn_fd)
        load.add_done_callback(lambda _: stop.set())
        load.add_done_callback(lambda _: busy_now.set())
        busy_now.wait()
        busy = () if load.done() else _asked(context, threads, roles, time.monotonic() + duration_s - 1.0, stop)
        result = load.result()
    total = result.named("predict")
    if total.completed == 0:
        raise GatherError("the load got no answer at all, so predict was not busy but broken")
    return Saturation(idle, busy, total.completed, result.generator.connections, result.duration_s)


def _roles(context: Context) -> dict[str, str]:
    """Role to path; a route that serves both is asked once, and has to live up to the stricter."""
    paths = context.target.paths
    live, ready = paths.get("live") or paths.get("health"), paths.get("ready")
    roles = {"live": live} if live else {}
    if ready and ready != live:
        roles["ready"] = ready
    return roles


def _asked(
    context: Context, threads: ThreadPoolExecutor, roles: Mapping[str, str], until: float, stop: threading.Event
) -> tuple[HealthProbe, ...]:
    """Ask every role at the pace, from several threads in turn, until a time or the end of the load."""
    start = time.monotonic()
    asking = [
        threads.submit(_ask, context, role, path, start + at * PACE_S, until, stop)
        for role, path in roles.items()
        for at in range(ASKING)
    ]
    return tuple(probe for one in asking for probe in one.result())


def _ask(context: Context, role: str, path: str, due: float, until: float, stop: threading.Event) -> list[HealthProbe]:
    """One question after the other on a kept connection; one that takes longer than the pace delays the next."""
    probes: list[HealthProbe] = []
    with context.target.transport(deadline_s=TIMEOUT_S) as transport:
        while due < until and not stop.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            late = time.monotonic() - due
            started = time.monotonic()
            exchange = transport.request(role, "GET", path, keep_alive=True)
            took = time.monotonic() - started
            probes.append(HealthProbe(role, path, late, took, exchange.outcome))
            due = max(due + ASKING * PACE_S, time.monotonic())
    return probes
