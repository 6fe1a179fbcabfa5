"""The check of a canary: a candidate beside its control."""

from __future__ import annotations

from pytest_mlready.catalogue import check
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.canary import FEWEST_POINTS, CanaryVerdict, MetricVerdict, Worse, judge_canary
from pytest_mlready.records import Canary

WORSE: dict[str, Worse] = {"score": "either"}
LIMITS = {"latency_s": 0.2, "slowest_s": 1.0, "errors": 0.0, "score": 0.1, "wrong": 0.1}
"""Shares of the control's mean by which a candidate may be worse."""


@check(
    "deployment.canary_abort",
    "must",
    needs=("deployment.canary",),
    remedy="Do not promote the candidate: compare the metric named here with the control's, then mend it.",
)
def canary_abort(canary_run: Canary) -> Finding:
    """A candidate is not worse than what serves: in latency, errors, distribution of predictions and known labels.

    A canary whose rule mistakes noise for harm is soon ignored, and one that looks at means of dependent points as if
    they were independent does so nearly always.
    """
    candidate, control = canary_run.names
    points = len(next(iter(canary_run.candidate.values()), ()))
    if points < FEWEST_POINTS:
        return inconclusive(f"{points} points are too few: {FEWEST_POINTS} decide at least")
    verdict = judged(canary_run)
    first = verdict.metrics[0]
    measured = Measurement(first.difference, "", n=points, interval=first.interval, limit=first.limit)
    what = f"{candidate} beside {control}: {_told(first)}"
    details = tuple(_told(one) for one in verdict.metrics[1:])
    if verdict.verdict == "fail":
        return failed(f"abort {what}", measured, details=details)
    if verdict.verdict == "inconclusive":
        needed = f"; {verdict.points_needed} points would decide, {points} were asked" if verdict.points_needed else ""
        return inconclusive(f"{what}{needed}", measured, details=details)
    return passed(f"{candidate} is not worse than {control} in any of {len(verdict.metrics)} metrics", measured)


def judged(canary: Canary) -> CanaryVerdict:
    """The verdict on all metrics, with the limits of this check."""
    return judge_canary(canary.candidate, canary.control, limits=LIMITS, worse=WORSE)


def _told(one: MetricVerdict) -> str:
    low, high = one.interval
    return (
        f"{one.metric} worse by {one.difference:.3g} [{low:.3g}, {high:.3g}], the control's is {one.control:.3g}, "
        f"allowed {one.limit:.3g}"
    )
