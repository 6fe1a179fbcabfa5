"""What `[service.json]` declares of a service's layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DECLARABLE = {
    "predict": "predict_path",
    "batch": "batch_path",
    "row": "row_key",
    "shape": "row_shape",
    "nested": "nested",
    "item": "item_key",
    "batch_key": "batch_key",
    "batch_items": "batch_items",
    "prediction": "prediction_key",
    "batch_prediction": "batch_prediction_key",
    "probabilities": "probabilities_key",
    "version": "version_key",
    "version_header": "version_header",
    "request_id": "request_id_key",
    "label": "label_kind",
}
"""Keys of `[service.json]` and the field of `JsonMapping` that each sets."""
_ALLOWED = {"shape": ("array", "object"), "batch_items": ("rows", "bodies"), "label": ("label", "number", "any")}


class BadDeclaration(ValueError):
    """A key or value of `[service.json]` is not known; the message names those that are."""


def checked(declared: Mapping[str, object]) -> dict[str, Any]:
    """The fields of `JsonMapping` that are declared. Raises BadDeclaration."""
    given: dict[str, Any] = {}
    for key, value in declared.items():
        if key not in DECLARABLE:
            raise BadDeclaration(f"[service.json] has no key {key!r}; there are {', '.join(DECLARABLE)}")
        if key in _ALLOWED and value not in _ALLOWED[key]:
            raise BadDeclaration(f"[service.json] {key} = {value!r}: allowed are {', '.join(_ALLOWED[key])}")
        if not isinstance(value, bool if key == "nested" else str):
            raise BadDeclaration(
                f"[service.json] {key} = {value!r} should be {'a boolean' if key == 'nested' else 'a string'}"
            )
        # An empty name says that there is none: the body itself is the row, or the list.
        given[DECLARABLE[key]] = None if value == "" and key not in {"prediction", "batch_prediction"} else value
    return given
