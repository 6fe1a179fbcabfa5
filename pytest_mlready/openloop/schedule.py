"""When requests are due, and which they are: a pure function of the plan and its seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.openloop.plan import Arrivals, Kind, Plan, Stage


@dataclass(frozen=True)
class Schedule:
    """All arrivals of a run: due times (seconds from the start, ascending), class and request of each."""

    due_s: NDArray[np.float64]
    kind: NDArray[np.int16]
    request: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.due_s)


def schedule(plan: Plan) -> Schedule:
    """This process's share of the plan's schedule.

    Every process computes the whole schedule from the one seed and keeps its own arrivals, so that the union over
    the shares is the schedule a single process would send.
    """
    return _shared(plan, due_times(plan.stages, plan.arrivals, np.random.default_rng([plan.seed, 1])), stream=2)


def warmup(plan: Plan) -> Schedule:
    """The requests before the schedule: the first stage's rate, evenly spaced; empty where there is no warm-up."""
    if not plan.warmup_s:
        return _shared(plan, np.empty(0), stream=3)
    stages = ((plan.stages[0][0], plan.warmup_s),)
    return _shared(plan, due_times(stages, "constant", np.random.default_rng(plan.seed)), stream=3)


def due_times(stages: tuple[Stage, ...], arrivals: Arrivals, rng: np.random.Generator) -> NDArray[np.float64]:
    """Arrival times of a process with piecewise constant rate.

    Unit-rate arrivals are mapped through the inverse of the cumulative rate (time change, Cinlar 1975), so that a
    stage boundary neither loses nor doubles an arrival. Constant arrivals begin with the first stage, at 0.
    """
    lengths = np.array([seconds for _, seconds in stages])
    expected = np.array([rate for rate, _ in stages]) * lengths
    total = float(expected.sum())
    if arrivals == "constant":
        unit = np.arange(np.ceil(total - 1e-9))
    else:
        unit = np.sort(rng.uniform(0.0, total, rng.poisson(total)))
    edges = np.concatenate([[0.0], np.cumsum(expected)])
    times = np.concatenate([[0.0], np.cumsum(lengths)])
    due: NDArray[np.float64] = np.interp(unit, edges, times)
    return due


def _shared(plan: Plan, due: NDArray[np.float64], stream: int) -> Schedule:
    rng = np.random.default_rng([plan.seed, stream])
    weights = np.array([kind.weight for kind in plan.classes], dtype=float)
    kinds = rng.choice(len(weights), size=len(due), p=weights / weights.sum()).astype(np.int16)
    requests = np.zeros(len(due), dtype=np.int64)
    for index, kind in enumerate(plan.classes):
        mine = kinds == index
        requests[mine] = _cycled(kind, int(mine.sum()), rng)
    first, step = plan.share
    return Schedule(due[first::step], kinds[first::step], requests[first::step])


def _cycled(kind: Kind, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Each request once in random order, then all again in another order."""
    size = len(kind.requests)
    rounds = -(-count // size)
    return np.concatenate([np.empty(0, dtype=np.int64), *(rng.permutation(size) for _ in range(rounds))])[:count]
