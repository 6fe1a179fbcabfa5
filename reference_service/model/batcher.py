"""Micro-batching: rows that arrive while the model is busy are answered together in its next call.

A model call costs nearly the same for one row as for a hundred, and holds the interpreter while it runs. So one call
runs at a time, in a worker thread; an idle model is called at once with whatever arrived in the same turn of the event
loop, and nobody ever waits for company that may not come. Large batches go in slices between which single rows slip in.
A model so fast that all of this would cost more than it does is called right here, see `Predictor.at_once`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from reference_service.artifacts.registry import Snapshot
from reference_service.model.columns import Row
from reference_service.model.predictor import Answer, Predictor
from reference_service.settings import Limits
from reference_service.telemetry import Telemetry
from reference_service.web.problems import Problem

SLICE_ROWS = 128
SMALL_ROWS = 16
# A model call that outlives the deadline cannot be stopped, only left behind; this many may be, then requests are shed.
THREADS = 4


@dataclass(frozen=True)
class Waiting:
    """Rows of one request that fit in one call, and the promise of their answers."""

    snapshot: Snapshot
    rows: Sequence[Row]
    answers: asyncio.Future[list[Answer]]


class Batcher:
    """A bounded queue before one model. All methods run on the event loop."""

    def __init__(self, predictor: Predictor, telemetry: Telemetry, limits: Limits) -> None:
        self.predictor = predictor
        self.telemetry = telemetry
        self.limits = limits
        self.queue: deque[Waiting] = deque()
        self.slices: deque[Waiting] = deque()
        self.slices_next = False
        self.queued_rows = 0
        self.calls = 0
        self.scheduled = False
        self.running: asyncio.Task[None] | None = None
        self.threads: ThreadPoolExecutor | None = None

    def start(self) -> None:
        """Make the threads; needs a running event loop from here on."""
        self.threads = ThreadPoolExecutor(THREADS, "model", initializer=self.predictor.prepare_thread)

    def close(self) -> None:
        """Let the threads end."""
        if self.threads is not None:
            self.threads.shutdown(wait=False, cancel_futures=True)

    async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
        """The answers to rows, in order.

        Args:
            urgent: for the service's own probes, which go first and are never shed.

        Raises:
            Problem: 503, the queue is full.
        """
        if self.predictor.at_once(snapshot, rows):
            self.telemetry.model_call(len(rows))
            return self.predictor.predict(snapshot, rows)
        if not urgent:
            self.admit(len(rows))
        slices = [rows[start : start + SLICE_ROWS] for start in range(0, len(rows), SLICE_ROWS)]
        loop = asyncio.get_running_loop()
        waiting = [Waiting(snapshot, part, loop.create_future()) for part in slices]
        if urgent:
            self.queue.extendleft(waiting)
        elif len(rows) > SMALL_ROWS:
            self.slices.extend(waiting)
        else:
            self.queue.extend(waiting)
        self.queued_rows += len(rows)
        self.telemetry.queue(len(self.queue) + len(self.slices))
        self.schedule(loop)
        if len(waiting) == 1:
            return await waiting[0].answers
        return [answer for part in await asyncio.gather(*(each.answers for each in waiting)) for answer in part]

    def admit(self, rows: int) -> None:
        """Shed what could not be answered soon anyway: a short queue is what keeps answers fast in overload."""
        if len(self.queue) >= self.limits.queue_requests or self.queued_rows + rows > self.limits.queue_rows:
            self.telemetry.shed("queue")
            raise Problem(503, "overloaded", "Too many requests are waiting; try again.", headers={"Retry-After": "1"})

    def schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Call the model at the end of this turn of the loop, if it is idle."""
        if not self.scheduled and self.calls == 0 and (self.queue or self.slices):
            self.scheduled = True
            loop.call_soon(self.dispatch, loop)

    def dispatch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send what is queued to the model, as far as it fits in one call."""
        self.scheduled = False
        taken = self.take()
        self.telemetry.queue(len(self.queue) + len(self.slices))
        if taken:
            self.calls += 1
            self.telemetry.model_call(sum(len(each.rows) for each in taken))
            self.running = loop.create_task(self.call(loop, taken))  # the loop itself holds tasks only weakly
            self.running.add_done_callback(lambda _: self.schedule(loop))

    def take(self) -> list[Waiting]:
        """The next call's share, of one version; requests whose client left or ran out of time are dropped."""
        taken: list[Waiting] = []
        rows = 0
        source = self.source()
        while source:
            each = source[0]
            if not each.answers.done():
                if taken and (rows + len(each.rows) > SLICE_ROWS or each.snapshot is not taken[0].snapshot):
                    break
                taken.append(each)
                rows += len(each.rows)
            source.popleft()
            self.queued_rows -= len(each.rows)
        return taken

    def source(self) -> deque[Waiting]:
        """Small requests and slices of large ones take turns, so that neither starves the other."""
        self.slices_next = bool(self.slices) and (self.slices_next or not self.queue)
        source = self.slices if self.slices_next else self.queue
        self.slices_next = not self.slices_next
        return source

    async def call(self, loop: asyncio.AbstractEventLoop, taken: Sequence[Waiting]) -> None:
        """One call of the model; leaves it behind if it takes longer than any request may wait."""
        rows = [row for each in taken for row in each.rows]
        try:
            async with asyncio.timeout(self.limits.deadline_seconds):
                answers = await loop.run_in_executor(self.threads, self.predictor.predict, taken[0].snapshot, rows)
            self.deliver(taken, answers)
        except Exception as error:
            self.fail(taken, error)
        finally:
            self.calls -= 1

    def deliver(self, taken: Sequence[Waiting], answers: Sequence[Answer]) -> None:
        """Give every request its own answers."""
        start = 0
        for each in taken:
            part = list(answers[start : start + len(each.rows)])
            start += len(each.rows)
            if not each.answers.done():
                each.answers.set_result(part)

    def fail(self, taken: Sequence[Waiting], error: Exception) -> None:
        """Tell every request of a failed call."""
        for each in taken:
            if not each.answers.done():
                each.answers.set_exception(error)
                each.answers.exception()  # seen: a request that just left must not be reported as a lost error
