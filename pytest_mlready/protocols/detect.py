"""Find out how a JSON service is to be spoken to, from its OpenAPI document and from what was declared."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_mlready.protocols.json_mapping import BadAnswer, JsonMapping, found
from pytest_mlready.protocols.openapi import OpenAPI

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
_PREDICT = re.compile(r"predict|infer|score|invocations", re.IGNORECASE)
_BATCH = re.compile(r"batch|bulk", re.IGNORECASE)
_ROW_KEYS = ("features", "instances", "inputs", "input", "data", "rows", "row", "x", "values", "dataframe_records")
_BATCH_KEYS = ("instances", "inputs", "rows", "items", "batch", "data", "features")
_PREDICTIONS = ("prediction", "predictions", "predicted", "predict", "output", "outputs", "result", "results",
                "label", "class", "score", "value", "y")  # fmt: skip
_PROBABILITIES = ("probabilities", "probability", "proba", "scores")
_SCALARS = frozenset({"string", "number", "integer", "boolean", "null"})
_VERSIONS = ("model_version", "version")
_IDS = ("request_id", "id")


class DetectError(ValueError):
    """The service's layout could not be found out; the message lists what to declare."""

    def __init__(self, missing: Sequence[tuple[str, str]]) -> None:
        self.missing = tuple(missing)
        lines = "\n".join(f"  {line}" for _, line in self.missing)
        reasons = "; ".join(reason for reason, _ in self.missing)
        super().__init__(f"{reasons}. Declare in mlready.toml:\n  [service.json]\n{lines}")


class BadDeclaration(ValueError):
    """A key or value of `[service.json]` is not known; the message names those that are."""


def detect(openapi: OpenAPI | None, declared: Mapping[str, object], feature_names: Sequence[str]) -> JsonMapping:
    """The mapping of a service; what is declared wins over what its document says, that over convention.

    Raises:
        DetectError: the predict route, or the place of the row in its body, could not be found out.
        BadDeclaration: `declared` has an unknown key or value.
    """
    given = _declared(declared)
    path = given.get("predict_path") or (_predict_route(openapi) if openapi else None)
    if path is None:
        why = "which route predicts is not known" if openapi else "the service publishes no OpenAPI document"
        raise DetectError([(why, 'predict = "/predict"'), *([] if "row_key" in given else [_row_missing("/predict")])])
    facts: dict[str, Any] = {"predict_path": path}
    schema = openapi.request_schema("POST", path) if openapi is not None else None
    if openapi is not None:
        facts |= _row_facts(openapi, schema, feature_names) if schema else {}
        facts |= _batch_facts(openapi, path, given, feature_names)
    if "row_key" not in facts and not schema and str(path).rstrip("/").endswith("invocations"):
        facts |= {"row_key": "instances", "nested": True}  # MLflow documents no body
    if "row_key" not in given and "row_key" not in facts:
        raise DetectError([_row_missing(str(path), _why_no_row(openapi, str(path), feature_names))])
    nested = bool({**facts, **given}.get("nested"))
    facts |= _answer_facts(_ok_schema(openapi, str(path)), openapi, nested=nested)
    return JsonMapping(**{**facts, **given})


def takes_names(openapi: OpenAPI | None, mapping: JsonMapping, names: Sequence[str]) -> bool:
    """Whether a row that the mapping writes as an array may also be an object with these names, by the document."""
    if openapi is None or mapping.row_shape != "array" or mapping.row_key is None or mapping.nested:
        return False
    for option in _options(openapi, openapi.request_schema("POST", mapping.predict_path)):
        properties = option.get("properties")
        held = _options(openapi, properties.get(mapping.row_key)) if isinstance(properties, Mapping) else []
        named = [one["properties"] for one in held if isinstance(one.get("properties"), Mapping)]
        if any(set(names) <= set(one) for one in named):
            return True
    return False


def learned(mapping: JsonMapping, body: Any, declared: Mapping[str, object] = {}) -> JsonMapping:
    """The mapping with what a first real answer to one row shows: for services that document no answer.

    What was declared, or already fits, stays.
    """
    given = _declared(declared)
    keys = {"probabilities_key": _PROBABILITIES, "version_key": _VERSIONS, "request_id_key": _IDS}
    facts: dict[str, Any] = {}
    if "prediction_key" not in given and not _fits(body, mapping.prediction_key):
        if isinstance(body, Mapping):
            name = _first(body, _PREDICTIONS)
            facts["prediction_key"] = mapping.prediction_key if name is None else _into(name, body[name])
        else:
            facts["prediction_key"] = _into("", body)
    inside = str(facts.get("prediction_key", mapping.prediction_key)).rpartition(".")[0]
    for place in dict.fromkeys(("", inside)):
        holder = found(body, place) if _there(body, place) else None
        if not isinstance(holder, Mapping):
            continue
        for field, names in keys.items():
            name = _first(holder, names)
            if field not in given and field not in facts and name:
                key = f"{place}.{name}" if place else name
                facts[field] = f"{key}.0" if _listed_by_row(holder[name]) else key
    return replace(mapping, **facts)


