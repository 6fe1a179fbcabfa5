"""Defects of what the service says of itself."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from fastapi import FastAPI
from prometheus_client import generate_latest
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from reference_service.components import Components
from reference_service.model.predictor import Answer
from reference_service.telemetry import Telemetry
from reference_service.web.envelope import Envelope
from tests.defects.planting import defect


@defect("metrics.scrapable")
def metrics_are_a_json_string(app: FastAPI) -> FastAPI:
    """FastAPI makes JSON of the bytes that the route returns. Deployment practice guide."""

    def metrics() -> bytes:
        return generate_latest()

    app.add_api_route("/metrics", metrics)
    app.router.routes.insert(0, app.router.routes.pop())
    return app


@defect("metrics.scrapable")
def metrics_are_called_a_web_page(app: FastAPI) -> FastAPI:
    """Good text under `text/html`, as Flask answers by default. Python ML deployment guide."""

    def metrics() -> Response:
        return HTMLResponse(generate_latest())

    app.add_api_route("/metrics", metrics)
    app.router.routes.insert(0, app.router.routes.pop())
    return app


@defect("metrics.counts_true")
def the_counting_decorator_is_never_applied(components: Components) -> Components:
    """Predictions are in no request counter. Deployment practice guide: a monitor that decorates nothing."""

    class Unapplied(Telemetry):
        def finished(self, route: str, method: str, status: int, version: str, seconds: float) -> None:
            if "/predict" in route:
                self.in_flight.dec()
            else:
                super().finished(route, method, status, version, seconds)

    return replace(components, telemetry=Unapplied(components.contract))


@defect("metrics.counts_true")
def refused_requests_are_not_counted(components: Components) -> Components:
    """The counter stands after the handler, which an error leaves earlier. Python ML deployment guide."""

    class OnlyGood(Telemetry):
        def finished(self, route: str, method: str, status: int, version: str, seconds: float) -> None:
            if status >= 400:
                self.in_flight.dec()
            else:
                super().finished(route, method, status, version, seconds)

    return replace(components, telemetry=OnlyGood(components.contract))


@defect("metrics.counts_true")
def every_answer_is_counted_as_200(components: Components) -> Components:
    """The status label is what the handler meant, not what was sent."""

    class Rosy(Telemetry):
        def finished(self, route: str, method: str, status: int, version: str, seconds: float) -> None:
            super().finished(route, method, 200, version, seconds)

    return replace(components, telemetry=Rosy(components.contract))


@defect("metrics.counts_true", arguments=("--workers", "4"))
def four_workers_each_count_for_themselves(components: Components) -> Components:
    """Workers without the client's multiprocess mode: a scrape shows one of them. Python ML deployment guide."""

    class Alone(Telemetry):
        def exposition(self) -> bytes:
            return generate_latest(self.registry)

    return replace(components, telemetry=Alone(components.contract))


@defect("metrics.cardinality")
def predictions_are_a_label(components: Components) -> Components:
    """`label=str(prediction)`: a series for each number that was ever answered. MLOps handbook."""

    class Labelled(Telemetry):
        def prediction_label(self, answer: Answer) -> str:
            return str(self.output(answer))

    return replace(components, telemetry=Labelled(components.contract))


@defect("metrics.cardinality")
def raw_paths_are_a_label(components: Components) -> Components:
    """Unknown paths are counted under their own names: any scanner fills the memory of the monitoring."""

    class Raw(Envelope):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            scope["route"] = SimpleNamespace(path=scope.get("path"))
            await super().__call__(scope, receive, send)

    return replace(components, envelope=Raw)
