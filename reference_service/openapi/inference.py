"""The operations and shapes of /v2, the Open Inference Protocol."""

from __future__ import annotations

from typing import Any

from reference_service.model.inputs import ModelContract
from reference_service.open_inference.protocol import BINARY_DATA
from reference_service.open_inference.tensor_inputs import inputs_of
from reference_service.open_inference.tensors import NUMBERS, TEXTS
from reference_service.openapi.schemas import TEXT, Schema, record, reference, user_ids
from reference_service.openapi.schemas import VERSION as VERSION_TEXT
from reference_service.routes.infer import BYTES_TYPE, JSON_LENGTH, MODEL, VERSION
from reference_service.settings import Limits

_INFER = (400, 404, 408, 413, 415, 422, 503, 504)
OPERATIONS: dict[tuple[str, str], tuple[str, str, str | None, tuple[int, ...]]] = {
    ("GET", "/v2"): ("oip_server", "The server, and the extensions it speaks", "InferServer", ()),
    ("GET", "/v2/health/live"): ("oip_live", "The process can answer", "InferLive", ()),
    ("GET", "/v2/health/ready"): ("oip_ready", "The next prediction will succeed", "InferReady", (503,)),
    ("GET", MODEL): ("oip_model", "The tensors of the model", "InferModel", (404, 503)),
    ("GET", VERSION): ("oip_version", "The tensors of a version", "InferModel", (404, 503)),
    ("GET", f"{MODEL}/ready"): ("oip_model_ready", "The model can be asked", "InferModelReady", (404, 503)),
    ("GET", f"{VERSION}/ready"): ("oip_version_ready", "The version can be asked", "InferModelReady", (404, 503)),
    ("POST", f"{MODEL}/infer"): ("oip_infer", "Predict rows given as tensors", "InferAnswer", _INFER),
    ("POST", f"{VERSION}/infer"): ("oip_version_infer", "Ask a version for tensors", "InferAnswer", _INFER),
}
LENGTH: dict[str, Any] = {
    "name": JSON_LENGTH,
    "in": "header",
    "required": False,
    "description": f"How many bytes of the body are JSON, if tensors follow it as bytes (extension {BINARY_DATA}).",
    "schema": {"type": "integer", "minimum": 0},
}


def schemas(contract: ModelContract, limits: Limits) -> dict[str, Schema]:
    """The shapes for one model."""
    inputs = inputs_of(contract)
    parameters: Schema = {
        "type": ["object", "null"],
        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        "description": "binary_data_size of an input and binary_data of an output are known; others are ignored.",
    }
    whole: Schema = {"type": "integer", "minimum": 1}
    tensor: dict[str, Schema] = {
        "name": {"type": "string", "enum": [each.name for each in inputs]},
        "shape": {"type": "array", "items": whole, "minItems": 1, "maxItems": 2},
        "datatype": {"type": "string", "enum": [*NUMBERS, TEXTS]},
        "parameters": parameters,
        "data": {"type": "array", "minItems": 1, "description": "Flat in row-major order, or nested as the shape."},
    }
    outputs = ["prediction", "probabilities"] if contract.classes else ["prediction"]
    wanted = {"name": {"type": "string", "enum": outputs}, "parameters": parameters}
    request: dict[str, Schema] = {
        "id": {"type": ["string", "null"], "description": "Comes back in the answer."},
        "parameters": {
            **parameters,
            "properties": {"user_id": user_ids(limits)},
            "description": "binary_data_output and user_id, whom experiments route, are known; others are ignored.",
        },
        "inputs": {
            "type": "array",
            "items": record(tensor, optional=("parameters", "data")),
            "minItems": len(inputs),
            "maxItems": len(inputs),
            "description": f"At most {limits.batch_rows} rows.",
        },
        "outputs": {"type": ["array", "null"], "items": record(wanted, optional=("parameters",))},
    }
    output: dict[str, Schema] = {
        "name": {"type": "string", "enum": outputs},
        "shape": {"type": "array", "items": whole, "minItems": 1, "maxItems": 2},
        "datatype": {"type": "string", "enum": ["FP64", TEXTS]},
        "data": {"type": "array", "description": "Row-major; probabilities in the order of /model/info's classes."},
        "parameters": record({"binary_data_size": whole}),
    }
    answer: dict[str, Schema] = {
        "model_name": {"const": contract.name},
        "model_version": VERSION_TEXT,
        "id": {**TEXT, "description": "The request's own, else that of X-Request-ID."},
        "parameters": {**record({"variant": TEXT}), "description": "Only of an answer that an experiment routed."},
        "outputs": {"type": "array", "items": record(output, optional=("data", "parameters")), "minItems": 1},
    }
    described = {"name": TEXT, "datatype": TEXT, "shape": {"type": "array", "items": {"type": "integer"}}}
    yes: Schema = {"const": True}
    return {
        "InferRequest": record(request, optional=("id", "parameters", "outputs")),
        "InferAnswer": record(answer, optional=("parameters",)),
        "InferServer": record({"name": TEXT, "version": TEXT, "extensions": {"type": "array", "items": TEXT}}),
        "InferLive": record({"live": yes}),
        "InferReady": record({"live": yes, "ready": yes}),
        "InferModelReady": record({"name": {"const": contract.name}, "ready": yes}),
        "InferModel": record(
            {
                "name": {"const": contract.name},
                "versions": {"type": "array", "items": VERSION_TEXT},
                "platform": TEXT,
                "inputs": {"type": "array", "items": record(described)},
                "outputs": {"type": "array", "items": record(described)},
            }
        ),
    }


def parameters(path: str, contract: ModelContract) -> list[dict[str, Any]]:
    """What these routes take besides a body."""
    found: list[dict[str, Any]] = []
    if "{name}" in path:
        found.append({"name": "name", "in": "path", "required": True, "schema": {"const": contract.name}})
    return [*found, LENGTH] if path.endswith("/infer") else found


def other_content(path: str) -> dict[str, Any]:
    """How these routes answer besides JSON."""
    return {BYTES_TYPE: {"schema": {"description": "JSON and then bytes."}}} if path.endswith("/infer") else {}


def request(path: str, contract: ModelContract, limits: Limits) -> dict[str, Any] | None:
    """The request body of one of these routes, if it is one."""
    if not path.endswith("/infer"):
        return None
    row = list(contract.example_row)
    inputs = [
        {"name": each.name, "shape": each.shape(1), "datatype": each.datatype, "data": row if each.width else [value]}
        for each, value in zip(inputs_of(contract), row, strict=False)
    ]
    return {
        "required": True,
        "description": f"At most {limits.batch_body_bytes} bytes, not compressed.",
        "content": {
            "application/json": {"schema": reference("InferRequest"), "example": {"inputs": inputs}},
            BYTES_TYPE: {"schema": {"description": f"JSON and then bytes; needs the header {JSON_LENGTH}."}},
        },
    }
