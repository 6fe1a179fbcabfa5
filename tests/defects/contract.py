"""Defects of the declared interface: what is taken, what is refused, and in which words."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from reference_service.artifacts.registry import Record, Snapshot
from reference_service.components import Components
from reference_service.deployments.changes import State
from reference_service.experiments.routing import Choice, Routing
from reference_service.model.answer_cache import AnswerCache
from reference_service.model.columns import Row
from reference_service.model.identity import Identity
from reference_service.model.inputs import Asked, Features, RowValidator
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.model.readiness import Readiness
from reference_service.settings import Limits, Settings
from reference_service.web.presenter import Presenter
from reference_service.web.problems import Fault, Problem, ProblemRenderer
from reference_service.web.request_ids import RequestIds
from reference_service.web.request_log import Entry, RequestLog
from tests.defects.planting import defect


@defect("contract.golden")
def two_features_change_places(components: Components) -> Components:
    """The features reach the model in another order than in training. Deployment practice guide."""

    class Swapped(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[float] | None:
            values = super().row(features, path, faults)
            return values if values is None else [values[1], values[0], *values[2:]]

    return replace(components, rows=Swapped(components.contract, components.settings.limits))


@defect("contract.golden")
def the_scaler_is_left_out(components: Components) -> Components:
    """The service calls the last step of the pipeline only. MLOps handbook: preprocessing differs in serving."""

    class Unscaled(SklearnPredictor):
        def probabilities(self, estimator: Any, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
            return super().probabilities(estimator[-1], matrix)

    loaded = _Loaded(components.serving, components.batcher)
    return replace(components, predictor=Unscaled(), readiness=loaded)


@defect("contract.golden", also={"fuzz.deterministic"}, after="identity.version_agrees")
def a_request_switches_the_model_of_all(components: Components) -> Components:
    """One shared `self.model`, switched for whoever names a version, though refused. Python ML deployment guide."""

    class Shared(Routing):
        def choose(self, state: State, asked: Asked) -> Choice:
            if asked.model_version not in {None, state.serving}:
                snapshots, registry = components.serving.snapshots, components.registry
                other = registry.load(registry.versions()[-1])
                snapshots[state.serving] = replace(snapshots[state.serving], estimator=other.estimator)
            return super().choose(state, asked)

    return replace(components, routing=Shared())


@defect("contract.reject_missing")
def a_missing_key_is_a_server_error(components: Components) -> Components:
    """`request["features"]` raises KeyError, which ends as 500. Python ML deployment guide."""

    class Indexing(RowValidator):
        def single(self, body: bytes) -> Asked:
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                msgspec.json.decode(body)["features"]
            return super().single(body)

    return replace(components, rows=Indexing(components.contract, components.settings.limits))


# null is one of the bad items, too.
@defect("contract.reject_missing", also={"fuzz.rejects_bad_item_in_full_row"})
def null_is_taken_for_zero(components: Components) -> Components:
    """A missing value is filled in silently, by a number that means something. Deployment practice guide."""

    class Filling(RowValidator):
        def single(self, body: bytes) -> Asked:
            return super().single(body.replace(b"null", b"0"))

    return replace(components, rows=Filling(components.contract, components.settings.limits))


@defect("contract.reject_arity")
def any_length_is_accepted(components: Components) -> Components:
    """A row of any length is repeated or cut until it fits. Python ML deployment guide."""

    class AnyLength(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[float] | None:
            if isinstance(features, list) and features:
                features = (features * len(self.names))[: len(self.names)]
            return super().row(features, path, faults)

    return replace(components, rows=AnyLength(components.contract, components.settings.limits))


# The same values are bad items in rows of full length.
@defect("contract.reject_nonfinite", also={"fuzz.rejects_bad_item_in_full_row"})
def nan_and_infinity_are_accepted(components: Components) -> Components:
    """`List[float]` takes NaN, Infinity and 1e999 with 200. Deployment practice guide."""

    class Floats(RowValidator):
        def single(self, body: bytes) -> Asked:
            with contextlib.suppress(ValueError, RecursionError):
                read = json.loads(body, parse_constant=lambda _: 0.0, parse_float=_bounded)
                body = json.dumps(read).encode() if b":" in body else body
            return super().single(body)

    def _bounded(digits: str) -> float:
        return min(max(float(digits), -1e9), 1e9)

    return replace(components, rows=Floats(components.contract, components.settings.limits))


@defect("contract.reject_malformed")
def malformed_requests_end_in_an_error_page(components: Components) -> Components:
    """What cannot be parsed is a 500, and a web page. Python ML deployment guide, Flask's default."""

    class Pages(ProblemRenderer):
        def render(self, problem: Problem, request_id: str) -> Response:
            if problem.kind in {"malformed-json", "unsupported-media-type", "method-not-allowed"}:
                return HTMLResponse("<!doctype html><h1>Internal Server Error</h1>", 500)
            return super().render(problem, request_id)

    return replace(components, problems=Pages())


@defect("contract.size_limit")
def batches_have_no_bound(settings: Settings) -> Settings:
    """A batch of any size is read and answered. Python ML deployment guide, `batch_features`."""
    endless = 10**12
    return replace(
        settings,
        limits=Limits(single_body_bytes=endless, batch_body_bytes=endless, batch_rows=endless, queue_rows=endless),
    )


