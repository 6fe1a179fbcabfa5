"""A plan driven against a service: warm-up, schedule, result."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import gevent

from pytest_mlready.openloop.connection import UNSENT, Connections, Failed, Origin
from pytest_mlready.openloop.executor import Executor
from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.recording import Recording
from pytest_mlready.openloop.schedule import Schedule, schedule, warmup
from pytest_mlready.protocols.http1 import request_bytes
from pytest_mlready.records import LoadRun

Report = Callable[[Request, str, float, int, Exception | None], None]
"""(request, name of its class, seconds from its intended time, bytes of body, what went wrong)"""
Progress = Callable[[dict[str, float]], None]

_LEAD_S = 0.05


class Unexpected(Exception):
    """An answer with another status than its class expects."""


class Dropped(Exception):
    """A request that could not be sent: every connection taken and the backlog full."""


def drive(plan: Plan, report: Report | None = None, progress: Progress | None = None) -> LoadRun:
    """Send what `plan` says and return what came of it. Runs in a greenlet; the service may answer or not.

    `report` hears of every recorded request, `progress` of the totals once a second.
    """
    origins = [Origin.of(url) for url in plan.urls]
    executor = Executor(lambda: Connections(origins, plan.timeout_s, plan.max_body), plan.pool, plan.backlog)
    try:
        before = warmup(plan)
        warm = _Traffic(plan, before, None, time.monotonic() + _LEAD_S)
        executor.run(warm.due_s, warm.start, warm.send, warm.wait, warm.drop, plan.timeout_s)
        executor.most_in_flight = 0
        gc.collect()
        gc.freeze()
        return _measured(plan, executor, report, progress)
    finally:
        executor.close()
        gc.unfreeze()


def _measured(plan: Plan, executor: Executor[Connections], report: Report | None, progress: Progress | None) -> LoadRun:
    arrivals = schedule(plan)
    start, started_at, cpu = time.monotonic() + _LEAD_S, time.time() + _LEAD_S, _cpu_s()
    traffic = _Traffic(plan, arrivals, report, start)
    ticker = gevent.spawn(_tick, traffic, progress) if progress else None
    try:
        executor.run(traffic.due_s, start, traffic.send, traffic.wait, traffic.drop, plan.timeout_s)
    finally:
        if ticker is not None:
            ticker.kill()
    wall_s = time.monotonic() - start
    return traffic.recording.load_run(plan, started_at, _cpu_s() - cpu, wall_s, executor.most_in_flight)


@dataclass(frozen=True)
class _Message:
    request: Request
    kind: Kind
    origin: Origin
    data: bytes


class _Traffic:
    """The requests of one schedule: sends each, times it, records it."""

    def __init__(self, plan: Plan, arrivals: Schedule, report: Report | None, start: float) -> None:
        self.start = start
        self.due_s: list[float] = arrivals.due_s.tolist()
        self.recording = Recording(arrivals, [kind.name for kind in plan.classes])
        self._messages = [
            [_message(kind, one, Origin.of(kind.url or plan.url)) for one in kind.requests] for kind in plan.classes
        ]
        self._kinds: list[int] = arrivals.kind.tolist()
        self._requests: list[int] = arrivals.request.tolist()
        self._report = report

    def send(self, connections: Connections, index: int) -> None:
        message = self._messages[self._kinds[index]][self._requests[index]]
        sent_s = time.monotonic() - self.start
        problem: Exception | None = None
        size = 0
        try:
            answer = connections.to[message.origin].exchange(message.request.method, message.data)
        except Failed as failed:
            if failed.word == UNSENT:
                self.drop(index)
                return
            done_s, problem = time.monotonic() - self.start, failed
            self.recording.failed(index, sent_s, done_s, failed.word)
        else:
            done_s, status, size = time.monotonic() - self.start, answer.status or 0, len(answer.body)
            success = status // 100 in message.kind.expected
            problem = None if success else Unexpected(f"status {status}")
            self.recording.answered(index, sent_s, done_s, status, success=success)
        if self._report is not None:
            self._report(message.request, message.kind.name, done_s - self.due_s[index], size, problem)

    def wait(self, index: int) -> None:
        self.recording.waits(index)

    def drop(self, index: int) -> None:
        self.recording.dropped(index)
        if self._report is not None:
            message = self._messages[self._kinds[index]][self._requests[index]]
            self._report(message.request, message.kind.name, 0.0, 0, Dropped("dropped"))


def _message(kind: Kind, request: Request, origin: Origin) -> _Message:
    headers = request.headers
    if not any(name.lower() == "host" for name, _ in headers):
        headers = (("Host", origin.authority), *headers)
    return _Message(request, kind, origin, request_bytes(request.method, request.path, headers, request.body))


def _tick(traffic: _Traffic, progress: Progress) -> None:
    recording, second = traffic.recording, 0
    while True:
        second += 1
        gevent.sleep(max(0.0, traffic.start + second - time.monotonic()))
        counts = {"sent": recording.sent, "completed": recording.completed, "failures": recording.failures}
        progress({"t": float(second), **counts})


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