def _declared(declared: Mapping[str, object]) -> dict[str, Any]:
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


def _row_missing(path: str, why: str = "") -> tuple[str, str]:
    return (
        f"where a row goes in the body of {path} is not known{why}",
        'row = "features"     # "" if the body itself is the row',
    )


def _why_no_row(openapi: OpenAPI | None, path: str, names: Sequence[str]) -> str:
    """What stands in the way, where it can be told."""
    schema = None if openapi is None else openapi.request_schema("POST", path)
    properties = _properties(openapi, schema) if openapi is not None else {}
    if "dataframe_split" in properties:
        return ": `dataframe_split` is not spoken here; use `dataframe_records` or `instances` if the service takes it"
    strange = [name for name in names if name not in properties]
    if strange and properties:
        return f": it has no {', '.join(strange[:5])} (columns of the rows) but {', '.join(list(properties)[:10])}"
    return ""


def _predict_route(openapi: OpenAPI) -> str | None:
    posts = [path for method, path in openapi.routes if method == "POST" and "{" not in path]
    named = [path for path in posts if _PREDICT.search(path)]
    if not named:
        named = [path for path in posts if _PREDICT.search(str(openapi.operation("POST", path).get("operationId")))]
    single = [path for path in named if not _BATCH.search(path)] or named
    if single:
        return min(single, key=lambda path: (path.count("/"), len(path)))
    return posts[0] if len(posts) == 1 else None