@defect("contract.no_leak")
def errors_carry_the_exceptions_text(components: Components) -> Components:
    """`detail=str(e)`. Deployment helper, Python ML deployment, practice guide and handbook alike."""

    class Frank(RowValidator):
        def explain(self, body: bytes, field: str) -> Problem:
            try:
                [float(value) for value in json.loads(body)[field]]
            except Exception as error:
                return Problem(400, "bad-request", str(error))
            return super().explain(body, field)

    return replace(components, rows=Frank(components.contract, components.settings.limits))


# The interface promises shares between 0 and 1, which every answer now breaks.
@defect("contract.numeric_sane", also={"contract.openapi", "fuzz.well_formed_answers"}, golden=False)
def the_softmax_is_missing(components: Components) -> Components:
    """Scores are answered as if they were probabilities. MLOps handbook."""

    class Scores(SklearnPredictor):
        def probabilities(self, estimator: Any, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
            margin = estimator.decision_function(matrix)
            return np.stack([-margin, margin], axis=1)

    loaded = _Loaded(components.serving, components.batcher)
    return replace(components, predictor=Scores(), readiness=loaded)


@defect("contract.documented")
def a_route_is_not_documented(app: FastAPI) -> FastAPI:
    """A route for debugging stayed in, and in no document. Deployment practice guide."""

    async def debug(request: Request) -> Response:
        return JSONResponse({"settings": "…"})

    app.router.routes.append(Route("/debug", debug))
    return app


@defect("contract.openapi")
def info_lacks_a_documented_field(components: Components) -> Components:
    """The info route answers without the metrics that its schema requires."""

    class Lacking(Identity):
        def info(self, snapshot: Snapshot) -> dict[str, Any]:
            return {name: value for name, value in super().info(snapshot).items() if name != "metrics"}

    return replace(components, identity=Lacking(components.serving, components.registry))


@defect("contract.openapi")
def models_lists_versions_without_their_stage(components: Components) -> Components:
    """A documented, required field is missing from an answer that few look at."""

    class Stageless(Identity):
        def described(self, state: State, record: Record) -> dict[str, Any]:
            return {name: value for name, value in super().described(state, record).items() if name != "stage"}

    return replace(components, identity=Stageless(components.serving, components.registry))


@defect("contract.reject_coercion")
def unknown_fields_are_ignored(components: Components) -> Components:
    """A misspelt field is dropped without a word, pydantic's default. Deployment practice guide."""

    class Ignoring(RowValidator):
        def single(self, body: bytes) -> Asked:
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                if isinstance(read := msgspec.json.decode(body), dict):
                    known = {key: read[key] for key in read if key in {"features", "user_id", "model_version"}}
                    body = body if known.keys() == read.keys() else msgspec.json.encode(known)
            return super().single(body)

    return replace(components, rows=Ignoring(components.contract, components.settings.limits))


@defect("contract.blame")
def every_exception_is_a_400(components: Components) -> Components:
    """`except Exception: return 400` blames the client for a broken model. Deployment checklist guide."""

    class Blaming(ProblemRenderer):
        def problem_for(self, error: Exception) -> Problem:
            problem = super().problem_for(error)
            return Problem(400, "bad-request", "Prediction failed.") if problem.status == 500 else problem

    return replace(components, problems=Blaming())


@defect("contract.request_id")
def batch_ids_repeat(components: Components) -> Components:
    """Every batch is called batch_0. Python ML deployment guide."""

    class Numbered(Presenter):
        def batch(self, answers: Sequence[Answer], version: str, request_id: str) -> dict[str, Any]:
            return super().batch(answers, version, "batch_0")

    return replace(components, presenter=Numbered())


@defect("contract.request_id")
def the_clients_id_is_ignored(components: Components) -> Components:
    """The id that a client sent is neither answered nor logged."""

    class Own(RequestIds):
        def identify(self, headers: list[tuple[bytes, bytes]]) -> str:
            return self.issue()

    return replace(components, request_ids=Own())


@defect("contract.request_id")
def the_log_names_no_request(components: Components) -> Components:
    """A line a request, and none says which."""

    class Nameless(RequestLog):
        def request(self, entry: Entry) -> None:
            super().request(msgspec.structs.replace(entry, request_id="-"))

    return replace(components, log=Nameless())


@defect("contract.cache_truth", arguments=("--cache-seconds", "60"), declares="[cache]")
def the_cache_never_hits(components: Components) -> Components:
    """A fresh uuid is part of the key. Python ML deployment guide."""

    class Fresh(AnswerCache):
        def key(self, version: str, row: Row) -> bytes:
            return super().key(version, row) + uuid.uuid4().bytes

    return replace(components, cache=Fresh(components.settings.cache_seconds))


@defect("contract.cache_truth", arguments=("--cache-seconds", "1"), declares="[cache]\nttl_s = 1.0")
def cached_answers_never_expire(components: Components) -> Components:
    """The declared life time is read by nobody. Python ML deployment guide: stale after a new version."""
    return replace(components, cache=AnswerCache(1.0, clock=lambda: 0.0))


class _Loaded(Readiness):
    """Ready as soon as a model is loaded, whatever it answers."""

    async def probe(self, snapshot: Snapshot) -> str | None:
        return None
