"""The operation and shapes of /drift."""

from __future__ import annotations

from reference_service.drift.panel import DRIFT, QUIET, TOO_FEW
from reference_service.openapi.schemas import TEXT, VERSION, Schema, record

OPERATIONS: dict[tuple[str, str], tuple[str, str, str | None, tuple[int, ...]]] = {
    ("GET", "/drift"): ("drift", "Whether live rows still look like the training data", "Drift", ()),
}

_VERDICT: Schema = {"type": "string", "enum": [QUIET, DRIFT, TOO_FEW]}
_ROWS: Schema = {"type": "integer", "minimum": 0}
_FINDING: dict[str, Schema] = {
    "name": TEXT,
    "verdict": _VERDICT,
    "statistic": {"type": "number", "description": "The effect that the test saw, between -1 and 1."},
    "test": {**TEXT, "description": "The test whose result is the least probable by chance."},
    "n": {**_ROWS, "description": "Distinct rows that were looked at: one that is sent again is not another one."},
}
_SMALLEST_SHIFT: Schema = {
    "type": ["number", "null"],
    "minimum": 0,
    "description": "In standard deviations: the shift that the look would have seen with 99% probability.",
}
SCHEMAS: dict[str, Schema] = {
    "Drift": record(
        {
            "model_version": VERSION,
            "window": {**_ROWS, "description": "The newest rows that were looked at, of all workers."},
            "verdict": _VERDICT,
            "smallest_shift": _SMALLEST_SHIFT,
            "features": {"type": "array", "items": record(_FINDING)},
            "reference": {
                "type": ["string", "null"],
                "description": "The sha256 of the profile that rows are compared with; null where there is none.",
            },
        }
    )
}
