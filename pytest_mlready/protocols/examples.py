"""Sample rows that a service publishes itself: the examples of its request bodies in its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_mlready.protocols.json_mapping import Cell, JsonMapping, Row
from pytest_mlready.protocols.openapi import OpenAPI

MOST_ROWS = 200
MOST_VALUES = 20
DEEPEST = 8


def example_rows(openapi: OpenAPI, mapping: JsonMapping) -> tuple[Row, ...]:
    """Distinct rows with the same columns, from the examples of the predict body and of the batch's; () if none.

    Values in an array have no names in a document: its columns are called x0, x1, … by position.
    """
    found: dict[tuple[Cell, ...], Row] = {}
    columns: list[str] | None = None
    for row in _rows(openapi, mapping):
        columns = columns or list(row)
        if row.keys() == set(columns) and len(found) < MOST_ROWS:
            found.setdefault(tuple(row[name] for name in columns), {name: row[name] for name in columns})
    return tuple(found.values())


def example_bodies(openapi: OpenAPI, path: str) -> list[Any]:
    """The examples of a route's JSON request body: whole ones, else put together from those of its parts."""
    return openapi.examples("POST", path) or _values(openapi, openapi.request_schema("POST", path), 0)


def _rows(openapi: OpenAPI, mapping: JsonMapping) -> Iterator[Row]:
    for body in example_bodies(openapi, mapping.predict_path):
        yield from _in_body(mapping, body)
    if mapping.batch_path is None:
        return
    for body in example_bodies(openapi, mapping.batch_path):
        held = body.get(mapping.batch_key) if mapping.batch_key is not None and isinstance(body, Mapping) else body
        for item in held if isinstance(held, list) else ():
            if mapping.batch_items == "bodies":
                yield from _in_body(mapping, item)
            else:
                yield from _row(mapping, item)


def _in_body(mapping: JsonMapping, body: Any) -> Iterator[Row]:
    if mapping.row_key is not None:
        body = body.get(mapping.row_key) if isinstance(body, Mapping) else None
    for item in (body if isinstance(body, list) else ()) if mapping.nested else (body,):
        inside = item.get(mapping.item_key) if mapping.item_key is not None and isinstance(item, Mapping) else item
        yield from _row(mapping, inside)


def _row(mapping: JsonMapping, item: Any) -> Iterator[Row]:
    if mapping.row_shape == "object" and isinstance(item, Mapping) and item and all(map(_is_cell, item.values())):
        yield {str(name): value for name, value in item.items()}
    if mapping.row_shape == "array" and isinstance(item, list) and item and all(map(_is_cell, item)):
        yield {f"x{at}": value for at, value in enumerate(item)}


def _is_cell(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _values(openapi: OpenAPI, schema: object, depth: int) -> list[Any]:
    """Values that a schema gives as its examples, itself or through its parts; [] where a required part has none."""
    node = openapi.resolved(schema)
    own = [node["example"]] if "example" in node else []
    listed = node.get("examples")
    own += listed if isinstance(listed, list) else []
    if own or depth > DEEPEST:
        return own[:MOST_VALUES]
    if "const" in node:
        return [node["const"]]
    for word in ("allOf", "anyOf", "oneOf"):
        inner = node.get(word)
        for one in inner[:MOST_VALUES] if isinstance(inner, list) else ():
            if made := _values(openapi, one, depth + 1):
                return made
    if isinstance(node.get("properties"), Mapping):
        return _objects(openapi, node, depth)
    if "items" in node or "prefixItems" in node:
        return _arrays(openapi, node, depth)
    choices = node.get("enum")
    return choices[:MOST_VALUES] if isinstance(choices, list) else [node["default"]] if "default" in node else []


def _objects(openapi: OpenAPI, node: Mapping[str, Any], depth: int) -> list[Any]:
    required = node.get("required")
    parts: dict[str, list[Any]] = {}
    for name, schema in list(node["properties"].items())[:500]:
        made = _values(openapi, schema, depth + 1)
        if made:
            parts[str(name)] = made
        elif isinstance(required, list) and name in required:
            return []
    count = max(map(len, parts.values()), default=0)
    return [{name: made[at % len(made)] for name, made in parts.items()} for at in range(count)]


def _arrays(openapi: OpenAPI, node: Mapping[str, Any], depth: int) -> list[Any]:
    """An array of its positions' examples; or of its items' where they are objects or arrays, so that each is a row."""
    fixed = node.get("prefixItems")
    if isinstance(fixed, list):
        several: Sequence[list[Any]] = [_values(openapi, one, depth + 1) for one in fixed[:500]]
        if not all(several) or not several:
            return []
        return [[made[at % len(made)] for made in several] for at in range(max(map(len, several)))]
    made = _values(openapi, node.get("items"), depth + 1)
    return [[one] for one in made if isinstance(one, list | Mapping)]
