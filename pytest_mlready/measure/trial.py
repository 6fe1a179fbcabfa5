"""One trial of a search for capacity: how long it takes, and what it says.

A request is good if it was answered 2xx within the limit. One that was refused, failed or waited for in vain counts as
slower than any limit, so that a service cannot keep its p99 by refusing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.generator import punctual, strained
from pytest_mlready.measure.proportions import Word
from pytest_mlready.measure.quantiles import quantile
from pytest_mlready.measure.slo import SloVerdict, judge_share, quantile_interval
from pytest_mlready.measure.spells import enough_seen
from pytest_mlready.records import LoadRun, Percentile, Trial

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SETTLING = 0.1
"""Part of a trial that is not judged: the queue begins empty, and so better than it is at this rate."""
_FEWEST = 500
"""Requests of the shortest trial: 341, all of them good, are the fewest that show a p99."""
_SHORTEST_S = 0.75
_LIMITS = 4
"""So many limits long is a trial at least, that the queue it is about has time to build up."""
_PARTS = 30
"""A search takes as long as about 20 of the shortest trials, most of it for those that are longer."""
_LONGEST_PART = 5
"""At rates where the fewest requests would take longer than this part of the search, there are fewer."""


def shortest_s(rate: float, limit_s: float, search_s: float) -> float:
    """Seconds of the shortest trial at `rate` requests/s in a search of `search_s` seconds; all grows with those."""
    wanted = max(_FEWEST / rate, _SHORTEST_S, _LIMITS * limit_s, search_s / _PARTS)
    return min(wanted, search_s / _LONGEST_PART)


def good(series: Mapping[str, NDArray[Any]], limit_s: float) -> Mask:
    """Which requests were answered 2xx within the limit, counted from when they were to be sent."""
    found: Mask = _answered(series) & (series["response_s"] <= limit_s)
    return found


def outcomes(run: LoadRun) -> tuple[dict[str, int], dict[str, int]]:
    """Answers by status, and failures by word; "dropped" are those that found every connection taken."""
    statuses: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    for one in run.classes:
        statuses.update(one.statuses)
        failures.update({**one.failures, **({"dropped": one.dropped} if one.dropped else {})})
    return dict(statuses), dict(failures)


def judged_trial(run: LoadRun, limit_s: float, *, length: int = 1) -> Trial:
    """What `run`, at one rate, says of the limit at 99%.

    The generator's own trouble makes a fail inconclusive. Requests that found no free connection are the service's
    doing, which holds them all; one that was dropped and did not wait for any was never sent for want of a socket.
    """
    begin = SETTLING * run.duration_s
    judged = run.series["intended_s"] >= begin
    series = {name: values[judged] for name, values in run.series.items()}
    window = run.duration_s - begin
    response, service = _times(series, "response_s"), _times(series, "service_s")
    if not response.size:
        return _trial(run, limit_s, length, "inconclusive", "nothing was offered", {}, {})
    word, trouble = judged_times(response, limit_s, window).verdict, strained(run, limit_s)
    unsent = int(((series["status"] < 0) & ~series["queued"]).sum())
    if trouble is None and unsent:
        trouble = f"{unsent} requests found no free socket on this machine"
    if word == "fail" and trouble is None and not punctual(run, limit_s):
        sent = judge_share(service, limit_s, duration_s=window, longest_stall_s=0)
        if sent.verdict != "fail":
            trouble = f"it sent late ({run.generator.lateness_p99_s * 1000:.1f} ms), and was answered fast from then on"
    if word == "fail" and trouble is not None:
        word = "inconclusive"
    return _trial(run, limit_s, length, word, trouble, _percentiles(response), _percentiles(service))


def judged_times(response_s: Array, limit_s: float, window_s: float) -> SloVerdict:
    """What times of `window_s` seconds, after the settling, say of the limit at 99%; `inf` where not good."""
    seen = judge_share(response_s, limit_s, duration_s=window_s, longest_stall_s=0)
    if seen.verdict == "pass" and not enough_seen(response_s, limit_s, budget=seen.budget):
        return replace(seen, verdict="inconclusive", reason=f"{seen.reason}; too few ups and downs to tell")
    return seen


def _trial(
    run: LoadRun,
    limit_s: float,
    length: int,
    word: Word,
    trouble: str | None,
    response: Mapping[str, Percentile],
    service: Mapping[str, Percentile],
) -> Trial:
    begin, end = SETTLING * run.duration_s, run.duration_s
    series = run.series
    due, done = series["intended_s"], series["intended_s"] + series["response_s"]
    judged = due >= begin
    sent = np.isfinite(series["sent_s"])
    held = np.clip(done, begin, end)[sent] - np.clip(series["sent_s"], begin, end)[sent]
    statuses, failures = outcomes(run)
    return Trial(
        rate=run.rate,
        seconds=run.duration_s,
        length=length,
        verdict=word,
        offered=float(judged.sum()) / (end - begin),
        achieved=float((_answered(series) & (done >= begin) & (done < end)).sum()) / (end - begin),
        good=float((good(series, limit_s) & judged).sum()) / (end - begin),
        in_flight=float(held.sum()) / (end - begin),
        response=response,
        service=service,
        statuses=statuses,
        failures=failures,
        lateness_p99_s=run.generator.lateness_p99_s,
        trouble=trouble,
    )


def _answered(series: Mapping[str, NDArray[Any]]) -> Mask:
    found: Mask = series["status"] // 100 == 2
    return found


def _times(series: Mapping[str, NDArray[Any]], column: str) -> Array:
    found: Array = np.where(_answered(series), series[column], np.inf)
    return found


def _percentiles(times: Array) -> dict[str, Percentile]:
    found = {}
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        low, high = quantile_interval(times, q)
        found[name] = Percentile(_bounded(quantile(times, q)), _bounded(low), _bounded(high))
    return found


def _bounded(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
