"""Evidence `mixed_load`: single rows alone, and the same stream beside large batches, in blocks that alternate.

The work must not be more than the service is declared to take, or a lack of capacity would pass for a lack of
isolation. So single rows come at half the declared rate, and batches, by what they take alone, fill a fifth of the
time: together that is no more than the declared rate does, or than two fifths of what one worker can do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from pytest_mlready.evidence.batches import ask_batch_of, batch_body, largest_taken
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.loading import TIMEOUT_S, driven, objective, pool_for, predicts, requests, scheduled
from pytest_mlready.measure import abba
from pytest_mlready.openloop.plan import Kind, Plan
from pytest_mlready.records import Generator, LoadRun, MixedLoad
from pytest_mlready.service.transport import Transport

LARGEST = 1_000
"""Rows: the largest batch that guides ask for, where no cap is declared."""
SIZES = (500, 250, 100, 50, 25, 8)
OCCUPIED = 0.2
LIGHT = 0.5
FASTEST = 5.0
"""Batches a second at most: their bodies are large, and the load process shares the machine."""
OF_LIMIT = 2.0
"""A batch that takes longer, in multiples of the latency limit, has fewer rows instead: there would be too few."""
TRIED = 3
BODIES = 4
WARMUP_S = 1.0
START_S = 4.0
"""What the load process takes to start, and trying batches out."""
PAIRS = 4
BESIDE = 0.6
"""Of the time there are batches: more than half, for these blocks decide, and the others only name the cause."""


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, the schedule, the limit, and the declared caps: the latter two bound the batches."""
    latency = context.settings.latency
    return {**scheduled(context), "p99_ms": latency and latency.p99_ms, **context.part_of_settings("contract")}


def gather(context: Context) -> MixedLoad:
    """Find a large batch that the service takes, then drive blocks without and with batches; classes "single", "batch".

    The record is empty where no batch is taken.
    """
    latency = objective(context)
    idle = Generator(0.0, 0.0, 0.0, cpu_s=0.0, wall_s=0.0, connections=0, processes=0)
    empty = MixedLoad("mixed", 0.0, 0.0, latency.arrivals, context.seed, 0.0, (), idle)
    if context.target.mapping.batch_route is None:
        return empty
    with context.target.transport(deadline_s=TIMEOUT_S) as transport:
        cap = context.max_batch_rows or LARGEST
        size, problem = largest_taken(context, transport, dict.fromkeys((min(cap, LARGEST), *SIZES)))
        if size == 0:
            return replace(empty, problem=problem)
        size, alone_s = _bounded(context, transport, size, OF_LIMIT * latency.p99_ms / 1000)
    run = _driven(context, size, LIGHT * latency.rate, min(FASTEST, OCCUPIED / alone_s))
    whole = {one.name: getattr(run, one.name) for one in fields(LoadRun)}
    return MixedLoad(**whole, rows=size, alone_s=alone_s, beside_s=BESIDE * run.duration_s)


def _bounded(context: Context, transport: Transport, size: int, most_s: float) -> tuple[int, float]:
    """A size, this one or smaller, whose batches take about `most_s` seconds at most, and what they take alone."""
    took_s = _best_s(context, transport, size)
    if took_s > most_s:
        size = max(2, int(size * most_s / took_s))
        took_s = _best_s(context, transport, size)
    return size, took_s


def _best_s(context: Context, transport: Transport, size: int) -> float:
    bodies = [batch_body(context, size, first) for first in range(TRIED)]
    return min(ask_batch_of(context, transport, size, body).elapsed_s for body in bodies)


def _driven(context: Context, size: int, light: float, heavy: float) -> LoadRun:
    duration_s = max(1.0, context.budget_s - START_S - WARMUP_S)
    alone, beside = (light, (1 - BESIDE) * duration_s / PAIRS), (light + heavy, BESIDE * duration_s / PAIRS)

    bodies = [batch_body(context, size, first) for first in range(BODIES)]

    def show(counts: Mapping[str, Any]) -> None:
        context.progress(f"single rows alone and beside batches of {size}: {counts['t']:.0f} of {duration_s:.0f} s")

    with tempfile.TemporaryDirectory(prefix="mlready-load-") as output:
        plan = Plan(
            url=context.target.origin,
            scenario="mixed",
            stages=tuple(abba.sequence(alone, beside, PAIRS)),
            stage_classes=tuple(abba.sequence(("single",), ("single", "batch"), PAIRS)),
            classes=(
                replace(predicts(context.target, context.rows), name="single", weight=light),
                Kind("batch", heavy, requests(context.target, str(context.target.mapping.batch_route), bodies)),
            ),
            output=output,
            arrivals=objective(context).arrivals,
            seed=context.seed,
            timeout_s=TIMEOUT_S,
            pool=pool_for(light + heavy),
            warmup_s=WARMUP_S,
        )
        return driven(plan, show, context.turn_fd)
