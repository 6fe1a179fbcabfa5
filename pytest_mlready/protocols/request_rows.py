"""What an OpenAPI document says of the rows that a service takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.openapi import OpenAPI


def column_schemas(openapi: OpenAPI | None, mapping: JsonMapping, columns: Sequence[str]) -> dict[str, object]:
    """The schema of each column in the body of one row, None where the document has none."""
    if openapi is None:
        return dict.fromkeys(columns)
    row = _row(openapi, mapping)
    if mapping.row_shape == "object":
        return {name: _member(openapi, row, name) for name in columns}
    several = _said(openapi, row, "prefixItems")
    each = _said(openapi, row, "items")
    fixed = several if isinstance(several, list) else []
    return {name: fixed[at] if at < len(fixed) else each for at, name in enumerate(columns)}


def nullable_columns(openapi: OpenAPI | None, mapping: JsonMapping, columns: Sequence[str]) -> frozenset[str]:
    """The columns that may be null, where the document says so in so many words."""
    if openapi is None:
        return frozenset()
    schemas = column_schemas(openapi, mapping, columns)
    return frozenset(name for name, schema in schemas.items() if any(map(_takes_null, openapi.options(schema))))


def optional_columns(openapi: OpenAPI | None, mapping: JsonMapping, columns: Sequence[str]) -> frozenset[str]:
    """The columns that a row by name may leave out: they have a default, or others are required and they are not."""
    if openapi is None or mapping.row_shape != "object":
        return frozenset()
    required = {name for names in openapi.words(_row(openapi, mapping), "required") for name in _texts(names)}
    schemas = column_schemas(openapi, mapping, columns)
    return frozenset(
        name
        for name, schema in schemas.items()
        if name not in required and (required or any(True for _ in openapi.words(schema, "default")))
    )


def most_rows(openapi: OpenAPI | None, mapping: JsonMapping) -> int | None:
    """The most rows that a batch may have, None where the document names no number."""
    if openapi is None or mapping.batch_route is None:
        return None
    key = mapping.row_key if mapping.batch_path is None else mapping.batch_key
    body: object = openapi.request_schema("POST", mapping.batch_route)
    most = _said(openapi, _member(openapi, body, key) if key is not None else body, "maxItems")
    return most if isinstance(most, int) and most > 0 else None


def _row(openapi: OpenAPI, mapping: JsonMapping) -> object:
    held: object = openapi.request_schema("POST", mapping.predict_path)
    held = _member(openapi, held, mapping.row_key) if mapping.row_key is not None else held
    held = _said(openapi, held, "items") if mapping.nested else held
    return _member(openapi, held, mapping.item_key) if mapping.item_key is not None else held


def _said(openapi: OpenAPI, node: object, word: str) -> Any:
    return next(openapi.words(node, word), None)


def _member(openapi: OpenAPI, node: object, name: str) -> object:
    several = (one for one in openapi.words(node, "properties") if isinstance(one, Mapping))
    return next((one[name] for one in several if name in one), None)


def _takes_null(option: Mapping[str, Any]) -> bool:
    listed = option.get("enum")
    named = option.get("type")
    return (
        option.get("nullable") is True
        or named == "null"
        or (isinstance(named, list) and "null" in named)
        or (isinstance(listed, list) and None in listed)
        or ("const" in option and option["const"] is None)
    )


def _texts(names: object) -> Iterable[str]:
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
