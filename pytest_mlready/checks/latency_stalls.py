"""The check of freezes: whether a service stands still, for everybody at once."""

from __future__ import annotations

import numpy as np

from pytest_mlready.catalogue import check
from pytest_mlready.checks.latency import declared, ms
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.generator import starved
from pytest_mlready.measure.stalls import Stalls, stalls
from pytest_mlready.records import LoadRun
from pytest_mlready.settings import Settings

BUDGET = 0.01
"""Share of the time that a service may stand still: that of the requests which may be slow."""


@check(
    "latency.stalls_seen",
    "must",
    remedy="Look for what stops the whole process: garbage collection, a model or file loaded while requests wait, a "
    "lock held over I/O, a container that is out of its CPU quota.",
)
def stalls_seen(steady_load: LoadRun, settings: Settings) -> Finding:
    """The service does not stand still for everybody: freezes beyond the latency limit take at most 1% of the time.

    A client that waits for its answers sends nothing meanwhile, and reports one slow request where hundreds would have
    waited. Here requests leave on their schedule, so that a span without answers is seen as long as it is.

    One freeze alone may be the machine's; two or more that provably take more than their share of the time are the
    service's. Freezes below the limit are judged by what they do to the p99.
    """
    limit_s = declared(settings).p99_ms / 1000
    if not any(one.completed for one in steady_load.classes):
        return inconclusive("no request was answered: see latency.error_rate")
    seen = _stalls(steady_load, limit_s)
    measured = Measurement(seen.share, "1", n=len(seen.lengths_s), interval=seen.interval, limit=BUDGET)
    count, seconds = len(seen.lengths_s), steady_load.duration_s
    what = f"{count or 'no'} freeze{'' if count == 1 else 's'} longer than {ms(seen.threshold_s)} in {seconds:g} s"
    what += f", {seen.share:.1%} of the time" if count else ""
    details = (f"the longest time in which several requests waited and none was answered: {ms(seen.longest_s)}",)
    trouble = starved(steady_load, limit_s)
    if count > 1 and seen.interval[1] > BUDGET:
        if trouble is not None:
            return inconclusive(f"the load generator had trouble of its own: {trouble}", measured, details=details)
        if seen.interval[0] > BUDGET:
            return failed(f"{what}, {ms(max(seen.lengths_s))} the longest", measured, details=details)
        return inconclusive(f"{what}: too few to tell", measured, details=details)
    needed_s = 3 * declared(settings).longest_stall_s / BUDGET
    if seconds < needed_s * (1 - 1e-9):
        short = f"{what}; rare ones of {ms(declared(settings).longest_stall_s)} need {needed_s:.0f} s to show"
        return inconclusive(short, measured, details=details)
    if trouble is not None:
        return inconclusive(f"the load generator had trouble of its own: {trouble}", measured, details=details)
    return passed(what, measured, details=details)


def _stalls(run: LoadRun, limit_s: float) -> Stalls:
    series = {name: np.asarray(values) for name, values in run.series.items()}
    sent = series["sent_s"].astype(np.float64)
    return stalls(
        sent,
        sent + series["service_s"],
        series["status"] > 0,
        threshold_s=limit_s,
        duration_s=run.duration_s,
    )
