"""Defects of speed under load."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import replace

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.model.batcher import Batcher, Waiting
from reference_service.model.columns import Row
from reference_service.model.predictor import Answer, SklearnPredictor
from tests.defects.planting import defect


@defect("latency.p99")
def one_call_in_thirty_sleeps(components: Components) -> Components:
    """Each thirtieth call takes 0.3 s longer, as with a remote look-up that misses its cache. MLOps handbook."""

    calls = itertools.count(1)

    class Sleepy(Batcher):
        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            if next(calls) % 30 == 0:
                await asyncio.sleep(0.3)
            return await super().submit(snapshot, rows, urgent)

    return replace(components, batcher=Sleepy(components.predictor, components.telemetry, components.settings.limits))


# Who comes in the first 50 ms of a freeze waits longer than the p99 may be; probes that come then are late, too.
@defect("latency.stalls_seen", also={"latency.p99", "latency.health_under_load"})
def everything_stops_for_a_moment_every_two_seconds(components: Components) -> Components:
    """A collector of garbage stops the process for 0.3 s every 2 s."""

    def collect(*_: object) -> None:
        time.sleep(0.3)

    signal.signal(signal.SIGALRM, collect)
    signal.setitimer(signal.ITIMER_REAL, 2.0, 2.0)
    return components


@defect("latency.error_rate")
def calls_that_meet_another_fail_now_and_then(components: Components) -> Components:
    """Under load more than 1% of the requests end in 500: a shared object, not made for two at once."""

    class Racy(Batcher):
        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            if self.calls and not urgent and random.random() < 0.2:
                raise RuntimeError("changed during iteration")
            return await super().submit(snapshot, rows, urgent)

    return replace(components, batcher=Racy(components.predictor, components.telemetry, components.settings.limits))


# What waits behind the lock is shed in the end.
@defect("latency.sustained_rate", also={"latency.error_rate", "latency.health_under_load"})
def a_lock_lets_one_row_through_at_a_time(components: Components) -> Components:
    """Rows are predicted one by one behind a lock, 50 a second: less than is declared. Practice guide."""

    class Locked(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            time.sleep(0.02 * len(rows))
            return super().predict(snapshot, rows)

    return replace(components, predictor=Locked())


@defect("latency.health_under_load", also={"latency.resource_budget"})
def the_model_runs_on_the_event_loop(components: Components) -> Components:
    """`async def predict` computes for 5 ms and lets nothing else run. Python ML deployment guide."""

    class OnTheLoop(Batcher):
        async def call(self, loop: asyncio.AbstractEventLoop, taken: Sequence[Waiting]) -> None:
            for each in taken:
                until = time.perf_counter() + 0.005
                while time.perf_counter() < until:
                    pass
                self.deliver([each], self.predictor.predict(each.snapshot, each.rows))
            self.calls -= 1

    return replace(
        components, batcher=OnTheLoop(components.predictor, components.telemetry, components.settings.limits)
    )


@defect("latency.capacity_knee")
def rows_are_predicted_one_by_one_behind_a_lock(components: Components) -> Components:
    """One row at a time, 7 ms each: enough for the declared rate, and for hardly more. Practice guide."""

    class Locked(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            time.sleep(0.007 * len(rows))
            return super().predict(snapshot, rows)

    return replace(components, predictor=Locked())


@defect("latency.overload")
def everything_is_let_in_however_long_the_queue(components: Components) -> Components:
    """A slow model and a queue without a bound: beyond capacity all are answered, and all too late. SRE book."""

    class Slow(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            time.sleep(0.004 * len(rows))
            return super().predict(snapshot, rows)

    endless = 1_000_000
    limits = replace(components.settings.limits, under_way_requests=endless, queue_requests=endless, queue_rows=endless)
    settings, predictor = replace(components.settings, limits=limits), Slow()
    batcher = Batcher(predictor, components.telemetry, limits)
    return replace(components, settings=settings, predictor=predictor, batcher=batcher)


@defect("latency.batch_amortises")
def a_batch_is_a_loop_of_single_calls(components: Components) -> Components:
    """The batch route asks the model for each of its rows in turn. Python ML deployment guide."""

    class Looping(Batcher):
        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            return [answer for row in rows for answer in await super(Looping, self).submit(snapshot, [row], urgent)]

    limits = components.settings.limits
    return replace(components, batcher=Looping(components.predictor, components.telemetry, limits))


@defect("latency.tail_isolation")
def a_large_batch_holds_the_event_loop(components: Components) -> Components:
    """Whoever asks for one row meanwhile waits until a batch is done. Python ML deployment guide."""

    class Holding(Batcher):
        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            if len(rows) > 50:
                time.sleep(0.001 * len(rows))
            return await super().submit(snapshot, rows, urgent)

    limits = components.settings.limits
    return replace(components, batcher=Holding(components.predictor, components.telemetry, limits))
