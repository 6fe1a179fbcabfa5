"""The shapes of requests and answers of one model, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference_service.model.columns import CATEGORY, LONGEST_CATEGORY, NUMBER, Column
from reference_service.model.inputs import LARGEST_USER_ID, ModelContract
from reference_service.settings import Limits

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
VERSION: Schema = {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$", "examples": ["1.0.0"]}
MOST_EXAMPLES = 10
SHA256: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def reference(name: str) -> Schema:
    """Points at one of `schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties: dict[str, Schema], optional: tuple[str, ...] = (), closed: bool = True) -> Schema:
    """An object whose properties are all required but for the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": not closed}


def user_ids(limits: Limits) -> Schema:
    """Who may ask: any text that is not too long, or an integer that stands for its decimal string."""
    return {
        "oneOf": [
            {"type": "string", "minLength": 1, "maxLength": limits.user_id_length},
            {"type": "integer", "minimum": -LARGEST_USER_ID - 1, "maximum": LARGEST_USER_ID},
        ]
    }


def schemas(contract: ModelContract, limits: Limits) -> dict[str, Schema]:
    """Every named schema of the document."""
    batch = {"type": "array", "items": reference("Features"), "minItems": 1, "maxItems": limits.batch_rows}
    batch_answer = {"type": "array", "items": reference("Prediction"), "minItems": 1, "maxItems": limits.batch_rows}
    asked = {"type": "string", "minLength": 1, "description": "Else the one that serves."}
    answered = {"model_version": VERSION, "request_id": TEXT}
    prediction = _prediction(contract)
    single = {"features": reference("Features"), "user_id": user_ids(limits), "model_version": asked}
    return {
        "Features": _features(contract, limits),
        "PredictRequest": record(single, optional=("user_id", "model_version")),
        "PredictAnswer": record({**prediction, **answered, "variant": TEXT}, optional=("variant",)),
        "Prediction": record(prediction),
        "BatchRequest": record({"instances": batch, "model_version": asked}, optional=("model_version",)),
        "BatchAnswer": record({"predictions": batch_answer, **answered}),
        "Status": record({"status": {"type": "string", "enum": ["live", "ready"]}}),
        "Health": record(
            {
                "status": {"type": "string", "enum": ["ok", "unavailable"]},
                "model_loaded": {"type": "boolean"},
                "model_version": TEXT,
            }
        ),
        "Metadata": _metadata(contract),
        "ModelInfo": {"allOf": [reference("Metadata"), record({"sha256": SHA256}, closed=False)]},
        "ModelVersion": _model_version(),
        "Models": record(
            {
                "name": TEXT,
                "serving": TEXT,
                "previous": {"type": ["string", "null"]},
                "versions": {"type": "array", "items": reference("ModelVersion")},
            }
        ),
        "Problem": _problem(),
    }


def _features(contract: ModelContract, limits: Limits) -> Schema:
    named = {feature["name"]: _feature(feature, limits) for feature in contract.features}
    count = len(named)
    items: Schema = {"prefixItems": list(named.values())}
    if contract.plain:
        items = {"items": {"type": "number", "minimum": -limits.magnitude, "maximum": limits.magnitude}}
    listed = {"type": "array", **items, "minItems": count, "maxItems": count}
    order = f"In this order: {', '.join(contract.names)}."
    return {"oneOf": [{**listed, "description": order}, record(named)]}


def _feature(feature: Mapping[str, Any], limits: Limits) -> Schema:
    """What may stand in the column of a feature."""
    column = Column.of(feature)
    found: Schema = {"type": "number", "minimum": -limits.magnitude, "maximum": limits.magnitude}
    if column.type == NUMBER:
        seen = f"In training {feature['range']['minimum']:g} to {feature['range']['maximum']:g}."
    else:
        levels = list(feature["levels"])
        found = {"type": "string", "minLength": 1, "maxLength": LONGEST_CATEGORY, "examples": levels[:MOST_EXAMPLES]}
        seen = f"In training {len(levels)} levels; any other says nothing to the model."
    if column.nullable:
        found["type"] = [found["type"], "null"]
        seen = f"{seen} May be missing."
    return {**found, "description": seen}


def _prediction(contract: ModelContract) -> dict[str, Schema]:
    if not contract.classes:
        return {"prediction": {"type": "number", "description": f"The predicted {contract.label}."}}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "prediction": {"type": "string", "enum": list(contract.classes), "description": "The most probable class."},
        "probabilities": {**record(dict.fromkeys(contract.classes, share)), "description": "They add up to 1."},
    }


def _metadata(contract: ModelContract) -> Schema:
    properties: dict[str, Schema] = {
        "name": {"const": contract.name},
        "version": VERSION,
        "task": {"type": "string", "enum": ["classification", "regression"]},
        "framework": TEXT,
        "framework_version": TEXT,
        "python_version": TEXT,
        "trained_at": {"type": "string", "format": "date-time"},
        "git_revision": TEXT,
        "seed": {"type": "integer"},
        "estimator": {"type": "array", "items": TEXT},
        "parameters": {"type": "object"},
        "data_version": TEXT,
        "data": {"type": "object"},
        "label": TEXT,
        "features": {"type": "array", "items": _described_feature()},
        "protected": _protected(),
        "classes": {"type": ["array", "null"], "items": TEXT},
        "metrics": {"type": "object", "additionalProperties": {"type": "number"}},
    }
    return record(properties, optional=("protected",), closed=False)


def _described_feature() -> Schema:
    """What the metadata says of a feature; older versions do not say what may be missing."""
    share: Schema = {"type": "number", "minimum": 0, "maximum": 1}
    bounds = record({"minimum": {"type": "number"}, "maximum": {"type": "number"}})
    column: dict[str, Schema] = {"name": TEXT, "nullable": {"type": "boolean"}, "missing": share}
    number = {**column, "type": {"const": NUMBER}, "range": bounds, "statistics": {"type": "object"}}
    levels: Schema = {"type": "object", "additionalProperties": share, "description": "The share of each in training."}
    category = {**column, "type": {"const": CATEGORY}, "levels": levels}
    return {"oneOf": [record(each, optional=("nullable", "missing"), closed=False) for each in (number, category)]}


def _protected() -> Schema:
    """The group that the held-out rows may be compared by, without being an input of the model."""
    groups: Schema = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}}
    return {**record({"column": TEXT, "groups": groups}), "type": ["object", "null"]}


def _model_version() -> Schema:
    stage = {"type": "string", "enum": ["serving", "retired", "candidate"]}
    return record({"version": VERSION, "sha256": SHA256, "stage": stage, "metadata": reference("Metadata")})


def _problem() -> Schema:
    fault = record({"path": {"type": "string", "examples": ["$.features[3]"]}, "message": TEXT})
    properties: dict[str, Schema] = {
        "type": {"type": "string", "pattern": "^urn:problem:"},
        "title": TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": TEXT,
        "request_id": TEXT,
        "errors": {"type": "array", "items": fault, "minItems": 1},
        "error": {**TEXT, "description": "The same for clients of the Open Inference Protocol; only at /v2."},
    }
    return record(properties, optional=("errors", "error"))
