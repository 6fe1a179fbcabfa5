"""Find out how a JSON service is to be spoken to, from its OpenAPI document and from what was declared."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_mlready.protocols.answer_keys import PREDICTIONS, answer_facts
from pytest_mlready.protocols.declared import checked
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.openapi import OpenAPI, first_of, is_array

_PREDICT = re.compile(r"predict|infer|score|invocations", re.IGNORECASE)
_BATCH = re.compile(r"batch|bulk", re.IGNORECASE)
_ROW_KEYS = ("features", "instances", "inputs", "input", "data", "rows", "row", "x", "values", "dataframe_records")
_BATCH_KEYS = ("instances", "inputs", "rows", "items", "batch", "data", "features")
_SCALARS = frozenset({"string", "number", "integer", "boolean", "null"})


class DetectError(ValueError):
    """The service's layout could not be found out; the message lists what to declare."""

    def __init__(self, missing: Sequence[tuple[str, str]]) -> None:
        self.missing = tuple(missing)
        lines = "\n".join(f"  {line}" for _, line in self.missing)
        reasons = "; ".join(reason for reason, _ in self.missing)
        super().__init__(f"{reasons}. Declare in mlready.toml:\n  [service.json]\n{lines}")


def detect(openapi: OpenAPI | None, declared: Mapping[str, object], feature_names: Sequence[str]) -> JsonMapping:
    """The mapping of a service; what is declared wins over what its document says, that over convention.

    Raises:
        DetectError: the predict route, or the place of the row in its body, could not be found out.
        BadDeclaration: `declared` has an unknown key or value.
    """
    given = checked(declared)
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
    facts |= answer_facts(_ok_schema(openapi, str(path)), openapi, nested=nested)
    return JsonMapping(**{**facts, **given})


def takes_names(openapi: OpenAPI | None, mapping: JsonMapping, names: Sequence[str]) -> bool:
    """Whether a row that the mapping writes as an array may also be an object with these names, by the document."""
    if openapi is None or mapping.row_shape != "array" or mapping.row_key is None or mapping.nested:
        return False
    for option in openapi.options(openapi.request_schema("POST", mapping.predict_path)):
        properties = option.get("properties")
        held = openapi.options(properties.get(mapping.row_key)) if isinstance(properties, Mapping) else []
        named = [one["properties"] for one in held if isinstance(one.get("properties"), Mapping)]
        if any(set(names) <= set(one) for one in named):
            return True
    return False


def _row_missing(path: str, why: str = "") -> tuple[str, str]:
    return (
        f"where a row goes in the body of {path} is not known{why}",
        'row = "features"     # "" if the body itself is the row',
    )


def _why_no_row(openapi: OpenAPI | None, path: str, names: Sequence[str]) -> str:
    """What stands in the way, where it can be told."""
    schema = None if openapi is None else openapi.request_schema("POST", path)
    properties = openapi.properties(schema) if openapi is not None else {}
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
    options = openapi.options(schema)
    for option in options:
        if is_array(option):
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
            arrays = [name for name in properties if any(map(is_array, openapi.options(properties[name])))]
            key = arrays[0] if len(arrays) == 1 else None
        if key is not None:
            return {"row_key": key, **_shape(openapi, properties[key], names)}
    return {}


def _shape(openapi: OpenAPI, schema: object, names: Sequence[str]) -> dict[str, Any]:
    """How a row lies at its key: array before object where both are allowed, for it needs no names."""
    options = openapi.options(schema)
    arrays = [option for option in options if is_array(option)]
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
    options = openapi.options(schema)
    kinds = {kind for one in options for kind in _kinds(one)}
    return bool(kinds) and kinds <= _SCALARS


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type", "string" if "enum" in schema else None)
    return [str(one) for one in kind] if isinstance(kind, list) else [str(kind)] if kind is not None else []


def _row_key(openapi: OpenAPI, properties: Mapping[str, Any]) -> str | None:
    """The property with a usual name that may hold a row, or rows: one that is a number or a text may not."""
    return first_of({name: one for name, one in properties.items() if not _is_scalar(openapi, one)}, _ROW_KEYS)


def _held(openapi: OpenAPI, array: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """An array's items: cells, so that it is a row; or arrays or objects, so that it is a list of rows.

    An object is a row, unless it holds one at a key with a usual name.
    """
    items = openapi.options(array.get("items"))
    if any(map(is_array, items)):
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
    for option in openapi.options(openapi.request_schema("POST", path)):
        if is_array(option):
            facts |= {"batch_key": None, **_items(openapi, option, names)}
            break
        properties = option.get("properties")
        key = first_of(properties, _BATCH_KEYS) if isinstance(properties, Mapping) else None
        if key is not None and isinstance(properties, Mapping):
            facts["batch_key"] = key
            for array in filter(is_array, openapi.options(properties[key])):
                facts |= _items(openapi, array, names)
    response = _ok_schema(openapi, path)
    properties = openapi.properties(response)
    listed = first_of(properties, ("predictions", "results", "outputs", "answers", *PREDICTIONS))
    if listed is not None:
        facts["batch_prediction_key"] = listed
    elif any(map(is_array, openapi.options(response))):
        facts["batch_prediction_key"] = ""
    return facts


def _items(openapi: OpenAPI, array: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    items = openapi.options(array.get("items"))
    if any(map(is_array, items)):
        return {"batch_items": "rows"}
    for item in items:
        properties = item.get("properties")
        named = isinstance(properties, Mapping) and bool(names) and set(names) <= set(properties)
        if isinstance(properties, Mapping) and not named and first_of(properties, _ROW_KEYS):
            return {"batch_items": "bodies"}
    return {"batch_items": "rows"}


def _ok_schema(openapi: OpenAPI | None, path: str) -> Mapping[str, Any] | None:
    return None if openapi is None else openapi.response_schema("POST", path, 200)
