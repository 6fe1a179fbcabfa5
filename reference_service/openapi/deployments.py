"""The operations and shapes of /deployments."""

from __future__ import annotations

from typing import Any

from reference_service.openapi.schemas import SHA256, TEXT, VERSION, Schema, record, reference

CHANGING = (400, 401, 403, 404, 408, 409, 412, 413, 415, 422)
OPERATIONS: dict[tuple[str, str], tuple[str, str, str | None, tuple[int, ...]]] = {
    ("GET", "/deployments"): ("deployments", "What serves, and who changed it when and why", "Deployments", ()),
    ("POST", "/deployments"): ("promote", "Let a version serve, on all workers at once", "Deployment", CHANGING),
    ("POST", "/deployments/rollback"): (
        "rollback",
        "Let an earlier version serve again, on all workers at once",
        "Deployment",
        CHANGING,
    ),
}
IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "Change only if this generation, in quotes, is in force; else 412.",
    "schema": {"type": "string", "pattern": r'^("[0-9]{1,18}"|\*)$'},
}
_WANTED: Schema = {"type": "string", "minLength": 1, "maxLength": 64}
_REASON: Schema = {"type": "string", "maxLength": 500, "description": "For the history."}
_VERSION_OR_NONE: Schema = {"type": ["string", "null"], "pattern": VERSION["pattern"]}
_GENERATION: Schema = {"type": "integer", "minimum": 0}
SCHEMAS: dict[str, Schema] = {
    "Promotion": record(
        {
            "version": {**_WANTED, "description": "The version to serve."},
            "sha256": {**SHA256, "description": "The digest that its artifact must have, else 409."},
            "reason": _REASON,
        },
        optional=("sha256", "reason"),
    ),
    "Rollback": record(
        {"to": {**_WANTED, "description": "One that served here; left out, the one before."}, "reason": _REASON},
        optional=("to", "reason"),
    ),
    "Deployment": record(
        {
            "generation": {**_GENERATION, "description": "Grows by one with each change, over all workers."},
            "from": {**VERSION, "description": "What served."},
            "to": {**VERSION, "description": "What serves now."},
            "model_version": VERSION,
            "sha256": SHA256,
            "changed": {"type": "boolean", "description": "False if the version served already."},
        }
    ),
    "Change": record(
        {
            "generation": _GENERATION,
            "at": {"type": "string", "format": "date-time"},
            "actor": TEXT,
            "action": {"type": "string", "examples": ["start", "promote", "rollback"]},
            "from": _VERSION_OR_NONE,
            "to": _VERSION_OR_NONE,
            "reason": TEXT,
        }
    ),
    "Deployments": record(
        {
            "serving": VERSION,
            "earlier": {
                "type": "array",
                "items": VERSION,
                "description": "What rollbacks lead back to, the next one last.",
            },
            "generation": _GENERATION,
            "history": {"type": "array", "items": reference("Change"), "description": "The newest 1000, newest first."},
        }
    ),
}
_EXAMPLES: dict[str, tuple[str, bool, dict[str, Any]]] = {
    "/deployments": ("Promotion", True, {"version": "2.0.0", "reason": "better on the held-out rows"}),
    "/deployments/rollback": ("Rollback", False, {"reason": "too many complaints"}),
}


def request(path: str) -> dict[str, Any] | None:
    """The request body of one of these routes, if it is one."""
    if path not in _EXAMPLES:
        return None
    schema, required, example = _EXAMPLES[path]
    return {
        "required": required,
        "content": {"application/json": {"schema": reference(schema), "example": example}},
    }
