"""The operations and shapes of /feedback."""

from __future__ import annotations

from typing import Any

from reference_service.deployments.outcomes import WINDOW_LABELS
from reference_service.model.inputs import ModelContract
from reference_service.openapi.schemas import TEXT, VERSION, Schema, record, reference
from reference_service.settings import Limits

OPERATIONS: dict[tuple[str, str], tuple[str, str, str | None, tuple[int, ...]]] = {
    ("GET", "/feedback"): ("live_quality", "How good the answers were, by the labels that came back", "Quality", ()),
    ("POST", "/feedback"): (
        "feedback",
        "Tell what turned out to be true of one predicted row; again to correct it",
        "Labelled",
        (400, 404, 408, 413, 415, 422),
    ),
}


def schemas(contract: ModelContract, limits: Limits) -> dict[str, Schema]:
    """The shapes for one model."""
    label: Schema = {"type": "number", "minimum": -limits.magnitude, "maximum": limits.magnitude}
    metric = "mean_absolute_error"
    if contract.classes:
        label = {"type": "string", "enum": list(contract.classes)}
        metric = "accuracy"
    request_id = {**TEXT, "description": "That of an answer to one row, one of the newest hundred thousand."}
    status = {
        "type": "string",
        "enum": ["recorded", "unchanged", "replaced"],
        "description": "Unchanged: the same label came before. Replaced: another one did.",
    }
    score = {
        "model_version": VERSION,
        "labels": {"type": "integer", "minimum": 1, "maximum": WINDOW_LABELS},
        "metric": {"const": metric},
        "value": {"type": "number", "minimum": 0},
    }
    return {
        "Feedback": record({"request_id": request_id, "label": {**label, "description": "What was true."}}),
        "Labelled": record(
            {"request_id": TEXT, "model_version": VERSION, "prediction": label, "label": label, "status": status}
        ),
        "Quality": record(
            {
                "window_labels": {"const": WINDOW_LABELS, "description": "Of each version the newest labels count."},
                "versions": {"type": "array", "items": record(score)},
            }
        ),
    }


def request(path: str, contract: ModelContract) -> dict[str, Any] | None:
    """The request body of one of these routes, if it is one."""
    if path != "/feedback":
        return None
    example = {
        "request_id": "3f1c8a52-9c7e-4b57-8f0e-2a4d5e6f7a8b",
        "label": contract.classes[0] if contract.classes else 151.0,
    }
    return {
        "required": True,
        "content": {"application/json": {"schema": reference("Feedback"), "example": example}},
    }
