"""Judging groups of users by the shares that are declared, where the function is not: with statistics."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Mapping, Sequence

from pytest_mlready.checks.assigned import experiments
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.assignment.declared import Experiment
from pytest_mlready.measure.assignment.functions import Unit
from pytest_mlready.measure.split import log_evidence, smallest_shift
from pytest_mlready.records import Assignments
from pytest_mlready.settings import Settings

FALSE_ALARM = 1e-4
"""Of all checks of experiments together, of a service that divides as declared."""
TESTS = 40
"""So many groupings that is divided among: more than there are for four experiments."""
FAIL_AT = math.log(TESTS / FALSE_ALARM)
DOUBT_AT = math.log(1 / 1e-3)
User = tuple[Unit, str, str]
"""Id, its kind, the variant that it was told."""
Groups = Mapping[str, Sequence[Sequence[str]]]
"""The variants of the users of each group, by the name of the grouping."""


def undeclared(settings: Settings, assignments: Assignments) -> list[Experiment]:
    """The experiments that ran when they were asked for, and whose function is not declared."""
    now = datetime.datetime.fromtimestamp(assignments.asked_at, datetime.UTC)
    return [one for one in experiments(settings) if one.function is None and one.runs(now)]


def sampled_users(assignments: Assignments, experiment: Experiment) -> list[User]:
    """Everyone of an experiment who was sampled and told a variant, in the order of asking."""
    samples = [one for one in assignments.samples if one.experiment == experiment.name]
    return [
        (unit, one.kind, one.names[at]) for one in samples for unit, at in zip(one.units, one.variants, strict=True)
        if at >= 0
    ]  # fmt: skip


def judge_groups(groupings: Mapping[Experiment, Groups]) -> Finding:
    """Whether users keep the declared shares in every group of every grouping.

    Fails where the evidence is beyond what a service that divides as declared shows once in 10,000 runs, however often
    one looks; is inconclusive beyond what it shows once in 1,000 looks at one grouping.
    """
    found = [(log_of(one, groups), one, name) for one, given in groupings.items() for name, groups in given.items()]
    users = min(
        (sum(map(len, groups)) for given in groupings.values() for groups in list(given.values())[:1]), default=0
    )
    if not users:
        return inconclusive("no users were sampled: there was no time, or none was told a variant")
    evidence, experiment, name = max(found, key=lambda one: one[0])
    measured = Measurement(evidence, "log evidence", n=users, limit=round(FAIL_AT, 2))
    share = _largest_treated(experiment)
    shift = smallest_shift(users, share, FAIL_AT) if 0 < share < 1 else None
    unseen = f"{users} users show a share of {share:.0%} that is off by {shift:.1%}, not less" if shift else ""
    details = (unseen,) if unseen else ()
    if evidence >= FAIL_AT:
        what = _told(groupings[experiment][name], experiment)
        return failed(f"{experiment.name}: by {name}, the split is not as declared; {what}", measured, details=details)
    if evidence >= DOUBT_AT:
        return inconclusive(f"{experiment.name}: by {name}, the split is suspicious; ask more users", measured)
    return passed(f"{users} users are divided as declared; {unseen}".rstrip("; "), measured)


def log_of(experiment: Experiment, groups: Sequence[Sequence[str]]) -> float:
    """The evidence against the declared shares in these groups; who is told an undeclared variant is proof."""
    shares = experiment.shares
    counts = [Counter(group) for group in groups]
    if any(name not in shares for one in counts for name in one):
        return math.inf
    whole = sum(shares.values())  # that it is 1 is judged elsewhere
    table = [[one[name] for name in shares] for one in counts] or [[0] * len(shares)]
    return log_evidence(table, [share / whole for share in shares.values()])


def _largest_treated(experiment: Experiment) -> float:
    return max(share for name, share in experiment.shares.items() if name != experiment.control)


def _told(groups: Sequence[Sequence[str]], experiment: Experiment) -> str:
    """The group that departs most."""
    shares = experiment.shares
    worst = max(groups, key=lambda group: log_of(experiment, [group]))
    counts = Counter(worst)
    told = ", ".join(f"{name} {count / len(worst):.1%} (declared {shares.get(name, 0):.1%})"
                     for name, count in counts.most_common())  # fmt: skip
    return f"of {len(worst)} users {told}"
