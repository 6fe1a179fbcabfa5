"""What the declared functions say of the ids that were asked for."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_mlready.finding import SERVICE, Finding, Measurement, failed, inconclusive
from pytest_mlready.measure.assignment.declared import Experiment
from pytest_mlready.measure.assignment.functions import Assignment, Unassignable
from pytest_mlready.records import Assigned, Assignments, Exchange
from pytest_mlready.settings import Settings

SHOWN = 5
"""Mismatches that are told one by one."""


@dataclass(frozen=True)
class Mismatch:
    """An id that is told another variant than its experiment's function gives."""

    asked: Assigned
    expected: str
    position: int
    positions: int

    def __str__(self) -> str:
        """In one clause."""
        one = self.asked
        told = "no variant" if one.variant is None else repr(one.variant)
        return (
            f"{one.experiment}: {one.kind} id {one.unit!r} is in bucket {self.position} of {self.positions}, "
            f"{self.expected!r}, and is told {told}"
        )


def experiments(settings: Settings) -> tuple[Experiment, ...]:
    """The declared experiments."""
    return () if settings.experiments is None else settings.experiments.declared


def standing(settings: Settings, assignments: Assignments) -> tuple[Experiment, ...]:
    """The declared experiments; where the service publishes which buckets a variant holds, with those."""
    return tuple(_with_ranges(one, assignments.definitions.get(one.name)) for one in experiments(settings))


def mismatches(asked: Sequence[Assigned], of: Collection[Experiment], at: float) -> Iterator[Mismatch]:
    """Answers that are not what the functions give at a time (seconds since the epoch); refused ids are none."""
    now = datetime.datetime.fromtimestamp(at, datetime.UTC)
    made = {one.name: Assignment(one) for one in of if one.function is not None}
    for one in asked:
        assignment = made.get(one.experiment)
        if assignment is None or one.variant is None:
            continue
        try:
            position, variant = assignment.position(one.unit), assignment.variant(one.unit)
        except Unassignable:
            continue
        expected = variant if assignment.experiment.runs(now) else assignment.experiment.control
        if one.variant != expected:
            yield Mismatch(one, expected, position, assignment.positions)


def told_wrong(found: Sequence[Mismatch], asked: int, what: str) -> Finding:
    """The failure of answers that are not what the declared function gives."""
    wrong = len(found)
    path = next((one.asked.path for one in found if one.asked.path), None)
    return failed(
        f"{wrong} of {asked} {what} are not as declared; {found[0]}",
        Measurement(wrong, "1", n=asked, limit=0),
        details=tuple(str(one) for one in found[1:SHOWN]),
        replay=f"curl -sS '{SERVICE}{path}'" if path else "",
    )


def unanswered(asked: Sequence[Assigned]) -> Finding | None:
    """Why nothing can be said where half of the ids, or more, are told no variant; None where fewer are."""
    silent = [one for one in asked if one.variant is None]
    if asked and 2 * len(silent) < len(asked):
        return None
    if not asked:
        return inconclusive("no experiment is declared that this could be asked of")
    one = silent[0]
    what = f"{one.experiment}: id {one.unit!r} was answered {one.outcome}"
    return inconclusive(f"{len(silent)} of {len(asked)} ids are told no variant; {what}")


def published(exchange: Exchange | None) -> Mapping[str, Any] | None:
    """The definition that a service publishes of an experiment: an object with a list `variants`; None if none."""
    body = None if exchange is None else exchange.json_or_none
    if not isinstance(body, Mapping) or not isinstance(body.get("variants"), list):
        return None
    return body if all(isinstance(one, Mapping) and "name" in one for one in body["variants"]) else None


def _with_ranges(experiment: Experiment, exchange: Exchange | None) -> Experiment:
    definition = published(exchange)
    if definition is None or experiment.function != "mlready-sha256-v1":
        return experiment
    held = {one["name"]: _ranges(one.get("ranges")) for one in definition["variants"]}
    if any(held.get(one.name) is None for one in experiment.variants):
        return experiment
    return replace(experiment, variants=tuple(replace(one, ranges=held[one.name]) for one in experiment.variants))


def _ranges(value: object) -> tuple[tuple[int, int], ...] | None:
    if not isinstance(value, list):
        return None
    pairs = [tuple(one) for one in value if isinstance(one, list) and len(one) == 2]
    if len(pairs) < len(value) or any(type(end) is not int for one in pairs for end in one):
        return None
    return tuple((start, end) for start, end in pairs)
