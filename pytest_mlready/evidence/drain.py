"""Evidence `drain`: SIGTERM to a fresh instance that has requests in flight."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pytest_mlready.evidence.asking import ask_one, predict
from pytest_mlready.evidence.context import Context, Spare
from pytest_mlready.evidence.half_sent import HalfSent
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import Drain, Exchange
from pytest_mlready.service.instance import Instance
from pytest_mlready.service.target import Target

CLIENTS = 6
HALF_SENT = 4
TRAFFIC_S = 0.5
"""So long before the signal the clients begin; half way through, the half-sent requests."""
REST_AFTER_S = 0.15
"""After the signal, before the second halves: time enough for a service that is about to drop them."""
WARM_S = 10.0
STOP_S = 0.5
"""After the exit, before processes that are left are counted."""
Request = tuple[float, float, str]


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, how it is spoken to, and how long its end is waited for."""
    service = context.settings.service
    return {"service": service.command, "json": service.json, "drain_s": context.settings.lifecycle.drain_s}


def gather(context: Context) -> Drain:
    """Begin requests, send SIGTERM, finish them, and wait for the end."""
    budget_s = context.settings.lifecycle.drain_s
    with (context.spare or Spare()).or_fresh(context.target) as fresh:
        instance = fresh.instance
        if instance is None:
            raise GatherError("the fresh instance has no process")
        own = Context(fresh, context.settings, context.rows, context.seed, context.budget_s)
        _warm(own)
        with ThreadPoolExecutor(CLIENTS + 1) as threads:
            stop = threading.Event()
            clients = [threads.submit(_client, own, at, stop, budget_s) for at in range(CLIENTS)]
            time.sleep(TRAFFIC_S / 2)
            halves = [HalfSent.begin(fresh, context.rows[at % len(context.rows)]) for at in range(HALF_SENT)]
            time.sleep(TRAFFIC_S / 2)
            stop.set()  # whatever is begun from here on may come after the signal and does not count
            instance.signal(signal.SIGTERM)
            signalled = time.monotonic()
            asked = threads.submit(_readiness, fresh)  # a service that accepts no more lets it wait, not the halves
            time.sleep(max(0.0, signalled + REST_AFTER_S - time.monotonic()))
            half_sent = tuple(_since(one.finish(signalled + budget_s), signalled) for one in halves)
            ready_after = asked.result()
            begun = [request for client in clients if (request := client.result()) is not None]
        code, waited_s = _ended(instance, signalled, budget_s)
        left_behind = _left_behind(instance) if code is not None else 0
    requests = tuple(_since(one, signalled) for one in begun if one[0] < signalled < one[1])
    return Drain(requests, half_sent, ready_after, code, waited_s, left_behind)


def _warm(context: Context) -> None:
    """Wait for a first answer: whether readiness told the truth is another check's business."""
    until = time.monotonic() + WARM_S
    while not (first := ask_one(context, 0)).exchange.ok:
        if time.monotonic() > until:
            raise GatherError(f"the fresh instance answers a sample row with {first.exchange.outcome}")
        time.sleep(0.05)


def _client(context: Context, at: int, stop: threading.Event, deadline_s: float) -> Request | None:
    """Sends back to back on a connection of its own until told to stop; the last request: (begun, ended, outcome)."""
    last: Request | None = None
    mapping = context.target.mapping
    body = mapping.encode_row(context.rows[at % len(context.rows)])
    with context.target.transport(deadline_s=deadline_s) as transport:
        while not stop.is_set():
            begun = time.monotonic()
            exchange = predict(context.target, "in flight", body, transport=transport, keep_alive=True)
            last = (begun, time.monotonic(), exchange.outcome)
    return last


def _readiness(fresh: Target) -> Exchange | None:
    path = fresh.paths.get("ready") or fresh.paths.get("health")
    if path is None:
        return None
    with fresh.transport(deadline_s=1.0) as transport:
        return transport.request("readiness after SIGTERM", "GET", path)


def _since(request: Request, signalled: float) -> Request:
    begun, ended, outcome = request
    return begun - signalled, ended - signalled, outcome


def _ended(instance: Instance, signalled: float, budget_s: float) -> tuple[int | None, float]:
    """The exit code, None if it lives on beyond the budget, and the seconds from the signal."""
    while instance.alive():
        if time.monotonic() - signalled > budget_s:
            return None, time.monotonic() - signalled
        time.sleep(0.005)
    waited_s = time.monotonic() - signalled
    return instance.exit_code(), waited_s


def _left_behind(instance: Instance) -> int:
    until = time.monotonic() + STOP_S
    while (left := len(instance.processes())) and time.monotonic() < until:
        time.sleep(0.02)
    return left
