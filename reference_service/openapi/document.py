"""The operations: which route takes and answers what, and how it refuses."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from reference_service.model.inputs import ModelContract
from reference_service.openapi import deployments, drift, experiments, feedback, inference
from reference_service.openapi.schemas import TEXT, VERSION, reference, schemas
from reference_service.settings import Settings
from reference_service.web.problems import MEDIA_TYPE
from reference_service.web.rate_limit import EXEMPT

# (method, path) -> name, summary, schema of the 200 answer, statuses of its refusals
_OPERATIONS: dict[tuple[str, str], tuple[str, str, str | None, tuple[int, ...]]] = {
    ("GET", "/health/live"): ("live", "The process can answer", "Status", ()),
    ("GET", "/health/ready"): ("ready", "The next prediction will succeed", "Status", (503,)),
    ("GET", "/health"): ("health", "Health for people", "Health", ()),
    ("GET", "/model/info"): ("model_info", "The serving version", "ModelInfo", (503,)),
    ("GET", "/models"): ("models", "Every version of the model", "Models", ()),
    ("GET", "/models/{version}"): ("model_version", "One version of the model", "ModelVersion", (404,)),
    ("GET", "/metrics"): ("metrics", "Counters for Prometheus", None, ()),
    ("GET", "/openapi.json"): ("openapi", "This document", None, ()),
    ("POST", "/predict"): ("predict", "Predict one row", "PredictAnswer", (400, 404, 408, 413, 415, 422, 503, 504)),
    ("POST", "/predict/batch"): (
        "predict_batch",
        "Predict many rows; all are answered, in order, or none",
        "BatchAnswer",
        (400, 404, 408, 413, 415, 422, 503, 504),
    ),
    **deployments.OPERATIONS,
    **experiments.OPERATIONS,
    **drift.OPERATIONS,
    **feedback.OPERATIONS,
    **inference.OPERATIONS,
}
_STATUS = {("POST", "/feedback"): "202"}
_EVERYWHERE = (405, 500)
_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {"description": "The request's id: a sane one sent, else new.", "schema": TEXT},
    "X-Model-Version": {"description": "The version that answered, or the one that serves.", "schema": TEXT},
    "X-Generation": {
        "description": "How many changes (promotions, rollbacks, experiments) were in force.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Traceparent": {
        "description": "W3C Trace Context: the request's trace, else a new one, and the server's part of it.",
        "schema": {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
    },
}
_MEANINGS = {
    400: "The body is missing or not JSON.",
    401: "The bearer token is missing or not known.",
    403: "The bearer token's role may not do this.",
    404: "There is nothing of this name.",
    405: "Another method; Allow names those that are answered.",
    408: "The body did not arrive in time.",
    409: "What is in force, or in the registry, does not allow it.",
    412: "Another generation than that of If-Match is in force.",
    413: "The body or the batch is too large.",
    415: "The body is not application/json in UTF-8, or is compressed.",
    422: "The body does not fit its schema; errors names every fault by its path.",
    429: "This client asks more often than it may; see Retry-After.",
    500: "The server failed.",
    503: "No model is ready, or too many requests wait; see Retry-After.",
    504: "The model did not answer in time.",
}


class Interface:
    """Documents the routes of one model's server."""

    def __init__(self, contract: ModelContract, settings: Settings) -> None:
        self.contract = contract
        self.limits = settings.limits
        self.keyed = settings.keyed

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """The operation object of one of our routes."""
        name, summary, answer, refusals = _OPERATIONS[method, path]
        if method == "POST" and self.keyed:
            refusals = (*refusals, 401, 403)
        if path not in EXEMPT:
            refusals = (*refusals, 429)
        responses = {_STATUS.get((method, path), "200"): self.answer(path, answer)}
        for status in sorted({*refusals, *_EVERYWHERE}):
            responses[str(status)] = _refusal(status)
        if method == "PUT":
            responses["201"] = {**self.answer(path, answer), "description": "There was none of this name before."}
        if path == "/health":
            responses["503"] = {**self.answer(path, "Health"), "description": "Not ready."}
        found: dict[str, Any] = {"operationId": name, "summary": summary, "responses": responses}
        if method in {"POST", "PUT"}:
            found["requestBody"] = (
                deployments.request(path)
                or experiments.request(path)
                or feedback.request(path, self.contract)
                or inference.request(path, self.contract, self.limits)
                or self.request(path)
            )
        parameters = experiments.parameters(path, self.limits) or inference.parameters(path, self.contract)
        if "{version}" in path:
            parameters.append({"name": "version", "in": "path", "required": True, "schema": VERSION})
        if 412 in refusals:
            parameters.append(deployments.IF_MATCH)
        if parameters:
            found["parameters"] = parameters
        if 403 in refusals:
            found["security"] = [{"bearer": []}]
        return found

    def answer(self, path: str, schema: str | None) -> dict[str, Any]:
        """The 200 response of a route."""
        headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
        found: dict[str, Any] = {"description": "The answer.", "headers": headers}
        if schema is not None:
            found["content"] = {"application/json": {"schema": reference(schema), **self.example(path)}}
            found["content"].update(inference.other_content(path))
        elif path == "/openapi.json":
            found["content"] = {"application/json": {"schema": {"type": "object"}}}
        else:
            found["content"] = {"text/plain": {"schema": TEXT}}
        return found

    def request(self, path: str) -> dict[str, Any]:
        """The request body of a route, with examples that are answered with 200."""
        row, names = list(self.contract.example_row), self.contract.names
        by_name = dict(zip(names, row, strict=True))
        single = path == "/predict"
        bodies = (
            {"array": {"features": row}, "by name": {"features": by_name, "user_id": "user-7"}}
            if single
            else {"arrays": {"instances": [row, row]}, "by name": {"instances": [by_name]}}
        )
        limit = self.limits.single_body_bytes if single else self.limits.batch_body_bytes
        schema = reference("PredictRequest" if single else "BatchRequest")
        examples = {name.replace(" ", "_"): {"summary": name, "value": body} for name, body in bodies.items()}
        return {
            "required": True,
            "description": f"At most {limit} bytes, not compressed.",
            "content": {"application/json": {"schema": schema, "examples": examples}},
        }

    def example(self, path: str) -> dict[str, Any]:
        """The example of a prediction's answer."""
        answered = {"model_version": "1.0.0", "request_id": "3f1c8a52-9c7e-4b57-8f0e-2a4d5e6f7a8b"}
        examples = {
            "/predict": {**self.contract.example_answer, **answered},
            "/predict/batch": {"predictions": [self.contract.example_answer] * 2, **answered},
        }
        return {"example": examples[path]} if path in examples else {}

    def document(self, app: FastAPI) -> dict[str, Any]:
        """The whole document, for the routes that the application has by now."""
        found = get_openapi(title=app.title, version=app.version, routes=app.routes)
        served = {path for route in app.routes if (path := getattr(route, "path", None))}
        for method, path in _OPERATIONS:
            if path in served:
                found["paths"].setdefault(path, {})[method.lower()] = self.operation(method, path)
        parts = found.setdefault("components", {})
        parts["headers"] = _HEADERS
        parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        known = parts.setdefault("schemas", {})
        known.update({**schemas(self.contract, self.limits), **deployments.SCHEMAS, **drift.SCHEMAS})
        known.update(experiments.schemas(self.limits))
        known.update(feedback.schemas(self.contract, self.limits))
        known.update(inference.schemas(self.contract, self.limits))
        return found


def _refusal(status: int) -> dict[str, Any]:
    example = {
        "type": f"urn:problem:{HTTPStatus(status).phrase.lower().replace(' ', '-')}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _MEANINGS[status],
        "request_id": "3f1c8a52-9c7e-4b57-8f0e-2a4d5e6f7a8b",
    }
    return {
        "description": _MEANINGS[status],
        "content": {MEDIA_TYPE: {"schema": reference("Problem"), "example": example}},
    }
