"""Evidence `steady_load`: sample rows asked singly at the declared rate, from an open-loop schedule."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.loading import TIMEOUT_S, driven, objective, pool_for, predicts, scheduled
from pytest_mlready.evidence.watching import watched
from pytest_mlready.openloop.plan import Arrivals, Plan
from pytest_mlready.records import LoadRun, Row
from pytest_mlready.service.target import Target

WARMUP_S = 1.0


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, the schedule, and whether its memory on GPUs is watched."""
    return {**scheduled(context), **({"gpu": True} if _on_gpu(context) else {})}


def gather(context: Context) -> LoadRun:
    """Drive the declared rate for the whole budget, less the warm-up, and watch what the service uses."""
    latency = objective(context)
    duration_s = max(1.0, context.budget_s - WARMUP_S)

    def show(counts: Mapping[str, Any]) -> None:
        context.progress(
            f"load {latency.rate:g}/s: {counts['t']:.0f} of {duration_s:.0f} s, {counts['completed']} answered, "
            f"{counts['failures']} failed"
        )

    with watched(context.target.instance, gpu=_on_gpu(context)) as seen:
        run = drive(
            context.target,
            context.rows,
            rate=latency.rate,
            duration_s=duration_s,
            seed=context.seed,
            turn_fd=context.turn_fd,
            arrivals=latency.arrivals,
            on_progress=show,
        )
    return replace(run, used=tuple(replace(one, at_s=one.at_s - run.started_at) for one in seen))


def _on_gpu(context: Context) -> bool:
    return context.settings.latency is not None and context.settings.latency.gpu_mib is not None


def drive(
    target: Target,
    rows: Sequence[Row],
    *,
    rate: float,
    duration_s: float,
    seed: int,
    turn_fd: int | None,
    arrivals: Arrivals = "poisson",
    on_progress: Callable[[dict[str, Any]], None] | None = None,
) -> LoadRun:
    """Single-row predicts at `rate` requests a second for `duration_s` seconds.

    Raises:
        GatherError: the load gave no result.
    """
    with tempfile.TemporaryDirectory(prefix="mlready-load-") as output:
        plan = Plan(
            url=target.origin,
            scenario="steady",
            stages=((rate, duration_s),),
            classes=(predicts(target, rows),),
            output=output,
            arrivals=arrivals,
            seed=seed,
            timeout_s=TIMEOUT_S,
            pool=pool_for(rate),
            warmup_s=WARMUP_S,
            progress=on_progress is not None,
        )
        return driven(plan, on_progress, turn_fd)
