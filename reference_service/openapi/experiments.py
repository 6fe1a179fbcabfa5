"""The operations and shapes of /experiments."""

from __future__ import annotations

from typing import Any

from reference_service.experiments.assignment import BUCKETS, DECLARATION, FUNCTION
from reference_service.experiments.experiment_body import MOST_VARIANTS, NAME, SALT
from reference_service.openapi.schemas import TEXT, VERSION, Schema, record, reference
from reference_service.settings import Limits

OPERATIONS: dict[tuple[str, str], tuple[str, str, str | None, tuple[int, ...]]] = {
    ("GET", "/experiments"): ("experiments", "What is tried on whom", "Experiments", ()),
    ("GET", "/experiments/{name}"): (
        "experiment",
        "One experiment, with all that is needed to compute its assignments",
        "Experiment",
        (404,),
    ),
    ("PUT", "/experiments/{name}"): (
        "put_experiment",
        "Begin an experiment, or change weights, dates and variants without users of one that stands",
        "Experiment",
        (400, 401, 403, 408, 409, 412, 413, 415, 422),
    ),
    ("GET", "/experiments/{name}/assignment"): (
        "assignment",
        "The variant and the version that a user gets, on every worker and for as long as the experiment stands",
        "Assignment",
        (404, 422),
    ),
}
_NAME: Schema = {"type": "string", "pattern": f"^{NAME.pattern.pattern}$"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_WEIGHT: Schema = {"type": "number", "minimum": 0, "maximum": 1, "description": f"A multiple of {1 / BUCKETS:g}."}
_BUCKET: Schema = {"type": "integer", "minimum": 0, "maximum": BUCKETS - 1}
_GENERATION: Schema = {"type": "integer", "minimum": 0}
_VERSION: Schema = {"type": ["string", "null"], "description": "Null for the version that serves."}
_SALT: Schema = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": f"^{SALT.pattern.pattern}$"}
_DECLARATION: Schema = record(
    {
        "function": {"const": FUNCTION},
        "hash": TEXT,
        "input": {**TEXT, "description": "What is hashed."},
        "encoding": TEXT,
        "normalization": {**TEXT, "description": "The Unicode normal form."},
        "separator": {**TEXT, "description": "Hexadecimal; no salt holds it."},
        "digest_bytes": {"type": "integer", "description": "So many from the front of the digest are one number."},
        "byte_order": {"type": "string", "enum": ["big", "little"]},
        "reduction": {"const": "modulo", "description": "That number modulo the buckets is the bucket."},
        "buckets": {"type": "integer"},
        "boundary": {**TEXT, "description": "When a bucket is in a range."},
        "integer_ids": {"const": "decimal", "description": "An integer is the string of its decimal digits."},
        "trimmed": {"type": "boolean"},
        "case_folded": {"type": "boolean"},
        "refused": {"type": "array", "items": TEXT},
    }
)
_RANGES: Schema = {
    "type": "array",
    "items": {
        "type": "array",
        "items": {"type": "integer", "minimum": 0, "maximum": BUCKETS},
        "minItems": 2,
        "maxItems": 2,
    },
    "description": "Half-open, in the order in which the variant got them: the last are the first to be given up.",
}


def schemas(limits: Limits) -> dict[str, Schema]:
    """The shapes."""
    wanted = record(
        {"name": _NAME, "version": {**_VERSION, "minLength": 1, "maxLength": 64}, "weight": _WEIGHT}, ("version",)
    )
    definition: dict[str, Schema] = {
        "variants": {
            "type": "array",
            "items": wanted,
            "minItems": 2,
            "maxItems": MOST_VARIANTS,
            "description": "The first is the control. The weights add up to 1.",
        },
        "salt": {**_SALT, "description": "At first the name of the experiment; it never changes."},
        "starts_at": {**_TIME, "type": ["string", "null"], "description": "In UTC; at first now."},
        "ends_at": {**_TIME, "type": ["string", "null"], "description": "In UTC; null for no end."},
        "reason": {"type": "string", "maxLength": 500, "description": "For the history."},
    }
    experiment = {
        "name": _NAME,
        "salt": _SALT,
        "starts_at": _TIME,
        "ends_at": {**_TIME, "type": ["string", "null"]},
        "running": {"type": "boolean", "description": "Outside its dates everyone gets the control."},
        "control": _NAME,
        "variants": {
            "type": "array",
            "items": record({"name": _NAME, "version": _VERSION, "weight": _WEIGHT, "ranges": _RANGES}),
        },
        "assignment": reference("AssignmentFunction"),
        "generation": _GENERATION,
    }
    assigned = {
        "experiment": _NAME,
        "user_id": {"type": "string", "minLength": 1, "maxLength": limits.user_id_length},
        "variant": _NAME,
        "version": VERSION,
        "bucket": _BUCKET,
        "function": {"const": FUNCTION},
        "generation": _GENERATION,
    }
    routing = {"type": ["string", "null"], "description": "The experiment that routes predictions: the first to begin."}
    return {
        "ExperimentDefinition": record(definition, optional=("salt", "starts_at", "ends_at", "reason")),
        "Experiment": record(experiment),
        "Experiments": record(
            {
                "generation": _GENERATION,
                "routing": routing,
                "experiments": {"type": "array", "items": reference("Experiment")},
            }
        ),
        "AssignmentFunction": {**_DECLARATION, "examples": [DECLARATION]},
        "Assignment": record(assigned),
    }


def parameters(path: str, limits: Limits) -> list[dict[str, Any]]:
    """What these routes take besides a body."""
    if not path.startswith("/experiments/"):
        return []
    found = [{"name": "name", "in": "path", "required": True, "schema": _NAME}]
    if path.endswith("/assignment"):
        user = {"type": "string", "minLength": 1, "maxLength": limits.user_id_length}
        words = 'Text, as everything in a query string: 7 is the user whom a prediction knows as 7 and as "7".'
        found.append({"name": "user_id", "in": "query", "required": True, "schema": user, "description": words})
    return found


def request(path: str) -> dict[str, Any] | None:
    """The request body of one of these routes, if it is one."""
    if path != "/experiments/{name}":
        return None
    example = {
        "variants": [
            {"name": "control", "weight": 0.95},
            {"name": "boosted", "version": "2.0.0", "weight": 0.05},
        ],
        "ends_at": "2100-01-01T00:00:00Z",
        "reason": "does the second version do better?",
    }
    content = {"schema": reference("ExperimentDefinition"), "example": example}
    return {"required": True, "content": {"application/json": content}}
