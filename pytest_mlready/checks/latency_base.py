"""Check of latency against the version before."""

from __future__ import annotations

import math

import numpy as np

from pytest_mlready.catalogue import check
from pytest_mlready.checks.latency import declared, ms
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure import abba
from pytest_mlready.measure.generator import served_s, starved
from pytest_mlready.measure.quantiles import quantile
from pytest_mlready.measure.regression import FEWEST_PAIRS, QuantileRatio, Regression, judge_regression
from pytest_mlready.records import LoadRun
from pytest_mlready.settings import Base, Settings

LEAST_S = 0.001
"""A difference below this is held against nobody, whatever its ratio: it is what a busy machine adds and takes away."""
FAILED = 0.01
"""Beyond this share of failed requests the base has no p99 to compare with."""


@check(
    "latency.no_regression",
    "must",
    remedy="Profile both versions with the same rows, along what changed since. If the new one is meant to be slower, "
    "raise `p50_ratio` or `tail_ratio` of [base].",
)
def no_regression(paired_load: LoadRun, settings: Settings) -> Finding:
    """Measured in turns with the version before, p50 and p95 are within the allowed ratios, and no p99 beyond is shown.

    A release within its limit may still be a third slower than the last one; some releases later the limit is broken,
    and no single change is to blame.

    The p99 takes some ten times as many requests as the p95, and is what a neighbour on the machine disturbs first: it
    can fail a version, but a run too short to clear it does not keep one from passing.
    """
    base = settings.base or Base()
    if (trouble := starved(paired_load, declared(settings).p99_ms / 1000)) is not None:
        return inconclusive(f"the load generator had trouble of its own: {trouble}")
    before, after = abba.blocks(np.asarray(paired_load.series["stage"]), served_s(paired_load))
    if len(before) < FEWEST_PAIRS:
        return inconclusive(f"{len(before)} pairs of blocks had requests, {FEWEST_PAIRS} are needed: raise the rate")
    times = np.concatenate(before)
    if (unanswered := np.isinf(times)).mean() > FAILED:
        return inconclusive(f"the base failed {unanswered.sum()} of {times.size} requests: {_kinds(paired_load)}")
    ratios = {0.5: base.p50_ratio, 0.95: base.tail_ratio, 0.99: base.tail_ratio}
    allowed = {q: max(ratio, 1 + LEAST_S / quantile(times, q)) for q, ratio in ratios.items()}
    return _finding(judge_regression(before, after, allowed), paired_load, times.size)


def _finding(seen: Regression, run: LoadRun, n: int) -> Finding:
    details = tuple(map(_told, seen.ratios))
    must_hold = [one for one in seen.ratios if one.q < 0.99]
    slower = [one for one in seen.ratios if one.verdict == "regression"]
    unclear = [one for one in must_hold if one.verdict == "inconclusive"]
    shown = (slower or unclear or must_hold)[-1]
    measured = Measurement(shown.ratio, "1", n=n, interval=shown.interval, limit=shown.allowed)
    if slower:
        return failed(f"slower than the base: {_told(shown)}", measured, details=details)
    if not unclear:
        return passed(f"not slower than the base: {_told(shown)}", measured, details=details)
    needed = max(map(_times_as_long, unclear)) * run.duration_s
    would = f"about {needed:.0f} s would decide" if math.isfinite(needed) else "more requests would decide"
    return inconclusive(f"{_told(shown)}: {would}", measured, details=details)


def _told(one: QuantileRatio) -> str:
    low, high = one.interval
    times = f"p{100 * one.q:g} {ms(one.baseline_s)} before, {ms(one.candidate_s)} now"
    return f"{times}, ratio {one.ratio:.2f} [{low:.2f}, {high:.2f}], {one.allowed:.2f} allowed"


def _times_as_long(one: QuantileRatio) -> float:
    """A run so much longer would decide if the ratio stayed as it is: intervals narrow with the root of the time."""
    low, high = one.interval
    end = high if one.ratio <= one.allowed else low
    if not 0 < end < math.inf or one.ratio in {0.0, one.allowed, math.inf}:
        return math.inf
    return float((math.log(end / one.ratio) / math.log(one.allowed / one.ratio)) ** 2)


def _kinds(run: LoadRun) -> str:
    base = run.named("base")
    words = {**base.statuses, **base.failures}
    return ", ".join(f"{count} × {word}" for word, count in words.items() if not word.startswith("2"))
