"""Where an answer has its prediction, probabilities, version and id: by its schema, or by a first real one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pytest_mlready.protocols.declared import checked
from pytest_mlready.protocols.json_mapping import REQUEST_ID, BadAnswer, JsonMapping, found
from pytest_mlready.protocols.openapi import OpenAPI, first_of, is_array

PREDICTIONS = ("prediction", "predictions", "predicted", "predict", "output", "outputs", "result", "results",
                "label", "class", "score", "value", "y")  # fmt: skip
_PROBABILITIES = ("probabilities", "probability", "proba", "scores")
_VERSIONS = ("model_version", "version")
_IDS = (REQUEST_ID, "id")
SHOWN = 200
"""So many characters of an answer are shown."""


def answer_facts(schema: Mapping[str, Any] | None, openapi: OpenAPI | None, *, nested: bool) -> dict[str, Any]:
    """What the documented answer says of the mapping's fields; `nested` answers are lists, one item a row."""
    if openapi is None or schema is None:
        return {"prediction_key": "predictions.0"} if nested else {}
    properties = openapi.properties(schema)
    facts: dict[str, Any] = {}
    prediction = first_of(properties, PREDICTIONS)
    if prediction is not None:
        arrays = [one for one in openapi.options(properties[prediction]) if is_array(one)] if nested else []
        facts["prediction_key"] = f"{prediction}.0" if arrays else prediction
        held = openapi.properties(arrays[0].get("items") if arrays else properties[prediction])
        if own := _item_keys(held) if arrays else _answer_keys(held):
            facts |= {field: f"{facts['prediction_key']}.{name}" for field, name in own.items()}
            beside = _answer_keys(properties)
            facts |= {field: name for field, name in beside.items() if field == "request_id_key" or field not in facts}
            return facts
    elif listed := [one for one in openapi.options(schema) if is_array(one)]:
        own = _item_keys(openapi.properties(listed[0].get("items")))
        return {field: f"0.{name}" for field, name in own.items()} or {"prediction_key": "0"}
    elif nested:
        facts["prediction_key"] = "predictions.0"
    facts = {**_answer_keys(properties), **facts}
    if nested and "probabilities_key" in facts:
        facts["probabilities_key"] += ".0"
    return facts


def answer_documented(openapi: OpenAPI | None, mapping: JsonMapping, declared: Mapping[str, object]) -> bool:
    """Whether the document, or a declaration beside one, says where in an answer the prediction is."""
    schema = None if openapi is None else openapi.response_schema("POST", mapping.predict_path, 200)
    if openapi is None or schema is None or "prediction" in declared:
        return schema is not None
    first, _, rest = mapping.prediction_key.partition(".")
    if first.isdigit():
        return any(map(is_array, openapi.options(schema)))
    held = openapi.properties(schema)
    several = any(is_array(one) or one.get("type") == "object" for one in openapi.options(held.get(first)))
    return first in held and (bool(rest) or not several)


def prediction_missing(mapping: JsonMapping, body: Any) -> tuple[str, str] | None:
    """What to declare for an answer without a prediction where the mapping has it, with the reason; None if it is null.

    A null is what the service answers, and no question of where it is.
    """
    if _there(body, mapping.prediction_key) and found(body, mapping.prediction_key) is None:
        return None
    shown = json.dumps(body, ensure_ascii=False)
    why = (
        f"where the prediction is in an answer of {mapping.predict_path} is not known: "
        f"{shown[:SHOWN]}{' …' if len(shown) > SHOWN else ''}"
    )
    path = next(iter(_numbers_and_texts(body, "")), "prediction")
    several = "     # the first of several outputs, for one is compared" if path.endswith(".0") else ""
    return why, f"prediction = {json.dumps(path)}{several}"


def learned(mapping: JsonMapping, body: Any, declared: Mapping[str, object] = {}) -> JsonMapping:
    """The mapping with what a first real answer to one row shows: for services that document no answer.

    What was declared, or already fits, stays.
    """
    given = checked(declared)
    keys: dict[str, tuple[str, ...]] = {"probabilities_key": _PROBABILITIES, "version_key": _VERSIONS}
    facts: dict[str, Any] = {}
    if "prediction_key" not in given and not _fits(body, mapping.prediction_key):
        if isinstance(body, Mapping):
            name = first_of(body, PREDICTIONS)
            facts["prediction_key"] = mapping.prediction_key if name is None else _into(name, body[name])
        else:
            facts["prediction_key"] = _into("", body)
    inside = str(facts.get("prediction_key", mapping.prediction_key)).rpartition(".")[0]
    for place in dict.fromkeys(("", inside)):
        holder = found(body, place) if _there(body, place) else None
        if not isinstance(holder, Mapping):
            continue
        ids = (REQUEST_ID,) if "0" in place.split(".") else _IDS
        for field, names in {**keys, "request_id_key": ids}.items():
            name = first_of(holder, names)
            if field not in given and field not in facts and name:
                key = f"{place}.{name}" if place else name
                facts[field] = f"{key}.0" if _listed_by_row(holder[name]) else key
    return replace(mapping, **facts)


def _answer_keys(properties: Mapping[str, Any]) -> dict[str, str]:
    """Where an answer has what, by the usual names of its properties."""
    named = {"prediction_key": PREDICTIONS, "probabilities_key": _PROBABILITIES, "version_key": _VERSIONS,
             "request_id_key": _IDS}  # fmt: skip
    found_names = {field: first_of(properties, names) for field, names in named.items()}
    return {field: name for field, name in found_names.items() if name is not None}


def _item_keys(properties: Mapping[str, Any]) -> dict[str, str]:
    """The same of one item of a list, whose `id` may be its place there."""
    return {field: name for field, name in _answer_keys(properties).items() if name != "id"}


def _fits(body: Any, path: str) -> bool:
    """Whether there is a prediction: an object only holds one."""
    return _there(body, path) and not isinstance(found(body, path), Mapping | None)


def _there(body: Any, path: str) -> bool:
    try:
        found(body, path)
    except BadAnswer:
        return False
    return True


def _listed_by_row(value: object) -> bool:
    """Whether the value has a list or an object for each row, so that the first one's is inside."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], list | Mapping)


def _numbers_and_texts(value: Any, path: str) -> Iterator[str]:
    """The paths of values that may be a prediction, those at no usual name of something else."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            if str(name).lower() not in (*_VERSIONS, *_IDS):
                yield from _numbers_and_texts(one, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        yield from _numbers_and_texts(value[0], f"{path}.0" if path else "0")
    elif isinstance(value, int | float | str):
        yield path


def _into(name: str, value: object) -> str:
    """The path of the first prediction: inside the value where that is a list, or an object with a usual name."""
    parts = [name] if name else []
    while True:
        if isinstance(value, list) and value:
            parts, value = [*parts, "0"], value[0]
            if not isinstance(value, Mapping):
                break
        elif isinstance(value, Mapping) and (inner := first_of(value, PREDICTIONS)) is not None:
            parts, value = [*parts, inner], value[inner]
        else:
            break
    return ".".join(parts)
