"""Putting an experiment into force: its versions examined first, then one change like every other."""

from __future__ import annotations

import asyncio
import datetime
from dataclasses import dataclass

import msgspec

from reference_service.artifacts.registry import Snapshot
from reference_service.deployments.changes import Changes, StaleGeneration, State
from reference_service.deployments.deployment import Outcome
from reference_service.experiments.experiment import Definition, defined
from reference_service.experiments.routing import Routing
from reference_service.model.examination import Examination
from reference_service.telemetry import Telemetry
from reference_service.web.problems import Fault, Problem
from reference_service.web.request_log import RequestLog

ACTION = "experiment"


@dataclass(frozen=True)
class Wish:
    """Who wants an experiment to be what, and why.

    Attributes:
        actor: a name for the history.
        expected: the generation that must be in force, if that matters.
    """

    actor: str
    name: str
    definition: Definition
    reason: str = ""
    expected: int | None = None


class Experiments:
    """Begins and changes experiments. Whatever it refuses leaves everything as it was."""

    def __init__(
        self, changes: Changes, examination: Examination, routing: Routing, telemetry: Telemetry, log: RequestLog
    ) -> None:
        self.changes = changes
        self.examination = examination
        self.routing = routing
        self.telemetry = telemetry
        self.log = log

    async def put(self, wish: Wish) -> Outcome:
        """Begin an experiment or change the one that stands; the same definition again changes nothing.

        Raises:
            Problem: 409 the standing one or a version does not allow it; 412 another generation is in force; 422 it
                would end before it starts, or the registry lacks a version.
        """
        try:
            outcome = await self.change(wish)
        except Problem as problem:
            self.log.event(
                "change-refused", actor=wish.actor, action=ACTION, refusal=problem.kind, experiment=wish.name
            )
            raise
        if outcome.changed:
            self.telemetry.changed(ACTION)
        self.log.event(
            "change-made" if outcome.changed else "change-unneeded",
            actor=wish.actor,
            action=ACTION,
            generation=outcome.after.generation,
            experiment=wish.name,
        )
        return outcome

    async def change(self, wish: Wish) -> Outcome:
        """Examine every version and then make the change."""
        snapshots = await self.examined(wish.definition)
        found: list[State] = []

        def decide(state: State) -> State:
            found.append(state)
            now = datetime.datetime.fromtimestamp(self.routing.clock(), datetime.UTC)
            experiment = defined(wish.name, wish.definition, state.experiments.get(wish.name), now)
            for version, snapshot in snapshots.items():
                self.examination.check_immutable(snapshot.sha256, state.digests.get(version))
            return msgspec.structs.replace(
                state,
                experiments={**state.experiments, wish.name: experiment},
                digests={**state.digests, **{version: each.sha256 for version, each in snapshots.items()}},
            )

        reason = f"{wish.name}: {wish.reason}" if wish.reason else wish.name
        try:
            after = await asyncio.to_thread(self.changes.apply, wish.actor, ACTION, reason, decide, wish.expected)
        except StaleGeneration as error:
            detail = f"Generation {error.current} is in force; look at it before you change it."
            raise Problem(412, "stale-generation", detail) from None
        return Outcome(found[-1], after)

    async def examined(self, definition: Definition) -> dict[str, Snapshot]:
        """The versions that the variants name, each fit to serve.

        Raises:
            Problem: 422 or 409, one of them is not.
        """
        found = {}
        for i, variant in enumerate(definition.variants):
            if variant.version is None or variant.version in found:
                continue
            try:
                found[variant.version] = await self.examination.examined(variant.version)
            except Problem as problem:
                fault = Fault(f"$.variants[{i}].version", problem.detail)
                status = 422 if problem.status == 404 else problem.status  # what is not found is not this path
                raise Problem(status, problem.kind, problem.detail, [fault]) from None
        return found
