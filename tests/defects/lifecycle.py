"""Defects of starting and stopping."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import replace

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.drain import Drain
from reference_service.model.batcher import Batcher
from reference_service.model.columns import Row
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.model.readiness import Readiness
from reference_service.model.serving import Serving
from reference_service.web.problems import Problem
from tests.defects.planting import defect


@defect("lifecycle.ready_truthful")
def ready_without_a_model(components: Components) -> Components:
    """Health is 200 with `model_loaded: false` while the model still loads. Deployment helper, Python ML deployment."""

    class Late(Batcher):
        loaded = False

        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            if not self.loaded:
                self.loaded = True
                raise Problem(503, "not-ready", "No model is loaded.")
            return await super().submit(snapshot, rows, urgent)

    late = Late(components.predictor, components.telemetry, components.settings.limits)
    return replace(components, batcher=late, readiness=_AlwaysReady(components.serving, late))


@defect("fuzz.deterministic", also={"lifecycle.ready_truthful"})
def the_first_answer_is_nobodys(components: Components) -> Components:
    """The first call after the start answers from an array that was never filled."""

    class Unfilled(SklearnPredictor):
        calls = 0

        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            self.calls += 1
            return super().predict(snapshot, [[0.0] * len(row) for row in rows] if self.calls == 1 else rows)

    silent = _AlwaysReady(components.serving, components.batcher)
    return replace(components, predictor=Unfilled(), readiness=silent)


@defect("lifecycle.cold_start")
def the_model_is_loaded_by_the_first_call(components: Components) -> Components:
    """Ready at once, and the first customer waits for the loading. Python ML deployment guide, MLOps handbook."""

    class Lazy(Serving):
        def start(self) -> None:
            super().start()
            self.snapshots.clear()

        async def snapshot(self, version: str, sha256: str | None = None) -> Snapshot:
            if version not in self.snapshots:
                time.sleep(1.5)
            return await super().snapshot(version, sha256)

        async def follow(self) -> None:
            pass

    lazy = Lazy(components.registry, components.changes, components.serving.version)
    return replace(components, serving=lazy, readiness=_AlwaysReady(lazy, components.batcher))


@defect("lifecycle.drain")
def exits_without_draining(components: Components) -> Components:
    """SIGTERM ends the process at once, whoever waits for an answer. Deployment practice guide."""

    class Abrupt(Drain):
        def begin(self, loop: asyncio.AbstractEventLoop) -> None:
            os._exit(0)

    return replace(components, drain=Abrupt(components.readiness, components.log, 0.0))


@defect("lifecycle.drain", declares="[lifecycle]\ndrain_s = 3")
def ignores_sigterm(components: Components) -> Components:
    """SIGTERM is caught and forgotten: the orchestrator waits, then kills whatever is in flight."""

    class Deaf(Drain):
        def begin(self, loop: asyncio.AbstractEventLoop) -> None:
            self.readiness.drain()

    return replace(components, drain=Deaf(components.readiness, components.log, 0.0))


class _AlwaysReady(Readiness):
    """Says yes whatever the model does."""

    async def failure(self) -> str | None:
        return None
