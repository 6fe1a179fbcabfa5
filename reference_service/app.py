"""The application: routes, error handling and start-up, wired from components."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import msgspec
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from reference_service.components import Components
from reference_service.openapi.document import Interface
from reference_service.routes.deployments import DeploymentRoutes
from reference_service.routes.drift import DriftRoutes
from reference_service.routes.experiments import ExperimentRoutes
from reference_service.routes.feedback import FeedbackRoutes
from reference_service.routes.health import HealthRoutes
from reference_service.routes.infer import InferRoutes
from reference_service.routes.models import ModelRoutes
from reference_service.routes.predict import PredictRoutes
from reference_service.web.door import Door
from reference_service.web.fast_path import Endpoint, FastPath, Templated
from reference_service.web.problems import Problem


def create_app(components: Components) -> FastAPI:
    """An ASGI application that serves with these parts.

    Our handlers take the request and give a response, without FastAPI's dependency injection and pydantic, which cost
    more than the model does; `components.rows` validates, stricter too, and `Interface` documents. Routes that are
    added to the application in FastAPI's own way are documented beside ours.
    """
    app = FastPath(
        partial(components.envelope, components=components),
        title=f"Model server: {components.contract.name}",
        version="1",
        lifespan=_lifespan(components),
        openapi_url=None,  # ours is a route like the others: counted, logged and documented
        redirect_slashes=False,
    )
    health, models, predict = HealthRoutes(components), ModelRoutes(components), PredictRoutes(components)
    deployments, feedback = DeploymentRoutes(components), FeedbackRoutes(components)
    experiments = ExperimentRoutes(components)
    endpoints: dict[tuple[str, str], Endpoint] = {
        ("GET", "/health/live"): health.live,
        ("GET", "/health/ready"): health.ready,
        ("GET", "/health"): health.health,
        ("GET", "/model/info"): models.info,
        ("GET", "/models"): models.models,
        ("GET", "/models/{version}"): models.model,
        ("GET", "/metrics"): models.metrics,
        ("POST", "/predict"): predict.single,
        ("POST", "/predict/batch"): predict.batch,
        ("GET", "/deployments"): deployments.history,
        ("POST", "/deployments"): deployments.promote,
        ("POST", "/deployments/rollback"): deployments.rollback,
        ("GET", "/drift"): DriftRoutes(components).drift,
        ("GET", "/experiments"): experiments.experiments,
        ("GET", "/experiments/{name}"): experiments.experiment,
        ("PUT", "/experiments/{name}"): experiments.put,
        ("GET", "/experiments/{name}/assignment"): experiments.assignment,
        ("GET", "/feedback"): feedback.quality,
        ("POST", "/feedback"): feedback.label,
        **InferRoutes(components, predict).endpoints(),
    }
    interface = Interface(components.contract, components.settings)
    endpoints["GET", "/openapi.json"] = _document(app, interface)
    for (method, path), endpoint in endpoints.items():
        app.router.routes.append(Templated(path, endpoint, method))
    app.door = Door(components, app)
    _handle_errors(app, components)
    return app


def _document(app: FastAPI, interface: Interface) -> Endpoint:
    written: list[bytes] = []

    async def openapi(request: Request) -> Response:
        """GET /openapi.json: made at the first call, so that routes added to the application are in it."""
        if not written:
            written.append(msgspec.json.encode(interface.document(app)))
        return Response(written[0], media_type="application/json")

    return openapi


def _handle_errors(app: FastAPI, components: Components) -> None:
    async def handle(request: Request, error: Exception) -> Response:
        problem = components.problems.problem_for(error)
        if problem.status == 405:
            problem.headers["Allow"] = _allowed(app, request.scope)
        if problem.status >= 500 and not isinstance(error, Problem):
            components.log.failure(request.scope["request_id"], error)
        return components.problems.answer(problem, request.scope)

    async def left(request: Request, error: Exception) -> Response:
        return Response(status_code=499)  # nobody reads it; counted and logged by its status

    app.add_exception_handler(Problem, handle)
    app.add_exception_handler(HTTPException, handle)
    app.add_exception_handler(ClientDisconnect, left)


def _allowed(app: FastAPI, scope: Scope) -> str:
    """Every method that the path answers: a route knows its own only."""
    routes = [route for route in app.router.routes if isinstance(route, Route)]
    found = [route.methods or () for route in routes if route.matches(scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for methods in found for method in methods}))


def _lifespan(components: Components) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        components.serving.start()
        components.rate_limit.start()
        components.batcher.start()
        state = components.serving.state()
        components.outcomes.start()
        followed = (
            components.serving.follow(),
            components.outcomes.follow(components.telemetry, components.log),
            components.automatic_rollback.follow(),
            components.drift.follow(components.log),
            components.drain.follow(),
        )
        following = [asyncio.create_task(each) for each in followed]
        failure = await components.readiness.failure()  # makes the model's first call, so that no client pays for it
        components.log.event("started", version=components.identity.version(state), ready=failure is None)
        gc.enable()
        gc.freeze()  # the libraries' million objects stay; looking through them again would stop all answers for long
        components.drain.install(asyncio.get_running_loop())
        yield
        components.drain.remove()
        for task in following:
            task.cancel()
        components.outcomes.close()
        components.batcher.close()
        components.changes.close()
        components.log.event("stopped")
        components.log.flush()

    return lifespan
