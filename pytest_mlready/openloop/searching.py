"""A search for capacity: one trial after the other in this process, each at the rate that the last verdicts ask for."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from pytest_mlready.measure.capacity import CapacitySearch
from pytest_mlready.measure.trial import good, judged_trial, shortest_s
from pytest_mlready.openloop.drive import Report, drive
from pytest_mlready.openloop.overloading import connections, overloaded
from pytest_mlready.openloop.plan import Plan
from pytest_mlready.openloop.search_plan import SearchPlan
from pytest_mlready.records import LoadRun, Sweep, Trial

Progress = Callable[[dict[str, Any]], None]
"""Hears of each trial when it has ended: its number, rate (requests/s), verdict and p99 (seconds, None: unanswered)."""

WARMUP_S = 0.2
_OVERHEAD_S = 0.15
"""What a trial takes beside its schedule and its warm-up, at least."""
_TRIES = 2
"""So often a rate is tried at which the generator has trouble of its own: a neighbour may be gone the next time."""
_CONTROL_S = 2.0
_SETTLES_WITHIN_S = 5.0
_SETTLED = (20.0, 0.1)
"""Requests a second, and for how long, that show that nobody waits any more."""


def search(plan: SearchPlan, report: Report | None = None, progress: Progress | None = None) -> Sweep:
    """Find the capacity, and what becomes of more than that if the plan asks for it. Runs in a greenlet.

    `report` hears of every request, `progress` of every trial.
    """
    finder, trials, unsure = CapacitySearch(plan.plan.first_rate), list[Trial](), Counter[float]()
    ended: Literal["found", "out of time", "generator"] = "found"
    began, started_at = time.monotonic(), time.time()
    while finder.next_rate() is not None:
        left_s = plan.seconds - (time.monotonic() - began) - WARMUP_S - _OVERHEAD_S
        chosen = affordable(finder, plan, left_s)
        if chosen is None or chosen[0] != finder.next_rate():
            ended = "out of time"
        if chosen is None:
            break
        rate, length = chosen
        seconds = length * shortest_s(rate, plan.limit_s, plan.seconds)
        tried = trial(plan, rate, seconds, report, length=length, number=len(trials))
        trials.append(tried)
        if progress is not None:
            progress({"trial": len(trials), "rate": rate, "verdict": tried.verdict, "p99_s": _p99(tried)})
        if tried.verdict != "pass":
            settle(plan, report)
        if tried.verdict == "inconclusive" and tried.trouble is not None:
            unsure[rate] += 1
            if unsure[rate] < _TRIES:
                continue
            # It stays undecided, and higher rates would be more so: the search goes on below.
            finder.highest, length = rate, finder.longest
        finder.observe(rate, tried.verdict, length=length, quantile_s=_p99(tried))
    searched_s = time.monotonic() - began
    found = finder.result()
    low, high = found.interval
    if math.isinf(high) and math.isfinite(finder.highest):
        ended = "generator"
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


def affordable(finder: CapacitySearch, plan: SearchPlan, left_s: float) -> tuple[float, int] | None:
    """The next rate and how long to try it (in shortest trials); where time is short, an end that is to be confirmed.

    None where there is no time even for that.
    """
    asked = finder.next_rate()
    choices = [] if asked is None else [(asked, finder.length)]
    choices += [(rate, 1) for rate in finder.unconfirmed]
    fitting = (one for one in choices if one[1] * shortest_s(one[0], plan.limit_s, plan.seconds) <= left_s)
    return next(fitting, None)


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
