"""When requests are due, and which they are: a pure function of the plan and its seed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.openloop.plan import Arrivals, Kind, Plan, Stage, ramp

BLOCK = 1_000_000
"""Arrivals, about, that are computed at once."""


@dataclass(frozen=True)
class Schedule:
    """All arrivals of a run: due times (seconds from the start, ascending), stage, class and request of each."""

    due_s: NDArray[np.float64]
    stage: NDArray[np.int16]
    kind: NDArray[np.int16]
    request: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.due_s)


def schedule(plan: Plan, pause: Callable[[], object] = lambda: None) -> Schedule:
    """This process's share of the plan's schedule.

    Every process computes the whole schedule from the one seed and keeps its own arrivals, so that the union over
    the shares is the schedule a single process would send. It does so block by block: what all of many processes send
    need not fit into the memory of one. `pause` is called after each block.
    """
    if plan.trace:
        return _shared(plan, np.array(plan.trace), plan.stage_classes, stream=2)
    parts: list[Schedule] = []
    before = 0
    total = float(_expected(plan.stages).sum())
    for block, begin in enumerate(np.arange(0.0, total, BLOCK).tolist()):
        rng = np.random.default_rng([plan.seed, 1, block])
        due = due_times(plan.stages, plan.arrivals, rng, (begin, min(begin + BLOCK, total)))
        parts.append(_shared(plan, due, plan.stage_classes, stream=2, block=block, before=before))
        before += len(due)
        pause()
    joined = {one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Schedule)}
    return Schedule(**joined)


def warmup(plan: Plan) -> Schedule:
    """The requests before the schedule, of all classes, evenly spaced at the rate it begins with; or none."""
    if not plan.warmup_s:
        return _shared(plan, np.empty(0), (), stream=3)
    stages = ((plan.first_rate, plan.warmup_s),)
    return _shared(plan, due_times(stages, "constant", np.random.default_rng(plan.seed)), (), stream=3)


def due_times(
    stages: tuple[Stage, ...],
    arrivals: Arrivals,
    rng: np.random.Generator,
    between: tuple[float, float] | None = None,
) -> NDArray[np.float64]:
    """Arrival times, in seconds, of a process whose rate is piecewise linear.

    Only those `between` two values of the cumulative rate, the first of them a whole number, if they are given.

    Unit-rate arrivals are mapped through the inverse of the cumulative rate (time change: Cinlar, Introduction to
    Stochastic Processes, 1975, 4.7), so that a stage boundary neither loses nor doubles an arrival. Constant arrivals
    are those where the cumulative rate is a whole number: the first at 0, as many as it reaches.
    """
    first, last, lengths = np.array([ramp(stage) for stage in stages]).T
    expected = _expected(stages)
    begin, end = between or (0.0, float(expected.sum()))
    if arrivals == "constant":
        unit = np.arange(begin, np.ceil(end - 1e-9))
    else:
        unit = np.sort(rng.uniform(begin, end, rng.poisson(end - begin)))
    edges = np.concatenate([[0.0], np.cumsum(expected)])
    begins = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.minimum(np.searchsorted(edges, unit, side="right") - 1, len(stages) - 1)
    since = _inverse(unit - edges[at], first[at], last[at], lengths[at])
    # Rounding could put two arrivals a hair's breadth apart in the wrong order.
    due: NDArray[np.float64] = np.maximum.accumulate(begins[at] + since)
    return due


def _expected(stages: tuple[Stage, ...]) -> NDArray[np.float64]:
    """How many arrivals each stage has in the mean."""
    first, last, lengths = np.array([ramp(stage) for stage in stages]).T
    expected: NDArray[np.float64] = (first + last) / 2 * lengths
    return expected


def _inverse(
    unit: NDArray[np.float64], first: NDArray[np.float64], last: NDArray[np.float64], lengths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The time t at which the cumulative rate first·t + (last - first)·t²/(2·length) is `unit`.

    The quadratic's root in the form that cancels no digits: 2·unit / (first + √(first² + 2·slope·unit)).
    """
    slope = (last - first) / lengths
    denominator = first + np.sqrt(np.maximum(first * first + 2 * slope * unit, 0.0))
    since = np.divide(2 * unit, denominator, out=np.zeros_like(unit), where=denominator > 0)
    return np.minimum(since, lengths)


def _shared(
    plan: Plan,
    due: NDArray[np.float64],
    sent: Sequence[Collection[str]],
    stream: int,
    block: int = 0,
    before: int = 0,
) -> Schedule:
    """This process's share of a block of arrivals, `before` which there were others.

    `sent` names the classes of each stage, all where it is empty.
    """
    rng = np.random.default_rng([plan.seed, stream, block])
    ends = np.cumsum([seconds for *_, seconds in plan.stages])[:-1]
    stages = np.searchsorted(ends, due, side="right").astype(np.int16)
    kinds = _drawn(plan.classes, sent, stages, rng)
    requests = np.zeros(len(due), dtype=np.int64)
    for index, kind in enumerate(plan.classes):
        mine = kinds == index
        requests[mine] = _cycled(kind, int(mine.sum()), rng)
    index, step = plan.share
    first = (index - before) % step
    return Schedule(due[first::step], stages[first::step], kinds[first::step], requests[first::step])


def _drawn(
    classes: Sequence[Kind], sent: Sequence[Collection[str]], stages: NDArray[np.int16], rng: np.random.Generator
) -> NDArray[np.int16]:
    """The class of each arrival: of those of its stage, by their weights."""
    whole = {kind.name for kind in classes}
    weights = np.array([[kind.weight * (kind.name in names) for kind in classes] for names in sent or [whole]])
    upto = np.cumsum(weights, axis=1)
    of_stage = stages if sent else np.zeros_like(stages)
    draws = rng.random(len(stages))[:, None] * upto[of_stage, -1:]
    drawn: NDArray[np.int16] = np.sum(draws >= upto[of_stage], axis=1).astype(np.int16)
    return drawn


def _cycled(kind: Kind, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Each request once in random order, then all again in another order."""
    size = len(kind.requests)
    rounds = -(-count // size)
    each: NDArray[np.int64] = np.broadcast_to(np.arange(size), (rounds, size))
    return rng.permuted(each, axis=1).ravel()[:count]
