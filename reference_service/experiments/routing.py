"""Which version answers a request, by what was asked for and by the experiments in force."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from reference_service.deployments.changes import State
from reference_service.experiments.assignment import BUCKETS, canonical, prefix, reduced
from reference_service.experiments.experiment import Experiment, Variant
from reference_service.model.inputs import Asked


class Choice(msgspec.Struct, frozen=True):
    """The version that answers, and the variant of an experiment that chose it."""

    version: str
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Assigned:
    """Where a user is in one experiment, and which version that means now."""

    variant: Variant
    version: str
    bucket: int


@dataclass(frozen=True, slots=True)
class Division:
    """An experiment made ready: finding a user's variant is one hash and one look into a table.

    Attributes:
        prefix: what comes before the user id in the input of the hash.
        holders: for each bucket the place of its variant.
        choices: for each variant what it means while one version serves.
        starts, ends: in seconds since 1970.
    """

    experiment: Experiment
    prefix: bytes
    holders: bytes
    choices: tuple[Choice, ...]
    starts: float
    ends: float

    def runs(self, now: float) -> bool:
        """Whether users are in their own variants."""
        return self.starts <= now < self.ends


@dataclass(frozen=True, slots=True)
class Plan:
    """What one state means for requests: made once for each generation, not for each request."""

    state: State | None
    serving: Choice
    divisions: Mapping[str, Division]


class Routing:
    """Chooses by the request and by what is in force. A prediction and the assignment route ask the same tables.

    Args:
        clock: gives seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.plan = Plan(None, Choice(""), {})

    def choose(self, state: State, asked: Asked) -> Choice:
        """Who asks for a version gets it; else a user gets what the running experiment says, all others what serves.

        One experiment at a time routes predictions: of those that run, the one that began first, then by name.
        """
        plan = self.plan if self.plan.state is state else self.planned(state)
        if asked.model_version is not None:
            return Choice(asked.model_version)
        if plan.divisions and asked.user_id is not None:
            now = self.clock()
            for division in plan.divisions.values():
                if division.runs(now):
                    return division.choices[division.holders[self.bucket(division.prefix, asked.user_id)]]
        return plan.serving

    def assigned(self, state: State, name: str, user_id: str) -> Assigned:
        """Where a user is in an experiment that is in force; outside its dates that is the control."""
        plan = self.plan if self.plan.state is state else self.planned(state)
        division = plan.divisions[name]
        bucket = self.bucket(division.prefix, user_id)
        place = division.holders[bucket] if division.runs(self.clock()) else 0
        return Assigned(division.experiment.variants[place], division.choices[place].version, bucket)

    def running(self, state: State) -> Iterator[str]:
        """The names of the experiments that run; the first of them routes predictions."""
        plan, now = self.plan if self.plan.state is state else self.planned(state), self.clock()
        return (name for name, division in plan.divisions.items() if division.runs(now))

    def bucket(self, salted: bytes, user_id: str) -> int:
        """The bucket of a user, see `assignment.py`."""
        return reduced(salted + canonical(user_id))

    def holders(self, experiment: Experiment) -> bytes:
        """For each bucket the place of the variant that holds it."""
        found = bytearray(BUCKETS)
        for place, variant in enumerate(experiment.variants):
            for start, end in variant.ranges:
                found[start:end] = bytes([place]) * (end - start)
        return bytes(found)

    def planned(self, state: State) -> Plan:
        """Make everything ready for a state, and keep it until the next one."""
        began_first = sorted(state.experiments.values(), key=lambda each: (each.starts_at, each.name))
        divisions = {each.name: self.divided(each, state.serving) for each in began_first}
        self.plan = Plan(state, Choice(state.serving), divisions)
        return self.plan

    def divided(self, experiment: Experiment, serving: str) -> Division:
        """One experiment made ready."""
        return Division(
            experiment,
            prefix(experiment.salt),
            self.holders(experiment),
            tuple(Choice(variant.version or serving, variant.name) for variant in experiment.variants),
            experiment.starts_at.timestamp(),
            math.inf if experiment.ends_at is None else experiment.ends_at.timestamp(),
        )
