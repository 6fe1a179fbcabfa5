"""Defects of orders to change versions: which are taken, which refused, and what is remembered of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import HTTPConnection

from reference_service.artifacts import manifest
from reference_service.artifacts.registry import Registry, Snapshot
from reference_service.components import Components
from reference_service.deployments.changes import Change, Changes, State
from reference_service.deployments.deployment import Deployments, Order, Outcome
from reference_service.model.examination import Examination
from reference_service.web.access import Access, Actor, Role
from reference_service.web.problems import Problem
from tests.defects.planting import defect

Decide = Callable[[State], State | None]


@defect("deployment.admin_guarded")
def the_rollback_route_is_open(components: Components) -> Components:
    """Every admin route asks for a right but the one for emergencies."""

    class Open(Access):
        def require(self, request: HTTPConnection, role: Role) -> Actor:
            if request.scope["path"].endswith("/rollback"):
                return Actor("anybody", frozenset({role}))
            return super().require(request, role)

    access = Open((), components.access.keyed, components.log)
    access.known = components.access.known
    return replace(components, access=access)


@defect("deployment.admin_guarded")
def any_token_is_an_admins(components: Components) -> Components:
    """That there is a token is asked for, and not whose it is."""

    class Trusting(Access):
        def holder(self, credentials: bytes) -> Actor | None:
            return super().holder(credentials) or Actor("somebody", frozenset({"admin"}))

    trusting = Trusting((), components.access.keyed, components.log)
    trusting.known = components.access.known
    return replace(components, access=trusting)


@defect("deployment.unknown_version_refused")
def the_pointer_moves_before_the_version_is_looked_for(components: Components) -> Components:
    """A mistyped version is refused with 404, and by then it serves. Deployment helper."""

    class Hasty(Deployments):
        async def promote(self, order: Order) -> Outcome:
            def moved(state: State) -> State:
                return msgspec.structs.replace(state, serving=str(order.version))

            if order.version not in self.registry.versions():
                await asyncio.to_thread(self.changes.apply, order.actor, "promote", "", moved)
            return await super().promote(order)

    made = components.deployments
    return replace(
        components, deployments=Hasty(made.changes, made.registry, made.examination, made.telemetry, made.log)
    )


@defect("deployment.unknown_version_refused")
def the_latest_version_stands_in_for_an_unknown_one(components: Components) -> Components:
    """A version that is not there is taken for "the latest", and that is acknowledged."""

    class Obliging(Deployments):
        async def promote(self, order: Order) -> Outcome:
            known = self.registry.versions()
            return await super().promote(replace(order, version=order.version if order.version in known else known[-1]))

    made = components.deployments
    obliging = Obliging(made.changes, made.registry, made.examination, made.telemetry, made.log)
    return replace(components, deployments=obliging)


@defect("deployment.corrupt_artifact_refused")
def whatever_lies_there_is_loaded(components: Components) -> Components:
    """No digest is compared, and no golden row asked."""

    class Trusting(Registry):
        def files(self, version: str) -> dict[str, bytes]:
            directory = self.models / self.name / version
            return {one.name: one.read_bytes() for one in directory.iterdir() if one.name != manifest.FILE_NAME}

        def digest(self, files: Mapping[str, bytes]) -> str:
            return str(json_of(files["metadata.json"])["version"]).ljust(64, "0")

    class Careless(Examination):
        async def check_answers(self, snapshot: Snapshot) -> None:
            pass

    found, made = components.registry, components.examination
    examination = Careless(made.contract, made.serving, made.batcher, made.log)
    trusting = Trusting(found.models, found.name, found.engine)
    return replace(components, registry=trusting, examination=examination)


@defect("deployment.corrupt_artifact_refused")
def a_spoilt_artefact_is_a_line_in_the_log(components: Components) -> Components:
    """What cannot be loaded is logged, the old version goes on serving, and the order is acknowledged."""

    class Forgiving(Deployments):
        async def change(self, *order: Any) -> Outcome:
            try:
                return await super().change(*order)
            except Problem as problem:
                if problem.kind != "untrusted-artifact":
                    raise
                return Outcome(self.changes.current(), self.changes.current())

    made = components.deployments
    forgiving = Forgiving(made.changes, made.registry, made.examination, made.telemetry, made.log)
    return replace(components, deployments=forgiving)


@defect("deployment.concurrent_changes_serialise", also={"deployment.history_complete", "deployment.idempotent"})
def the_last_of_two_changes_wins(components: Components) -> Components:
    """State is read, decided on, and written back a moment later, whatever happened meanwhile."""

    class Unlocked(Changes):
        def apply(
            self, actor: str, action: str, reason: str, decide: Callable[..., Any], expected: Any = None
        ) -> State:
            with closing(self.connect()) as connection:
                before = self.newest(connection) or State(serving="")
                after = msgspec.structs.replace(decide(before) or before, generation=before.generation + 1)
                time.sleep(0.02)
                connection.execute("DELETE FROM changes WHERE generation >= ?", (after.generation,))
                self.append(connection, after, before.serving, actor, action, reason)
                self.publish(after)
                return after

    return replace(components, changes=Unlocked(components.settings.state_directory))


@defect("deployment.concurrent_changes_serialise")
def who_comes_while_a_change_is_under_way_is_told_that_it_was_made(components: Components) -> Components:
    """The lock is tried and not waited for; whoever does not get it is acknowledged all the same."""
    lock = threading.Lock()

    class Impatient(Changes):
        def apply(self, actor: str, action: str, reason: str, decide: Decide, expected: int | None = None) -> State:
            if not lock.acquire(blocking=False):
                now = self.state or State(serving="")
                return msgspec.structs.replace(decide(now) or now, generation=now.generation + 1)
            try:
                time.sleep(0.02)
                return super().apply(actor, action, reason, decide, expected)
            finally:
                lock.release()

    return replace(components, changes=Impatient(components.settings.state_directory))


@defect("deployment.idempotent")
def rolling_back_twice_brings_the_bad_version_back(components: Components) -> Components:
    """The version before is whatever served before the last change: a second rollback undoes the first."""

    class Toggling(Deployments):
        def target(self, state: State, to: str | None) -> str:
            lines = (one for one in self.changes.history(50) if one.before != one.after)
            last = next(lines, None)
            return super().target(state, to) if to or last is None else str(last.before)

    made = components.deployments
    toggling = Toggling(made.changes, made.registry, made.examination, made.telemetry, made.log)
    return replace(components, deployments=toggling)


@defect("deployment.idempotent")
def every_order_is_a_change(components: Components) -> Components:
    """Promoting what serves is one more line of the history, with a number of its own."""

    class Eager(Changes):
        def apply(self, actor: str, action: str, reason: str, decide: Decide, expected: int | None = None) -> State:
            def again(state: State) -> State:
                counted = {**state.digests, "ordered again": str(state.generation)}
                return decide(state) or msgspec.structs.replace(state, digests=counted)

            return super().apply(actor, action, reason, again, expected)

    return replace(components, changes=Eager(components.settings.state_directory))


@defect("deployment.history_complete", also={"deployment.concurrent_changes_serialise", "deployment.survives_kill"})
def rollbacks_are_not_written_down(components: Components) -> Components:
    """The history tells promotions only."""

    class Silent(Changes):
        def history(self, limit: int = 1000) -> list[Change]:
            return [one for one in super().history(limit) if one.action != "rollback"]

    return replace(components, changes=Silent(components.settings.state_directory))


# The service, too, reads there whether it was itself that rolled back: without that it may undo its own rollback.
@defect("deployment.history_complete", also={"deployment.auto_rollback"})
def nobody_asks_who_changes_what(components: Components) -> Components:
    """The history tells what changed and when; the name of whoever did it is not kept."""

    class Anonymous(Changes):
        def apply(self, actor: str, *order: Any) -> State:
            return super().apply("", *order)

    return replace(components, changes=Anonymous(components.settings.state_directory))


def json_of(content: bytes) -> dict[str, Any]:
    """A file's JSON."""
    found: dict[str, Any] = msgspec.json.decode(content)
    return found
