"""/v2: the Open Inference Protocol, for clients and platforms that speak it; the answers are those of /predict."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.open_inference.protocol import BINARY_DATA, OpenInference
from reference_service.routes.predict import PredictRoutes
from reference_service.web.fast_path import Endpoint
from reference_service.web.problems import Problem
from reference_service.web.request_body import JSON_TYPE

BYTES_TYPE = "application/octet-stream"
JSON_LENGTH = "Inference-Header-Content-Length"
MODEL = "/v2/models/{name}"
VERSION = f"{MODEL}/versions/{{version}}"


class InferRoutes:
    """Answers who speaks the protocol."""

    def __init__(self, components: Components, predict: PredictRoutes) -> None:
        self.components = components
        self.predict = predict
        self.limits = components.settings.limits
        self.protocol = OpenInference(components.contract, components.rows, self.limits)

    def endpoints(self) -> dict[tuple[str, str], Endpoint]:
        """Every route of the protocol."""
        found: dict[tuple[str, str], Endpoint] = {("GET", "/v2"): self.server, ("GET", "/v2/health/live"): self.live}
        found["GET", "/v2/health/ready"] = self.ready
        for path in (MODEL, VERSION):
            found["GET", path] = self.model
            found["GET", f"{path}/ready"] = self.model_ready
            found["POST", f"{path}/infer"] = self.infer
        return found

    async def server(self, request: Request) -> Response:
        """GET /v2."""
        return self.answer({"name": "reference_service", "version": "1", "extensions": [BINARY_DATA]})

    async def live(self, request: Request) -> Response:
        """GET /v2/health/live."""
        return self.answer({"live": True})

    async def ready(self, request: Request) -> Response:
        """GET /v2/health/ready: the same truth as /health/ready."""
        check_ready(await self.components.readiness.failure())
        return self.answer({"live": True, "ready": True})

    async def model(self, request: Request) -> Response:
        """GET /v2/models/{name} and one version of it."""
        parts = self.components
        snapshot = await self.asked(request)
        versions = await asyncio.to_thread(parts.registry.versions)
        framework = f"{snapshot.metadata['framework']}_{snapshot.metadata['framework_version']}"
        return self.answer(self.protocol.metadata(versions, framework))

    async def model_ready(self, request: Request) -> Response:
        """GET /v2/models/{name}/ready and of one version of it."""
        readiness = self.components.readiness
        snapshot = await self.asked(request)
        check_ready("draining" if readiness.draining else await readiness.probe(snapshot))
        return self.answer({"name": snapshot.name, "ready": True})

    async def infer(self, request: Request) -> Response:
        """POST /v2/models/{name}/infer and of one version of it."""
        parts = self.components
        parts.access.check_predicting(request)
        self.check_name(request)
        length = request.headers.get(JSON_LENGTH)
        types = ("", JSON_TYPE) if length is None else ("", JSON_TYPE, BYTES_TYPE)  # Triton's client sends no type
        body = await parts.bodies.read(request, self.limits.batch_body_bytes, types=types)
        wanted = self.protocol.read(body, json_length(length, body), request.path_params.get("version"))
        snapshot, choice = await self.predict.chosen(request, wanted.asked)
        answers = await self.predict.answers(snapshot, wanted.asked.rows)
        self.predict.remember(request, choice, wanted.asked, answers)
        content, size = self.protocol.write(
            wanted, answers, choice.version, request.scope["request_id"], choice.variant
        )
        if size == len(content):
            return Response(content, media_type=JSON_TYPE)
        return Response(content, headers={JSON_LENGTH: str(size)}, media_type=BYTES_TYPE)

    async def asked(self, request: Request) -> Snapshot:
        """The version that a path names, else the one that serves.

        Raises:
            Problem: 404 unknown model or version, 503 it cannot be loaded.
        """
        self.check_name(request)
        version = request.path_params.get("version") or request.scope["in_force"].serving
        return await self.components.serving.answering(version)

    def check_name(self, request: Request) -> None:
        """A server of one model knows no other.

        Raises:
            Problem: 404.
        """
        if request.path_params["name"] != self.components.contract.name:
            raise Problem(404, "unknown-model", "This server has no such model.")

    def answer(self, members: dict[str, Any]) -> Response:
        """Members as a response."""
        return self.components.presenter.response(members)


def check_ready(failure: str | None) -> None:
    """Nothing is in the way of a prediction.

    Raises:
        Problem: 503, something is.
    """
    if failure is not None:
        raise Problem(503, "not-ready", f"Not ready: {failure}.", headers={"Retry-After": "1"})


def json_length(header: str | None, body: bytes) -> int | None:
    """How much of a body is JSON; None if it all is.

    Raises:
        Problem: 400, the header is no such number.
    """
    if header is None:
        return None
    if not (header.isascii() and header.isdigit() and len(header) < 20 and int(header) <= len(body)):
        raise Problem(400, "malformed-length", f"{JSON_LENGTH} must be a number of bytes within the body.")
    return int(header)
