"""A plan driven against a service: warm-up, schedule, result."""

from __future__ import annotations

import gc
import math
import resource
import time
from array import array
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


class Interrupted(gevent.GreenletExit):  # type: ignore[misc]
    """The load was ended before its schedule; `run` is what came of it until then."""

    def __init__(self, run: LoadRun) -> None:
        super().__init__("interrupted")
        self.run = run


def drive(plan: Plan, report: Report | None = None, progress: Progress | None = None) -> LoadRun:
    """Send what `plan` says and return what came of it. Runs in a greenlet; the service may answer or not.

    `report` hears of every recorded request, `progress` of the totals once a second.

    Raises:
        Interrupted: the greenlet was killed while it sent the schedule.
    """
    origins = [Origin.of(url) for url in plan.urls]
    executor = Executor(lambda: Connections(origins, plan.timeout_s, plan.max_body), plan.pool, plan.backlog)
    # Made before the warm-up: a long schedule takes seconds, in which a server may close what was opened. Of a worker
    # that says nothing for four of them Locust thinks that it is lost.
    traffic = _Traffic(plan, schedule(plan, _let_others_run), report)
    try:
        _Traffic(plan, warmup(plan), None).run(executor)
        executor.most_in_flight = 0
        gc.collect()
        gc.freeze()
        return _measured(plan, traffic, executor, progress)
    finally:
        executor.close()
        gc.unfreeze()


def _let_others_run() -> None:
    gevent.sleep(0.001)  # not 0, which may leave timers and sockets waiting


def _measured(plan: Plan, traffic: _Traffic, executor: Executor[Connections], progress: Progress | None) -> LoadRun:
    started_at, cpu = time.time() + _LEAD_S, _cpu_s()
    ticker = gevent.spawn(_tick, traffic, progress) if progress else None

    def result() -> LoadRun:
        wall_s = time.monotonic() - traffic.start
        return traffic.recording.load_run(plan, started_at, _cpu_s() - cpu, wall_s, executor.most_in_flight)

    try:
        traffic.run(executor)
        return result()
    except gevent.GreenletExit:
        executor.close()
        traffic.recording.cut()
        raise Interrupted(result()) from None
    finally:
        if ticker is not None:
            ticker.kill()


@dataclass(frozen=True)
class _Message:
    request: Request
    kind: Kind
    origin: Origin
    data: bytes


class _Traffic:
    """The requests of one schedule: sends each, times it, records it."""

    def __init__(self, plan: Plan, arrivals: Schedule, report: Report | None) -> None:
        self.start = math.inf
        self.due_s = array("d", arrivals.due_s.tobytes())
        self.recording = Recording(arrivals, [kind.name for kind in plan.classes], plan.share[1])
        self._messages = [
            [_message(kind, one, Origin.of(kind.url or plan.url)) for one in kind.requests] for kind in plan.classes
        ]
        self._kinds = array("h", arrivals.kind.tobytes())
        self._requests = array("q", arrivals.request.tobytes())
        self._grace_s = plan.timeout_s
        self._report = report

    def run(self, executor: Executor[Connections]) -> None:
        """Begin shortly from now; returns when the last answer has come."""
        self.start = time.monotonic() + _LEAD_S
        executor.run(self.due_s, self.start, self.send, self.wait, self.drop, self._grace_s)

    def send(self, connections: Connections, index: int) -> None:
        message = self._messages[self._kinds[index]][self._requests[index]]
        connection = connections.to[message.origin]
        sent_s = time.monotonic() - self.start
        problem: Exception | None = None
        size = 0
        try:
            try:
                answer = connection.exchange(message.request.method, message.data)
            finally:
                self.recording.resent += connection.resent
        except Failed as failed:
            if failed.word == UNSENT:
                self._give_up(index, failed)
                return
            done_s, problem = time.monotonic() - self.start, failed
            self.recording.failed(index, sent_s, done_s, failed.word)
        else:
            # Whoever sets the wall clock back meanwhile must not make an answer come before its question.
            done_s = max(sent_s, connection.answered_at - self.start)
            status, size = answer.status or 0, len(answer.body)
            success = status // 100 in message.kind.expected
            problem = None if success else Unexpected(f"status {status}")
            self.recording.answered(index, sent_s, done_s, status, success=success)
        if self._report is not None:
            self._report(message.request, message.kind.name, done_s - self.due_s[index], size, problem)

    def wait(self, index: int) -> None:
        self.recording.waits(index)

    def drop(self, index: int) -> None:
        self._give_up(index, Dropped("dropped"))

    def _give_up(self, index: int, why: Exception) -> None:
        self.recording.dropped(index)
        if self._report is not None:
            message = self._messages[self._kinds[index]][self._requests[index]]
            self._report(message.request, message.kind.name, 0.0, 0, why)


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
