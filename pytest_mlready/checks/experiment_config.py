"""Checks of how experiments are defined, and of what says in which variant an answer was given."""

from __future__ import annotations

import datetime
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from pytest_mlready.catalogue import check
from pytest_mlready.checks.assigned import experiments, mismatches, published, standing, told_wrong
from pytest_mlready.checks.splits import FAIL_AT, judge_groups, log_of, sampled_users, undeclared
from pytest_mlready.finding import SERVICE, Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.assignment.declared import Experiment
from pytest_mlready.measure.assignment.functions import Assignment
from pytest_mlready.records import Assignments, Exchange
from pytest_mlready.settings import Settings

NEEDS = ("experiments.declared",)
OFFLINE = 4000
"""Ids whose variants in two experiments are computed from the declared functions, without a request."""
LARGEST_FIRST_STEP = 0.05


@check(
    "experiments.config_sane",
    "must",
    needs=NEEDS,
    remedy="Refuse weights that do not add up to 1; give the control outside an experiment's dates; answer 404, or the "
    "control, for an experiment that does not exist.",
)
def config_sane(assignments: Assignments, settings: Settings) -> Finding:
    """Weights add up, the service holds what was declared, and who is in no experiment gets the control.

    Weights of 0.5 and 0.6 favour whichever variant comes first; an experiment that goes on after its end decides over
    customers whom nobody watches any more.
    """
    declared = experiments(settings)
    for one in declared:
        total = sum(variant.weight for variant in one.variants)
        if not math.isclose(total, one.total, rel_tol=1e-9):
            return failed(f"{one.name}: the declared weights add up to {total:g}, not {one.total:g}",
                          Measurement(total, "1", limit=one.total))  # fmt: skip
        fault = _held_otherwise(one, assignments.definitions.get(one.name))
        if fault is not None:
            return failed(f"{one.name}: {fault}", replay=assignments.definitions[one.name].curl(SERVICE))
    now = datetime.datetime.fromtimestamp(assignments.asked_at, datetime.UTC)
    still = {one.name: one.control for one in declared if not one.runs(now)}
    asleep = [one for one in assignments.asked if one.experiment in still and one.variant is not None]
    awake = [one for one in asleep if one.variant != still[one.experiment]]
    if awake:
        first = awake[0]
        what = f"{first.experiment} does not run now, and id {first.unit!r} is told {first.variant!r}"
        return failed(f"{len(awake)} of {len(asleep)} users are in an experiment outside its dates; {what}",
                      Measurement(len(awake), "1", n=len(asleep), limit=0),
                      replay=f"curl -sS '{SERVICE}{first.path}'" if first.path else "")  # fmt: skip
    unknown = assignments.unknown
    if unknown is not None and (unknown.status is None or unknown.status >= 500):
        return failed(f"{unknown.case} is answered {unknown.outcome}", replay=unknown.curl(SERVICE))
    if unknown is not None and unknown.ok and not any(one.control in unknown.text for one in declared):
        return failed(f"{unknown.case} is answered {unknown.status} with no control", replay=unknown.curl(SERVICE))
    seen = [f"{len(declared)} definitions add up"]
    seen += [f"{len(assignments.definitions)} are what the service holds"] if assignments.definitions else []
    seen += [f"{len(asleep)} users outside the dates get the control"] if asleep else []
    return passed(", ".join(seen), Measurement(0, "1", n=len(declared), limit=0))


@check(
    "experiments.labelled",
    "must",
    needs=NEEDS,
    remedy="Name the variant in the answer, in the request's log line, and as a label of a prediction counter.",
)
def labelled(assignments: Assignments) -> Finding:
    """A prediction for a user names the variant that the user is in, in the answer, the log and the metrics.

    Whoever analyses the experiment joins outcomes to this label: without it, or with a wrong one, there is nothing to
    analyse.
    """
    made = [one for one in assignments.labelled if one.answer.ok]
    if not made:
        outcome = assignments.labelled[0].answer.outcome if assignments.labelled else "not asked for"
        return inconclusive(f"no prediction for a user of a known variant was answered ({outcome})")
    for one in made:
        if one.told != one.variant:
            named = "names no variant" if one.told is None else f"names {one.told!r}"
            return failed(f"the prediction for {one.unit!r}, who is in {one.variant!r}, {named}",
                          replay=one.answer.curl(SERVICE))  # fmt: skip
    silent = [one for one in made if one.logged is False]
    if silent:
        return failed(f"the log has {len(silent)} of {len(made)} predictions without their variant")
    variants = list(dict.fromkeys(one.variant for one in made))
    if assignments.in_metrics is not None and (missing := [v for v in variants if v not in assignments.in_metrics]):
        return failed(f"no label of the metrics names the variant {missing[0]!r}, for which there were predictions")
    logged = sum(one.logged is True for one in made)
    details = () if logged else ("the log shows no line with the ids of these requests: it was not judged",)
    return passed(f"{len(made)} predictions name their variant, {logged} in the log", details=details)


