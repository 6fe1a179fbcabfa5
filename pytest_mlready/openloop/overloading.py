"""More than a service can take, and then what it usually gets: does it go on serving, and does it recover?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.generator import strained
from pytest_mlready.measure.trial import good, outcomes
from pytest_mlready.openloop.drive import Report, drive
from pytest_mlready.openloop.search_plan import SearchPlan
from pytest_mlready.records import LoadRun, Overload, Trial

FACTOR = 1.5
"""Of a rate that was not kept. Enough for a queue without a bound to double its length every half second, and not yet
more than a generator can send that has one core of two."""
BLOCK_S = 0.5
_AFTER_S = 6.0
_EASY = 0.8
"""After the overload, no more than this part of what the service kept before: recovery is judged, not capacity."""


def overloaded(
    search: SearchPlan, usual: float, low: float, high: float, control: Callable[[float], Trial], report: Report | None
) -> Overload:
    """Drive `FACTOR` times `high`, then at once the `usual` rate, then `control`.

    `high` is a rate that it did not keep, or the highest tried; `low` one that it kept, or 0; in requests/s. `control`
    makes a trial at a rate. There are more connections than a service can hold that answers within the limit, and a
    caller who finds none free gives up: what waited here would still be load when the overload is over.
    """
    needed = connections(high, search.limit_s)
    plan = replace(
        search.plan,
        stages=((FACTOR * high, search.overload_s),),
        timeout_s=search.patience_s,
        pool=min(search.plan.pool, needed),
        backlog=0,
        warmup_s=0.0,
    )
    after_rate = min(usual, _EASY * low if low else high / 2)
    during = drive(plan, report)
    after = drive(replace(plan, stages=((after_rate, _AFTER_S),)), report)
    trouble, opened = strained(during, search.limit_s), during.generator.connections
    statuses, failures = outcomes(during)
    if trouble is None and "dropped" in failures and opened < high * search.limit_s:
        trouble = f"it had {opened} connections, and {needed} would have been needed"
    mine, refused = good(during.series, search.limit_s), np.isin(during.series["status"], (429, 503))
    back = good(after.series, search.limit_s)
    return Overload(
        rate=during.rate,
        block_s=BLOCK_S,
        good=_by_block(during, mine),
        refused=_by_block(during, refused),
        others=_by_block(during, ~mine & ~refused),
        statuses=statuses,
        failures=failures,
        connections=opened,
        lateness_p99_s=during.generator.lateness_p99_s,
        trouble=trouble,
        after_rate=after.rate,
        gap_s=after.started_at - during.started_at - during.duration_s,
        after=tuple(zip(_by_block(after, back), _by_block(after, back | True), strict=True)),
        control=control(low or high),
    )


def connections(rate: float, limit_s: float) -> int:
    """So many that a service which keeps the limit at this rate is never short of one."""
    return math.ceil(1.5 * rate * limit_s) + 64


def _by_block(run: LoadRun, which: NDArray[np.bool_]) -> tuple[int, ...]:
    """How many of these requests were due in each block."""
    edges = np.arange(round(run.duration_s / BLOCK_S) + 1) * BLOCK_S
    return tuple(np.histogram(run.series["intended_s"][which], edges)[0].tolist())
