"""Changing which version serves: examined first, switched at once for all workers, and never forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from reference_service.artifacts.registry import Registry, Snapshot
from reference_service.deployments.changes import Change, Changes, StaleGeneration, State
from reference_service.model.examination import Examination
from reference_service.telemetry import Telemetry
from reference_service.web.problems import Problem
from reference_service.web.request_log import RequestLog


@dataclass(frozen=True)
class Order:
    """Who wants which version to serve, and why.

    Attributes:
        actor: a name for the history.
        version: None, in a rollback, is the one before.
        sha256: the digest that its artifact must have, if the actor knows it.
        expected: the generation that must be in force, if that matters.
        repeated: whether the same was refused before, so that the log need not tell it again.
    """

    actor: str
    version: str | None = None
    sha256: str | None = None
    reason: str = ""
    expected: int | None = None
    repeated: bool = False


@dataclass(frozen=True)
class Outcome:
    """What was in force before an order and is in force after it: the same if there was nothing to change."""

    before: State
    after: State

    @property
    def changed(self) -> bool:
        """Whether there was."""
        return self.after.generation != self.before.generation


class Moved(Exception):
    """While a version was examined, another change made another version the right one."""


class Deployments:
    """Promotes and rolls back. Whatever it refuses leaves everything as it was."""

    def __init__(
        self,
        changes: Changes,
        registry: Registry,
        examination: Examination,
        telemetry: Telemetry,
        log: RequestLog,
    ) -> None:
        self.changes = changes
        self.registry = registry
        self.examination = examination
        self.telemetry = telemetry
        self.log = log

    async def promote(self, order: Order) -> Outcome:
        """Let a version serve; one that serves already changes nothing.

        Raises:
            Problem: 412 another generation is in force; or as the examination says.
        """
        return await self.recorded("promote", order, lambda state: str(order.version), promoted)

    async def rollback(self, order: Order) -> Outcome:
        """Let a version serve again: the given one, else the one before. Doing so twice goes back two versions.

        Raises:
            Problem: 404 unknown version; 409 it never served here, or none did before; else as for `promote`.
        """
        return await self.recorded("rollback", order, lambda state: self.target(state, order.version), returned)

    async def history(self) -> list[Change]:
        """Who changed what, newest first."""
        return await asyncio.to_thread(self.changes.history)

    def target(self, state: State, to: str | None) -> str:
        """The version that a rollback leads to.

        Raises:
            Problem: 404 or 409, there is none.
        """
        if to is None:
            if not state.earlier:
                raise Problem(409, "nothing-to-return-to", "No version served before the one that serves.")
            return state.earlier[-1]
        if to not in state.digests:
            if to not in self.registry.versions():
                raise Problem(404, "unknown-version", "The registry has no such version.")
            raise Problem(409, "never-served", "This version never served here; promote it instead.")
        return to

    async def recorded(self, action: str, order: Order, target: Target, step: Step) -> Outcome:
        """Change or refuse, with a line in the log either way, but for a refusal that it has already."""
        try:
            outcome = await self.change(action, order, target, step)
        except Problem as problem:
            if not order.repeated:
                self.log.event("change-refused", actor=order.actor, action=action, refusal=problem.kind)
            raise
        before, after = outcome.before, outcome.after
        if outcome.changed:
            self.telemetry.changed(action)
        self.log.event(
            "change-made" if outcome.changed else "change-unneeded",
            actor=order.actor,
            action=action,
            generation=after.generation,
            before=before.serving,
            after=after.serving,
        )
        return outcome

    async def change(self, action: str, order: Order, target: Target, step: Step) -> Outcome:
        """Examine the version in question and put it into force; again if it is another one by then.

        What takes long is done before, so that nobody waits for it who wants to make another change.
        """
        while True:
            snapshot = await self.examination.examined(target(self.changes.current()), order.sha256)
            found: list[State] = []

            def decide(state: State, snapshot: Snapshot = snapshot, found: list[State] = found) -> State | None:
                found.append(state)
                if target(state) != snapshot.version:
                    raise Moved
                self.examination.check_immutable(snapshot.sha256, state.digests.get(snapshot.version))
                return step(state, snapshot) if snapshot.version != state.serving else None

            try:
                after = await asyncio.to_thread(
                    self.changes.apply, order.actor, action, order.reason, decide, order.expected
                )
            except Moved:
                continue
            except StaleGeneration as error:
                detail = f"Generation {error.current} is in force; look at it before you change it."
                raise Problem(412, "stale-generation", detail) from None
            return Outcome(found[-1], after)


Target = Callable[[State], str]
Step = Callable[[State, Snapshot], State]


def promoted(state: State, snapshot: Snapshot) -> State:
    """A version serves, and the one that did can be returned to."""
    return msgspec.structs.replace(
        state,
        serving=snapshot.version,
        earlier=(*state.earlier, state.serving),
        digests={**state.digests, snapshot.version: snapshot.sha256},
    )


def returned(state: State, snapshot: Snapshot) -> State:
    """A version serves again, and what came after it is undone.

    A version that was itself undone is not among the earlier ones any more; to go there is a step forward.
    """
    if snapshot.version not in state.earlier:
        return promoted(state, snapshot)
    newest = len(state.earlier) - 1 - state.earlier[::-1].index(snapshot.version)
    return msgspec.structs.replace(state, serving=snapshot.version, earlier=state.earlier[:newest])