def _row_facts(openapi: OpenAPI, schema: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    options = _options(openapi, schema)
    for option in options:
        if _is_array(option):
            return {"row_key": None, **_held(openapi, option, names)}
    for option in options:
        properties = option.get("properties")
        if not isinstance(properties, Mapping):
            continue
        if names and set(names) <= set(properties):
            return {"row_key": None, "row_shape": "object"}
        if not names and _all_scalars(openapi, option):
            return {"row_key": None, "row_shape": "object"}
        key = _row_key(openapi, properties)
        if key is None:
            arrays = [name for name in properties if any(map(_is_array, _options(openapi, properties[name])))]
            key = arrays[0] if len(arrays) == 1 else None
        if key is not None:
            return {"row_key": key, **_shape(openapi, properties[key], names)}
    return {}


def _shape(openapi: OpenAPI, schema: object, names: Sequence[str]) -> dict[str, Any]:
    """How a row lies at its key: array before object where both are allowed, for it needs no names."""
    options = _options(openapi, schema)
    arrays = [option for option in options if _is_array(option)]
    if arrays:
        return min((_held(openapi, option, names) for option in arrays), key=lambda held: bool(held["nested"]))
    return {"row_shape": "object", "nested": False}


def _all_scalars(openapi: OpenAPI, schema: Mapping[str, Any]) -> bool:
    """Whether an object has scalar fields, and no required one that is not: then it is a row by itself."""
    properties = schema["properties"]
    required = schema.get("required")
    scalar = {name for name in properties if _is_scalar(openapi, properties[name])}
    return bool(scalar) and scalar.issuperset(required if isinstance(required, list) and required else properties)


def _is_scalar(openapi: OpenAPI, schema: object) -> bool:
    options = _options(openapi, schema)
    kinds = {kind for one in options for kind in _kinds(one)}
    return bool(kinds) and kinds <= _SCALARS


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type", "string" if "enum" in schema else None)
    return [str(one) for one in kind] if isinstance(kind, list) else [str(kind)] if kind is not None else []


def _row_key(openapi: OpenAPI, properties: Mapping[str, Any]) -> str | None:
    """The property with a usual name that may hold a row, or rows: one that is a number or a text may not."""
    return _first({name: one for name, one in properties.items() if not _is_scalar(openapi, one)}, _ROW_KEYS)


def _held(openapi: OpenAPI, array: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """An array's items: cells, so that it is a row; or arrays or objects, so that it is a list of rows.

    An object is a row, unless it holds one at a key with a usual name.
    """
    items = _options(openapi, array.get("items"))
    if any(map(_is_array, items)):
        return {"row_shape": "array", "nested": True}
    for properties in (item["properties"] for item in items if isinstance(item.get("properties"), Mapping)):
        key = None if names and set(names) <= set(properties) else _row_key(openapi, properties)
        if key is not None:
            inner = _shape(openapi, properties[key], names)
            return {"row_shape": inner["row_shape"], "nested": True, "item_key": key}
    if any(item.get("type") == "object" or "properties" in item for item in items):
        return {"row_shape": "object", "nested": True}
    return {"row_shape": "array", "nested": False}


def _batch_facts(openapi: OpenAPI, predict: str, given: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    path = given.get("batch_path")
    if "batch_path" not in given:
        routes = [route for method, route in openapi.routes if method == "POST" and "{" not in route]
        found_routes = [route for route in routes if _BATCH.search(route) and route != predict]
        near = [route for route in found_routes if route.startswith(predict) or _PREDICT.search(route)]
        path = next(iter(near or found_routes), None)
    if path is None:
        return {}
    facts: dict[str, Any] = {"batch_path": path}
    for option in _options(openapi, openapi.request_schema("POST", path)):
        if _is_array(option):
            facts |= {"batch_key": None, **_items(openapi, option, names)}
            break
        properties = option.get("properties")
        key = _first(properties, _BATCH_KEYS) if isinstance(properties, Mapping) else None
        if key is not None and isinstance(properties, Mapping):
            facts["batch_key"] = key
            for array in filter(_is_array, _options(openapi, properties[key])):
                facts |= _items(openapi, array, names)
    response = _ok_schema(openapi, path)
    properties = _properties(openapi, response)
    listed = _first(properties, ("predictions", "results", "outputs", "answers", *_PREDICTIONS))
    if listed is not None:
        facts["batch_prediction_key"] = listed
    elif any(map(_is_array, _options(openapi, response))):
        facts["batch_prediction_key"] = ""
    return facts


def _items(openapi: OpenAPI, array: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    items = _options(openapi, array.get("items"))
    if any(map(_is_array, items)):
        return {"batch_items": "rows"}
    for item in items:
        properties = item.get("properties")
        named = isinstance(properties, Mapping) and bool(names) and set(names) <= set(properties)
        if isinstance(properties, Mapping) and not named and _first(properties, _ROW_KEYS):
            return {"batch_items": "bodies"}
    return {"batch_items": "rows"}


def _answer_facts(schema: Mapping[str, Any] | None, openapi: OpenAPI | None, *, nested: bool) -> dict[str, Any]:
    if openapi is None or schema is None:
        return {"prediction_key": "predictions.0"} if nested else {}
    properties = _properties(openapi, schema)
    facts: dict[str, Any] = {}
    prediction = _first(properties, _PREDICTIONS)
    if prediction is not None:
        arrays = [one for one in _options(openapi, properties[prediction]) if _is_array(one)] if nested else []
        facts["prediction_key"] = f"{prediction}.0" if arrays else prediction
        held = _properties(openapi, arrays[0].get("items") if arrays else properties[prediction])
        if own := _answer_keys(held):
            facts |= {field: f"{facts['prediction_key']}.{name}" for field, name in own.items()}
            for field, name in _answer_keys(properties).items():
                facts.setdefault(field, name)
            return facts
    elif listed := [one for one in _options(openapi, schema) if _is_array(one)]:
        own = _answer_keys(_properties(openapi, listed[0].get("items")))
        return {field: f"0.{name}" for field, name in own.items()} or {"prediction_key": "0"}
    elif nested:
        facts["prediction_key"] = "predictions.0"
    facts = {**_answer_keys(properties), **facts}
    if nested and "probabilities_key" in facts:
        facts["probabilities_key"] += ".0"
    return facts


def _answer_keys(properties: Mapping[str, Any]) -> dict[str, str]:
    """Where an answer has what, by the usual names of its properties."""
    named = {"prediction_key": _PREDICTIONS, "probabilities_key": _PROBABILITIES, "version_key": _VERSIONS,
             "request_id_key": _IDS}  # fmt: skip
    found_names = {field: _first(properties, names) for field, names in named.items()}
    return {field: name for field, name in found_names.items() if name is not None}


def _ok_schema(openapi: OpenAPI | None, path: str) -> Mapping[str, Any] | None:
    return None if openapi is None else openapi.response_schema("POST", path, 200)


def _properties(openapi: OpenAPI, schema: object) -> Mapping[str, Any]:
    for option in _options(openapi, schema):
        if isinstance(option.get("properties"), Mapping):
            return dict(option["properties"])
    return {}


def _options(openapi: OpenAPI, schema: object, depth: int = 0) -> list[Mapping[str, Any]]:
    """A schema's alternatives, references followed: itself, or what anyOf, oneOf and allOf hold."""
    node = openapi.resolved(schema)
    options = [node] if node else []
    if depth < 4:
        for word in ("anyOf", "oneOf", "allOf"):
            inner = node.get(word)
            for one in inner[:20] if isinstance(inner, list) else []:
                options += _options(openapi, one, depth + 1)
    return options[:200]


def _is_array(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "array" or (isinstance(kind, list) and "array" in kind) or "prefixItems" in schema


def _first(mapping: Mapping[str, Any], names: Sequence[str]) -> str | None:
    lowered = {str(key).lower(): str(key) for key in mapping}
    return next((lowered[name] for name in names if name in lowered), None)


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


def _into(name: str, value: object) -> str:
    """The path of the first prediction: inside the value where that is a list, or an object with a usual name."""
    parts = [name] if name else []
    while True:
        if isinstance(value, list) and value:
            parts, value = [*parts, "0"], value[0]
            if not isinstance(value, Mapping):
                break
        elif isinstance(value, Mapping) and (inner := _first(value, _PREDICTIONS)) is not None:
            parts, value = [*parts, inner], value[inner]
        else:
            break
    return ".".join(parts)
