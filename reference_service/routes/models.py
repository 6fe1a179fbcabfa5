"""What is served: /model/info, /models and /models/{version}; and /metrics and /openapi.json."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.requests import Request
from starlette.responses import Response

from reference_service.artifacts.registry import UnknownVersion
from reference_service.components import Components
from reference_service.web.problems import Problem


class ModelRoutes:
    """Describes the model and its versions. Reading the registry is file work, done off the event loop."""

    def __init__(self, components: Components) -> None:
        self.components = components

    async def info(self, request: Request) -> Response:
        """GET /model/info."""
        parts = self.components
        snapshot = await parts.serving.answering(request.scope["in_force"].serving)
        return parts.presenter.response(parts.identity.info(snapshot))

    async def models(self, request: Request) -> Response:
        """GET /models."""
        parts = self.components
        return parts.presenter.response(await asyncio.to_thread(parts.identity.models, request.scope["in_force"]))

    async def model(self, request: Request) -> Response:
        """GET /models/{version}."""
        identity, version = self.components.identity, request.path_params["version"]
        try:
            found = await asyncio.to_thread(identity.model, request.scope["in_force"], version)
        except UnknownVersion:
            raise Problem(404, "unknown-version", "The registry has no such version.") from None
        return self.components.presenter.response(found)

    async def metrics(self, request: Request) -> Response:
        """GET /metrics."""
        telemetry, serving, state = self.components.telemetry, self.components.serving, request.scope["in_force"]
        snapshot = None
        with contextlib.suppress(Problem):  # a model that cannot be loaded is the last thing to stop a scrape
            snapshot = await serving.answering(state.serving)
        telemetry.serving(state, snapshot)
        return Response(telemetry.exposition(), headers={"Content-Type": telemetry.content_type})
