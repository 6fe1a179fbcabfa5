"""Defects of versions, promotion and rollback."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import HTTPConnection

from reference_service.artifacts import manifest
from reference_service.artifacts.registry import Registry, Snapshot
from reference_service.components import Components
from reference_service.deployments.automatic_rollback import AutomaticRollback
from reference_service.deployments.changes import Change, Changes, State
from reference_service.deployments.deployment import Deployments, Order, Outcome
from reference_service.experiments.routing import Choice, Routing
from reference_service.model.batcher import Batcher
from reference_service.model.columns import Row
from reference_service.model.examination import Examination
from reference_service.model.inputs import Asked
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.model.serving import Serving
from reference_service.web.access import Access, Actor, Role
from tests.defects.planting import defect

Decide = Callable[[State], State | None]
STALE = {
    f"deployment.{check}"
    for check in (
        "rollback_restores", "rollback_under_load", "unknown_version_refused", "admin_guarded", "survives_kill",
        "corrupt_artifact_refused", "concurrent_changes_serialise", "idempotent", "history_complete", "auto_rollback",
    )
}  # fmt: skip
"""A worker that serves another version than it should spoils whatever looks at what serves."""


@defect("deployment.all_workers_switch", also=STALE)
def a_change_stays_in_the_memory_of_one_worker(components: Components) -> Components:
    """The worker that takes the order switches; the others read what is in force when they start."""

    class Remembered(Changes):
        def current(self) -> State:
            return self.state or self.reread()

        def apply(self, *arguments: Any, **named: Any) -> State:
            self.state = super().apply(*arguments, **named)
            return self.state

    return replace(components, changes=Remembered(components.settings.state_directory))


@defect("deployment.all_workers_switch", also=STALE)
def workers_look_once_a_second(components: Components) -> Components:
    """Each worker polls what is in force; an acknowledgement means that they will see it some time."""

    class Polling(Changes):
        looked = 0.0

        def current(self) -> State:
            if self.state is None or time.monotonic() > self.looked + 1:
                self.state, self.looked = self.reread(), time.monotonic()
            return self.state

        def apply(self, *arguments: Any, **named: Any) -> State:
            self.state = super().apply(*arguments, **named)
            return self.state

    return replace(components, changes=Polling(components.settings.state_directory))


@defect("deployment.rollback_restores", also={"deployment.rollback_under_load"} | STALE)
def the_cached_model_stays_after_a_rollback(components: Components) -> Components:
    """A rollback moves the pointer, and the newer model goes on answering from memory."""

    class Newest(Routing):
        newest = ""

        def choose(self, state: State, asked: Asked) -> Choice:
            self.newest = max(self.newest, state.serving)
            return super().choose(state, asked) if asked.model_version else Choice(self.newest)

    return replace(components, routing=Newest())


@defect("deployment.rollback_under_load")
def a_batch_looks_up_the_model_again_and_again(components: Components) -> Components:
    """What serves is read anew in the middle of a batch: half of it is one model's, half the other's."""

    class Chunked(Batcher):
        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            answers: list[Answer] = []
            for at in range(0, len(rows), 16):
                if at and not urgent:
                    snapshot = await components.serving.snapshot(components.changes.current().serving)
                answers += await super().submit(snapshot, rows[at : at + 16], urgent)
            return answers

    return replace(components, batcher=Chunked(components.predictor, components.telemetry, components.settings.limits))


@defect("deployment.version_routing", also={"deployment.rollback_under_load", "deployment.all_workers_switch"})
def two_versions_share_an_attribute(components: Components) -> Components:
    """The model of the request is kept in `self.model` across an await. Python ML deployment guide."""

    class Shared(Batcher):
        model: Snapshot

        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            if urgent:
                return await super().submit(snapshot, rows, urgent)
            self.model = snapshot
            await asyncio.sleep(0.003)
            return await super().submit(self.model, rows)

    return replace(components, batcher=Shared(components.predictor, components.telemetry, components.settings.limits))


@defect("deployment.ready_when_acknowledged")
def a_version_is_loaded_by_its_first_customer(components: Components) -> Components:
    """The acknowledgement comes at once, and whoever asks next waits for the loading."""

    class Lazy(Serving):
        warm: Mapping[str, bool] = {}

        async def answering(self, version: str) -> Snapshot:
            if version not in self.warm:
                self.warm = {**self.warm, version: True}
                await asyncio.sleep(1.5)
            return await super().answering(version)

    return replace(components, serving=Lazy(components.registry, components.changes, components.serving.version))


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


@defect("deployment.survives_kill")
def what_is_in_force_is_forgotten_with_the_process(components: Components) -> Components:
    """State is kept beside the process and not for its successor: a restart serves the first version again."""
    return replace(components, changes=Changes(components.settings.state_directory / f"run-{os.getppid()}"))


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


@defect("deployment.history_complete", also={"deployment.concurrent_changes_serialise", "deployment.survives_kill"})
def rollbacks_are_not_written_down(components: Components) -> Components:
    """The history tells promotions only."""

    class Silent(Changes):
        def history(self, limit: int = 1000) -> list[Change]:
            return [one for one in super().history(limit) if one.action != "rollback"]

    return replace(components, changes=Silent(components.settings.state_directory))


@defect("deployment.auto_rollback")
def nobody_reads_the_threshold(components: Components) -> Components:
    """The bound is declared, the labels are counted, and nothing compares the two."""

    class Asleep(AutomaticRollback):
        async def look(self) -> None:
            pass

    parts = (components.contract.task, components.serving, components.outcomes, components.deployments)
    return replace(components, automatic_rollback=Asleep(components.settings, *parts))


@defect("deployment.survives_kill", sealed=True)
def state_is_written_in_place(components: Components) -> Components:
    """State and history are one JSON file that is written over: a kill in the middle leaves half of it."""

    class InPlace(Changes):
        def append(self, connection: Any, after: State, *arguments: Any) -> None:
            super().append(connection, after, *arguments)
            path = self.directory / "state.json"
            with path.open("wb") as file:
                for part in (msgspec.json.encode(after), b"\n"):
                    file.write(part)
                    file.flush()
                    time.sleep(0.002)

        def begin(self, first: Callable[[], State]) -> State:
            path = self.directory / "state.json"
            if path.exists() and not path.read_bytes().endswith(b"\n"):
                raise RuntimeError("the state cannot be read")
            return super().begin(first)

    return replace(components, changes=InPlace(components.settings.state_directory))


@defect("deployment.canary_abort", declares='canary = "2.0.0"\n')
def the_candidate_is_slower(components: Components) -> Components:
    """The next version takes 20 ms more for each prediction."""

    class Slower(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            time.sleep(0.02 if snapshot.version == "2.0.0" else 0.0)
            return super().predict(snapshot, rows)

    return replace(components, predictor=Slower())


@defect("deployment.canary_abort", declares='canary = "2.0.0"\n')
def the_candidate_fails_now_and_then(components: Components) -> Components:
    """One in four predictions of the next version raises."""

    class Failing(SklearnPredictor):
        asked = 0

        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            self.asked += snapshot.version == "2.0.0"
            if snapshot.version == "2.0.0" and self.asked % 4 == 0:
                raise RuntimeError("planted")
            return super().predict(snapshot, rows)

    return replace(components, predictor=Failing())


def json_of(content: bytes) -> dict[str, Any]:
    """A file's JSON."""
    found: dict[str, Any] = msgspec.json.decode(content)
    return found
