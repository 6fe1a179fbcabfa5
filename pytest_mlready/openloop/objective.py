"""What a load run says about a service's objectives, in one line for people and one word for an exit code."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from pytest_mlready.measure.generator import burdened, judge_failures, punctual, starved, too_few_connections, unsent
from pytest_mlready.measure.proportions import RateVerdict, Word, judge_rate
from pytest_mlready.measure.slo import SloVerdict, judge_share
from pytest_mlready.openloop.plan import Plan, ramp
from pytest_mlready.records import LoadRun

ALPHA = 0.05
"""How often a verdict may be wrong, of each objective and in each direction."""


@dataclass(frozen=True)
class Objective:
    """p99 of the plan's first class of requests, and the rate of failures over all of them.

    `longest_stall_s` None means: whatever the run's length can exclude.
    """

    p99_s: float
    error_rate: float
    longest_stall_s: float | None = None


@dataclass(frozen=True)
class Outcome:
    """`word` is the worse of both objectives', or "inconclusive" where the generator did not keep its schedule."""

    word: Word
    line: str


def judged(run: LoadRun, plan: Plan, objective: Objective, alpha: float = ALPHA) -> Outcome:
    """Judge `run` of `plan`. The generator is judged first: what it did not send says nothing about the service.

    What it sent a little late, or kept waiting for one of its own connections though the service held fewer than it
    may, fails only by the time from the actual sending; and nothing fails where it sent in bunches or had no time to
    read the answers, but by other errors than deadlines.
    """
    few = too_few_connections(run, objective.p99_s, _highest_rate(run, plan))
    trouble = starved(run, objective.p99_s) or few
    offered = sum(one.offered for one in run.classes)
    if not offered or any(one.dropped for one in run.classes):
        return Outcome("inconclusive", f"{run.scenario}: INCONCLUSIVE: {trouble}")
    failures = sum(_failures(run, index, kind.expected) for index, kind in enumerate(plan.classes))
    errors = judge_failures(run, failures, offered, objective.error_rate, alpha)
    latency = _latency(run, objective, "response_s", alpha)
    word = latency.verdict
    burden, late = burdened(run, objective.p99_s), few is not None or not punctual(run, objective.p99_s)
    if word == "fail" and (burden or (late and _latency(run, objective, "service_s", alpha).verdict != "fail")):
        word = "inconclusive"
    failing = _certain(run, errors, failures, alpha) if burden else errors.verdict
    words = (word, failing)
    worst: Word = "fail" if "fail" in words else "inconclusive" if "inconclusive" in words else "pass"
    if worst == "pass" and (unreached := unsent(run, objective.p99_s)) is not None:
        worst, trouble = "inconclusive", unreached
    low, high = (1000 * end for end in latency.quantile_interval_s)
    again = f" and {errors.k - failures} sent again, their connection closed as they were sent"
    line = (
        f"{run.scenario}: {worst.upper()} at {run.rate:g} req/s: "
        f"p99 {1000 * latency.quantile_s:.1f} ms [{low:.1f}, {high:.1f}], limit {1000 * objective.p99_s:g} ms ({word}: "
        f"{latency.reason}); errors {failures} of {offered}{_kinds(run, plan)}{again if errors.k > failures else ''}, "
        f"{objective.error_rate:.2%} allowed ({failing}); "
        f"a stall of {1000 * latency.unseen_stall_s:.0f} ms could have gone unseen"
        + _longer(run.duration_s, latency, errors)
        + (f"; the generator had trouble of its own: {trouble}" if trouble else "")
    )
    return Outcome(worst, line)


def _certain(run: LoadRun, errors: RateVerdict, failures: int, alpha: float) -> Word:
    """The errors' verdict; a fail must stand without the answers, and ends of connections, that were read too late."""
    unread = sum(one.failures.get("deadline", 0) for one in run.classes)
    certain = judge_rate(failures - unread, errors.n, errors.budget, alpha).verdict
    return "inconclusive" if errors.verdict == "fail" and certain != "fail" else errors.verdict


def _highest_rate(run: LoadRun, plan: Plan) -> float:
    """Of all stages: what queued in a spike still waits when it is over."""
    return max([run.rate, *(rate for one in plan.stages for rate in ramp(one)[:2])])


def _longer(duration_s: float, latency: SloVerdict, errors: RateVerdict) -> str:
    """Which length would decide what this one could not, if it went on as seen."""
    needed = []
    if latency.verdict == "inconclusive":
        needed.append(latency.duration_needed_s)
    if errors.verdict == "inconclusive":
        needed.append(duration_s * errors.n_needed / errors.n if errors.n_needed else None)
    seconds = [one for one in needed if one is not None]
    if len(seconds) < len(needed):
        return "; too close to the limit for a longer one to tell"
    return f"; {math.ceil(max(seconds))} s of the same would tell" if seconds else ""


def _kinds(run: LoadRun, plan: Plan) -> str:
    """The most frequent kinds of failure: statuses that were not expected, and words where no whole answer came."""
    found: Counter[str] = Counter()
    for one, kind in zip(run.classes, plan.classes, strict=True):
        found.update({status: n for status, n in one.statuses.items() if int(status) // 100 not in kind.expected})
        found.update(one.failures)
    return f" ({', '.join(f'{n} {what}' for what, n in found.most_common(3))})" if found else ""


def _failures(run: LoadRun, index: int, expected: tuple[int, ...]) -> int:
    one = run.classes[index]
    good = sum(count for status, count in one.statuses.items() if int(status) // 100 in expected)
    return one.offered - good


def _latency(run: LoadRun, objective: Objective, column: str, alpha: float) -> SloVerdict:
    first = run.series["class"] == 0
    answered = run.series["status"][first] > 0
    response_s = np.where(answered, run.series[column][first], np.inf)
    excluded = run.duration_s * 0.01 / 3
    stall_s = excluded if objective.longest_stall_s is None else objective.longest_stall_s
    return judge_share(response_s, objective.p99_s, duration_s=run.duration_s, longest_stall_s=stall_s, alpha=alpha)
