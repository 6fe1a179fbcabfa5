"""A search for capacity: one trial after the other in this process, each at the rate that the last verdicts ask for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pytest_mlready.measure.capacity import CapacitySearch
from pytest_mlready.measure.timed_search import WARMUP_S, Tried, searched
from pytest_mlready.measure.trial import good, judged_trial
from pytest_mlready.openloop.drive import Report, drive
from pytest_mlready.openloop.overloading import connections, overloaded
from pytest_mlready.openloop.plan import Plan
from pytest_mlready.openloop.search_plan import SearchPlan
from pytest_mlready.records import LoadRun, Sweep, Trial

Progress = Callable[[dict[str, Any]], None]
"""Hears of each trial when it has ended: its number, rate (requests/s), verdict and p99 (seconds, None: unanswered)."""

_CONTROL_S = 2.0
_SETTLES_WITHIN_S = 5.0
_SETTLED = (20.0, 0.1)
"""Requests a second, and for how long, that show that nobody waits any more."""


def search(plan: SearchPlan, report: Report | None = None, progress: Progress | None = None) -> Sweep:
    """Find the capacity, and what becomes of more than that if the plan asks for it. Runs in a greenlet.

    `report` hears of every request, `progress` of every trial.
    """
    finder, trials = CapacitySearch(plan.plan.first_rate), list[Trial]()
    began, started_at = time.monotonic(), time.time()

    def attempt(rate: float, seconds: float, length: int) -> Tried:
        tried = trial(plan, rate, seconds, report, length=length, number=len(trials))
        trials.append(tried)
        if progress is not None:
            progress({"trial": len(trials), "rate": rate, "verdict": tried.verdict, "p99_s": _p99(tried)})
        if tried.verdict != "pass":
            settle(plan, report)
        return Tried(tried.verdict, _p99(tried), tried.trouble is not None)

    ended = searched(finder, plan.limit_s, plan.seconds, lambda: time.monotonic() - began, attempt)
    searched_s = time.monotonic() - began
    found = finder.result()
    low, high = found.interval
    sweep = Sweep(
        limit_s=plan.limit_s,
        arrivals=plan.plan.arrivals,
        seed=plan.plan.seed,
        started_at=started_at,
        seconds=searched_s,
        trials=tuple(trials),
        low=low,
        high=high if math.isfinite(high) else None,
        estimate=found.estimate if math.isfinite(found.estimate) else None,
        converged=found.converged,
        cliff=found.cliff,
        ended=ended,
    )
    top = sweep.high or max((one.rate for one in trials if one.trouble is None), default=None)
    if plan.overload_rate is None or top is None:
        return sweep

    def control(rate: float) -> Trial:
        settle(plan, report)
        return trial(plan, rate, _CONTROL_S, report, number=len(trials))

    return replace(sweep, overload=overloaded(plan, plan.overload_rate, sweep.low, top, control, report))


def trial(
    search: SearchPlan, rate: float, seconds: float, report: Report | None, *, length: int = 1, number: int
) -> Trial:
    """One trial."""
    plan = _at_rate(search, rate, seconds, number)
    return judged_trial(drive(plan, report), search.limit_s, length=length)


def _at_rate(search: SearchPlan, rate: float, seconds: float, number: int) -> Plan:
    plan = search.plan
    return replace(
        plan,
        stages=((rate, seconds),),
        seed=plan.seed * 1000 + number,
        timeout_s=search.patience_s,
        pool=min(plan.pool, connections(rate, search.limit_s)),
        warmup_s=min(WARMUP_S, plan.warmup_s),
    )


def settle(search: SearchPlan, report: Report | None = None) -> None:
    """Wait until single requests are answered in time again, so that one trial's queue is not the next one's."""
    until = time.monotonic() + _SETTLES_WITHIN_S
    plan = replace(_at_rate(search, *_SETTLED, 0), arrivals="constant", warmup_s=0.0)
    while time.monotonic() < until:
        if _all_good(drive(plan, report), search.limit_s):
            return


def _all_good(run: LoadRun, limit_s: float) -> bool:
    return bool(good(run.series, limit_s).all())


def _p99(trial: Trial) -> float | None:
    return trial.response["p99"].value_s if trial.response else None
