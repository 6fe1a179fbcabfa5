"""Evidence `capacity`: the highest rate that keeps the latency limit, and what more than that does to the service."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.loading import MOST_CONNECTIONS, held, objective, predicts, scheduled, told
from pytest_mlready.openloop.plan import Plan
from pytest_mlready.openloop.process import search
from pytest_mlready.openloop.search_plan import SearchPlan
from pytest_mlready.records import Sweep

OVERLOAD_S = 8.0
BESIDE_S = 20.0
"""What the load process takes to start, the overload with the time after it, and waiting for answers."""
SHORTEST_S = 6.0


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, the rate it should have again after an overload, the kind of arrivals, and the limit."""
    latency = context.settings.latency
    return {**scheduled(context), "p99_ms": latency and latency.p99_ms}


def gather(context: Context) -> Sweep:
    """Search from the rate that has to be kept with headroom, then overload."""
    latency = objective(context)

    def show(trial: Mapping[str, Any]) -> None:
        context.progress(f"capacity: trial {trial['trial']} at {trial['rate']:.4g}/s: {trial['verdict']}")

    with tempfile.TemporaryDirectory(prefix="mlready-load-") as output:
        plan = Plan(
            url=context.target.origin,
            scenario="capacity",
            stages=((latency.headroom * latency.rate, 1.0),),
            classes=(predicts(context.target, context.rows),),
            output=output,
            arrivals=latency.arrivals,
            seed=context.seed,
            pool=MOST_CONNECTIONS,
        )
        asked = SearchPlan(
            plan,
            limit_s=latency.p99_ms / 1000,
            seconds=max(SHORTEST_S, context.budget_s - BESIDE_S),
            overload_rate=latency.rate,
            overload_s=OVERLOAD_S,
        )
        with told():
            return search(asked, on_progress=show, pass_fds=held(context.turn_fd))