@check(
    "experiments.independent",
    "should",
    needs=NEEDS,
    remedy="Give each experiment a salt of its own, and a hash that mixes it with the id.",
)
def independent(assignments: Assignments, settings: Settings) -> Finding:
    """In which variant of one experiment a user is says nothing of another, nor does the order of ids.

    With one salt for all, those who get every risky variant are the same people, and each experiment measures them all.
    """
    now = datetime.datetime.fromtimestamp(assignments.asked_at, datetime.UTC)
    known = [one for one in standing(settings, assignments) if one.function is not None and one.runs(now)]
    for at, one in enumerate(known):
        for other in known[:at]:
            groups = _offline_groups(one, other)
            if log_of(one, groups) >= FAIL_AT:
                return failed(f"by their declared functions {other.name} and {one.name} depend on each other; "
                              f"{_shares_told(one, groups)}")  # fmt: skip
    plain = [one for one in assignments.asked if one.kind == "random"]
    found = list(mismatches(plain, known, assignments.asked_at))
    if found:
        return told_wrong(found, len(plain), "assignments")
    unknown = undeclared(settings, assignments)
    if unknown:
        return judge_groups({one: dict(_beside(one, unknown, assignments)) for one in unknown})
    if len(known) < 2:
        return inconclusive("one experiment runs: declare a second one that runs at the same time")
    return passed(f"{len(known)} experiments are independent over {OFFLINE} ids, and answers are as declared",
                  Measurement(0, "1", n=len(plain), limit=0))  # fmt: skip


@check(
    "experiments.start_small",
    "should",
    needs=("experiments.ramp",),
    remedy="Begin with at most 5% of users in the new variants, and raise it when the first comparison holds.",
)
def start_small(assignments: Assignments, settings: Settings) -> Finding:
    """The first step of the ramp gives at most 5% of users a new variant, and no step goes back.

    The first hour of a new version is when its worst fault shows: the fewer customers meet it, the better.
    """
    planned = [one for one in experiments(settings) if one.ramp]
    for one in planned:
        if one.ramp[0] > LARGEST_FIRST_STEP:
            return failed(f"{one.name}: the ramp begins with {one.ramp[0]:.0%} of users",
                          Measurement(one.ramp[0], "1", limit=LARGEST_FIRST_STEP))  # fmt: skip
        if list(one.ramp) != sorted(set(one.ramp)):
            return failed(f"{one.name}: the steps of the ramp do not rise: {', '.join(f'{s:g}' for s in one.ramp)}")
    first = max(one.ramp[0] for one in planned)
    return passed(
        f"{len(planned)} ramps begin with {first:.0%} of users or fewer",
        Measurement(first, "1", n=len(planned), limit=LARGEST_FIRST_STEP),
        details=tuple(_now(one, assignments) for one in planned),
    )


def _now(one: Experiment, assignments: Assignments) -> str:
    """How many of the users who were asked for at random are in the new variants at this moment."""
    told = [each.variant for each in assignments.asked if each.experiment == one.name and each.kind == "random"]
    return f"{one.name}: now {sum(variant != one.control for variant in told)} of {len(told)} users at random"


def _held_otherwise(one: Experiment, exchange: Exchange | None) -> str | None:
    """How the definition that the service publishes differs from the declared one; None if it does not."""
    if exchange is None:
        return None
    definition = published(exchange)
    if definition is None:
        return f"its definition is answered {exchange.outcome}, without a list `variants`"
    held = {str(each["name"]): each.get("weight") for each in definition["variants"]}
    weights = [weight for weight in held.values() if isinstance(weight, int | float)]
    if len(weights) == len(held) and not any(math.isclose(sum(weights), total) for total in (1, 100, one.total)):
        return f"the service holds weights that add up to {sum(weights):g}"
    for variant in one.variants:
        weight = held.get(variant.name)
        if isinstance(weight, int | float) and not math.isclose(weight, variant.weight, abs_tol=1e-9):
            return f"{variant.name!r} is declared to weigh {variant.weight:g}, and the service holds {weight:g}"
        if variant.name not in held:
            return f"the service holds no variant {variant.name!r}"
    salt = definition.get("salt")
    return f"the service holds the salt {salt!r}, declared is {one.salt!r}" if _other(salt, one.salt) else None


def _other(published: object, declared: str) -> bool:
    return isinstance(published, str) and declared != "" and published != declared


def _offline_groups(one: Experiment, other: Experiment) -> list[list[str]]:
    """The variants of many users in one experiment, by that in the other."""
    first, second = Assignment(one), Assignment(other)
    groups: dict[str, list[str]] = defaultdict(list)
    for n in range(OFFLINE):
        groups[second.variant(f"user-{n}")].append(first.variant(f"user-{n}"))
    return list(groups.values())


def _beside(
    one: Experiment, experiments: Sequence[Experiment], assignments: Assignments
) -> Iterator[tuple[str, list[list[str]]]]:
    """The variants of an experiment by those of each other one, and by the order in which ids were asked for."""
    users = sampled_users(assignments, one)
    for other in experiments:
        if other is one:
            continue
        told = {unit: variant for unit, _, variant in sampled_users(assignments, other)}
        groups: dict[str, list[str]] = defaultdict(list)
        for unit, _, variant in users:
            if unit in told:
                groups[told[unit]].append(variant)
        yield f"the variants of {other.name}", list(groups.values())
    tenth = max(1, len(users) // 10)
    yield "the order of asking", [[variant for *_, variant in users[at : at + tenth]]
                                  for at in range(0, len(users), tenth)]  # fmt: skip
    yield "every second user", [[variant for *_, variant in users[at::2]] for at in range(2)]


def _shares_told(one: Experiment, groups: Sequence[Sequence[str]]) -> str:
    name = one.variants[-1].name
    return f"{name!r} has " + " and ".join(f"{group.count(name) / len(group):.1%}" for group in groups) + " of them"
