"""Checks of assignments over time: another process, and a growing share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

from pytest_mlready.catalogue import check
from pytest_mlready.checks.assigned import experiments
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.assignment.functions import Unit
from pytest_mlready.records import Assigned, Assignments, ExperimentDrill, RampStep
from pytest_mlready.settings import Settings

NEEDS = ("experiments.declared",)


@check(
    "experiments.sticky_restart",
    "must",
    needs=NEEDS,
    remedy="Hash with a published function: Python's hash() of a text is salted anew in each process.",
)
def sticky_restart(assignments: Assignments, experiment_drill: ExperimentDrill) -> Finding:
    """Another process of the service, started just now, tells the same users the same variants.

    Every restart, deployment and replica is another process: with a salted hash it shuffles all users, and the
    treated ones are back in the old variant.
    """
    first, other = _told(assignments.asked), _told(experiment_drill.asked)
    same = [key for key in other if key in first]
    if not same:
        answered = experiment_drill.asked[0].outcome if experiment_drill.asked else "nothing"
        return inconclusive(f"no user was told a variant by both processes (the second one answered {answered})")
    flips = [key for key in same if first[key] != other[key]]
    again = _told(experiment_drill.restarted)
    flips += [key for key in again if again[key] != other.get(key, again[key])]
    measured = Measurement(len(flips), "1", n=len(same) + len(again), limit=0)
    if flips:
        name, unit = flips[0]
        what = f"{name}: id {unit!r} was told {first.get(flips[0])!r} and then {other[flips[0]]!r}"
        return failed(f"{len(flips)} of {len(same)} users change variants with the process; {what}", measured)
    killed = f", {len(again)} also after it was killed" if again else ""
    return passed(f"{len(same)} users are told the same by a second process{killed}", measured)


@check(
    "experiments.ramp_monotone",
    "should",
    needs=("experiments.ramp", "experiments.change"),
    remedy="Let a growing variant take users of the control only: keep the salt, and cut the ranges where they were.",
)
def ramp_monotone(experiment_drill: ExperimentDrill, settings: Settings) -> Finding:
    """Raising the share of the new variants keeps everyone in them who was in them before.

    A user whom the next step puts back has seen the new version and counts for the old one, and customers see
    features come and go.
    """
    refused = next((one for one in experiment_drill.steps if not one.change.ok), None)
    if refused is not None:
        return inconclusive(f"the change to {refused.share:.0%} was answered {refused.change.outcome}: "
                            f"{refused.change.text[:200]}")  # fmt: skip
    controls = {one.name: one.control for one in experiments(settings)}
    count = treated = 0
    for name, steps in groupby(experiment_drill.steps, key=lambda one: one.experiment):
        walked = list(steps)
        for before, after in pairwise(walked):
            earlier, later = _told(before.asked), _told(after.asked)
            inside = [key for key in earlier if earlier[key] != controls[name] and key in later]
            leavers = [key for key in inside if later[key] != earlier[key]]
            count, treated = count + 1, treated + len(inside)
            if leavers:
                key = leavers[0]
                return failed(
                    f"{name}: from {before.share:.0%} to {after.share:.0%}, {len(leavers)} of {len(inside)} users leave"
                    f" their variant; id {key[1]!r} was told {earlier[key]!r} and then {later[key]!r}",
                    Measurement(len(leavers), "1", n=len(inside), limit=0),
                )
        if (still := _without_effect(walked, controls[name])) is not None:
            return failed(f"{name}: at {still.share:.0%} none of {len(still.asked)} users is in a new variant")
    if not treated:
        return inconclusive("no step of a ramp was followed by another with users in the new variants")
    return passed(f"{treated} users stayed in their variants over {count} steps",
                  Measurement(0, "1", n=treated, limit=0))  # fmt: skip


def _told(asked: Sequence[Assigned]) -> dict[tuple[str, Unit], str]:
    return {(one.experiment, one.unit): one.variant for one in asked if one.variant is not None}


def _without_effect(steps: Sequence[RampStep], control: str) -> RampStep | None:
    """A step so large that some of its users would be treated but for one time in a million, and none is."""
    for one in steps:
        told = [each.variant for each in one.asked if each.variant is not None]
        if told and set(told) == {control} and (1 - one.share) ** len(told) < 1e-6:
            return one
    return None
