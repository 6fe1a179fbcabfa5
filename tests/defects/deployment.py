"""Defects of versions: who answers while they are changed, and how a candidate compares."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.deployments.changes import Changes, State
from reference_service.deployments.deployment import Deployments, Order, Outcome
from reference_service.experiments.routing import Choice, Routing
from reference_service.model.batcher import Batcher
from reference_service.model.columns import Row
from reference_service.model.inputs import Asked
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.model.serving import Serving
from reference_service.web.presenter import Presenter
from tests.defects.planting import defect

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


@defect("deployment.rollback_restores", declares="acknowledge_s = 0.3\n")
def a_rollback_waits_for_whoever_is_under_way(components: Components) -> Components:
    """The old model is drained for a fixed time before a rollback is acknowledged, longer than the team promised."""

    class Draining(Deployments):
        async def rollback(self, order: Order) -> Outcome:
            outcome = await super().rollback(order)
            await asyncio.sleep(0.5)
            return outcome

    made = components.deployments
    draining = Draining(made.changes, made.registry, made.examination, made.telemetry, made.log)
    return replace(components, deployments=draining)


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


@defect("deployment.rollback_under_load")
def the_old_model_is_closed_at_once(components: Components) -> Components:
    """Whoever was on the way to the old model when the new one took over finds it closed: 500."""

    class Closing(Batcher):
        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            served = components.changes.current().serving == snapshot.version
            answers = await super().submit(snapshot, rows, urgent)
            if served and not urgent and components.changes.current().serving != snapshot.version:
                raise RuntimeError("the model is closed")
            return answers

    return replace(components, batcher=Closing(components.predictor, components.telemetry, components.settings.limits))


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


@defect("deployment.version_routing")
def answers_name_the_version_that_serves(components: Components) -> Components:
    """The version in the answer is looked up when it is written, whichever model made it."""

    class Current(Presenter):
        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            return super().single(answer, components.changes.current().serving, request_id, variant)

    return replace(components, presenter=Current())


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


@defect("deployment.ready_when_acknowledged")
def a_version_was_warmed_up_with_another_shape(components: Components) -> Components:
    """Golden rows in a batch compile the model for batches; the first single row of a customer compiles it anew."""

    class Compiling(SklearnPredictor):
        compiled: frozenset[str] = frozenset()

        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            if len(rows) == 1 and snapshot.version not in self.compiled:
                self.compiled |= {snapshot.version}
                time.sleep(1.2)
            return super().predict(snapshot, rows)

    return replace(components, predictor=Compiling())


@defect("deployment.canary_abort", declares='canary = "2.0.0"\n')
def the_candidate_is_slower(components: Components) -> Components:
    """The next version takes 10 ms more for each prediction."""

    class Slower(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            time.sleep(0.01 if snapshot.version == "2.0.0" else 0.0)
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
