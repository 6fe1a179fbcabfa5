"""The check of how a team decides what an experiment has shown."""

from __future__ import annotations

from pytest_mlready.catalogue import check
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.proportions import judge_rate
from pytest_mlready.records import AnalysisTrials

BUDGET = 0.05
"""Of experiments without any difference, over all looks and metrics together."""


@check(
    "experiments.stats_sound",
    "should",
    remedy="Use intervals that stay valid at every look (pytest_mlready.measure.outcomes), share alpha among metrics, "
    "demand a minimum number of users, and leave missing values out.",
)
def stats_sound(analysis_trials: AnalysisTrials) -> Finding:
    """The team's analysis of outcomes sees a difference where one is, and with the planned looks hardly where none is.

    Five looks at three metrics at p < 5% see one in nearly 40 of 100 experiments that change nothing; and a value that
    is missing and counts as 0 makes a result of any outage.
    """
    one = analysis_trials
    if one.problem is not None:
        return failed(f"the analysis broke: {one.problem}")
    if 2 * one.missing_claims > one.missing_trials:
        return failed(f"{one.missing_claims} of {one.missing_trials} experiments without a difference were decided "
                      "because a third of one variant's values is missing",
                      Measurement(one.missing_claims, "1", n=one.missing_trials, limit=0))  # fmt: skip
    if 2 * one.tiny_claims > one.tiny_trials:
        return failed(f"{one.tiny_claims} of {one.tiny_trials} experiments were decided by {one.tiny_n} users each",
                      Measurement(one.tiny_claims, "1", n=one.tiny_trials, limit=0))  # fmt: skip
    if 2 * one.found < one.true_trials:
        return failed(f"a plain difference was found in {one.found} of {one.true_trials} experiments: it finds nothing",
                      Measurement(one.found, "1", n=one.true_trials))  # fmt: skip
    rate = judge_rate(one.false_claims, one.null_trials, BUDGET)
    measured = Measurement(rate.rate, "1", n=rate.n, interval=rate.interval, limit=BUDGET)
    what = (f"{one.false_claims} of {one.null_trials} experiments without a difference were said to have one, "
            f"with {one.looks} looks at {one.metrics} metrics")  # fmt: skip
    if rate.verdict == "fail":
        return failed(what, measured)
    if rate.verdict == "inconclusive":
        return inconclusive(f"{what}: not surely within {BUDGET:.0%}", measured)
    return passed(what, measured)
