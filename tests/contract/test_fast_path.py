"""The short way to our handlers leads where FastAPI would: whatever is added to the application is honoured."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from reference_service.app import create_app
from reference_service.components import build_components
from reference_service.model.readiness import Readiness
from reference_service.settings import Settings
from reference_service.web.fast_path import Handled
from reference_service.web.problems import Problem

Change = Callable[[FastAPI], None]
Ask = Callable[[httpx.AsyncClient], Awaitable[None]]


class Echoed(BaseModel):
    """A pydantic model, as users of FastAPI write them."""

    number: int


def serve(models: Path, change: Change, ask: Ask) -> None:
    """Ask an application that was changed before it started."""
    app = create_app(build_components(Settings(models=models)))
    change(app)

    async def scenario() -> None:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://app") as client,
        ):
            await ask(client)

    asyncio.run(scenario())


def nothing(app: FastAPI) -> None:
    """Leave the application as it is."""


def test_our_paths_take_the_short_way_and_no_other_does(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short: list[str] = []
    handled = Handled.__call__

    async def watched(self: Handled, scope: Scope, receive: Receive, send: Send) -> None:
        short.append(scope["path"])
        await handled(self, scope, receive, send)

    monkeypatch.setattr(Handled, "__call__", watched)

    async def ask(client: httpx.AsyncClient) -> None:
        for method, path in (
            ("GET", "/health/live"),
            ("POST", "/predict"),
            ("GET", "/predict"),
            ("HEAD", "/health/live"),
            ("GET", "/models/1.0.0"),
            ("GET", "/nope"),
            ("GET", "/health/live/"),
        ):
            answer = await client.request(method, path)
            assert {"x-request-id", "x-model-version", "x-generation"} <= answer.headers.keys()

    serve(models, nothing, ask)
    assert short == ["/health/live", "/predict"]


def test_routes_in_fastapis_own_way(models: Path, row: list[float]) -> None:
    def change(app: FastAPI) -> None:
        @app.post("/echo")
        def echo(sent: Echoed) -> Echoed:
            if sent.number < 0:
                raise HTTPException(418)
            return sent

    async def ask(client: httpx.AsyncClient) -> None:
        answer = await client.post("/echo", json={"number": 7})
        assert (answer.json(), answer.headers["x-model-version"]) == ({"number": 7}, "1.0.0")
        assert (await client.post("/echo", json={"number": "x"})).status_code == 422
        refused = await client.post("/echo", json={"number": -1})
        assert (refused.status_code, refused.headers["content-type"]) == (418, "application/problem+json")
        assert (await client.post("/predict", json={"features": row})).status_code == 200
        assert "/echo" in (await client.get("/openapi.json")).json()["paths"]
        assert 'http_requests_total{method="POST",model_version="1.0.0",route="/echo",status="200"} 1.0' in (
            (await client.get("/metrics")).text
        )

    serve(models, change, ask)


@pytest.mark.parametrize("late", [False, True], ids=["before the first request", "after it"])
def test_a_route_put_before_ours_wins(models: Path, late: bool) -> None:
    applications: list[FastAPI] = []

    def insert(app: FastAPI) -> None:
        app.add_api_route("/health/live", lambda: "mine")
        app.router.routes.insert(0, app.router.routes.pop())

    def change(app: FastAPI) -> None:
        applications.append(app)
        if not late:
            insert(app)

    async def ask(client: httpx.AsyncClient) -> None:
        if late:
            assert (await client.get("/health/live")).json() == {"status": "live"}
            insert(applications[0])
        assert (await client.get("/health/live")).json() == "mine"
        assert (await client.get("/health")).json()["status"] == "ok"

    serve(models, change, ask)


def test_a_mount_put_before_ours_is_asked_first(models: Path) -> None:
    def change(app: FastAPI) -> None:
        app.router.routes.insert(0, Mount("/health", PlainTextResponse("mounted")))

    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.get("/health/live")).text == "mounted"

    serve(models, change, ask)


def test_a_middleware_sees_every_request(models: Path, row: list[float]) -> None:
    seen: list[str] = []

    class Watching:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                seen.append(scope["path"])
            await self.app(scope, receive, send)

    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.post("/predict", json={"features": row})).status_code == 200
        assert (await client.get("/health/live")).status_code == 200

    serve(models, lambda app: app.add_middleware(Watching), ask)
    assert seen == ["/predict", "/health/live"]


def test_a_mounted_application_is_asked_by_its_own_paths(models: Path) -> None:
    async def scenario() -> None:
        inner = create_app(build_components(Settings(models=models)))
        outer = FastAPI()
        outer.mount("/inner", inner)
        transport = httpx.ASGITransport(outer)
        async with (
            inner.router.lifespan_context(inner),
            httpx.AsyncClient(transport=transport, base_url="http://app") as client,
        ):
            assert (await client.get("/inner/health/live")).json() == {"status": "live"}
            assert (await client.get("/health/live")).status_code == 404

    asyncio.run(scenario())


class Torn(Exception):
    """What a handler may raise that is no Problem."""


class Tearing(Readiness):
    """Raises where our handlers call it."""

    async def failure(self) -> str | None:
        raise Torn


@pytest.mark.parametrize("kind", [Torn, Exception, None])
def test_handlers_of_exceptions(models: Path, kind: type[Exception] | None) -> None:
    async def torn(request: Request, error: Exception) -> Response:
        return JSONResponse({"torn": request.url.path}, 599)

    def change(app: FastAPI) -> None:
        if kind is not None:
            app.add_exception_handler(kind, torn)

    async def scenario() -> None:
        components = build_components(Settings(models=models))
        app = create_app(components)
        change(app)
        async with app.router.lifespan_context(app):
            components.readiness.failure = Tearing(components.serving, components.batcher).failure  # type: ignore[method-assign]
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
                answer = await client.get("/health/ready")
                if kind is Torn:
                    assert (answer.status_code, answer.json()) == (599, {"torn": "/health/ready"})
                else:  # the envelope is around FastAPI's last resort
                    assert answer.json()["type"] == "urn:problem:internal-error"
                assert "x-generation" in answer.headers

    asyncio.run(scenario())


def test_a_handler_of_our_problems_can_be_replaced(models: Path) -> None:
    async def terse(request: Request, error: Exception) -> Response:
        return PlainTextResponse("no", 400)

    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.post("/predict", json={})).text == "no"

    serve(models, lambda app: app.add_exception_handler(Problem, terse), ask)
