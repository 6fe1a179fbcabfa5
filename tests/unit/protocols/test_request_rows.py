"""What a document says of rows: which columns may be null or left out, and how many rows a batch may have."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.protocols.request_rows import most_rows, nullable_columns, optional_columns

ARRAY = JsonMapping(batch_path="/batch")
OBJECT = JsonMapping(row_key=None, row_shape="object", batch_path="/batch")
NUMBER: dict[str, Any] = {"type": "number"}
OR_NULL = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]}


def document(schema: object, batch: object = None, version: str = "3.1.0") -> OpenAPI:
    paths = {
        path: {"post": {"requestBody": {"content": {"application/json": {"schema": one}}}}}
        for path, one in {"/predict": schema, "/batch": batch}.items()
        if one is not None
    }
    info, schemas = {"title": "t", "version": "1"}, {"cell": OR_NULL, "old": {"type": "number", "nullable": True}}
    return OpenAPI.parse({"openapi": version, "info": info, "paths": paths, "components": {"schemas": schemas}})


def named(**properties: object) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "mapping", "nullable"),
    [
        (named(a=OR_NULL, b=NUMBER), OBJECT, {"a"}),
        (named(a={"type": ["number", "null"]}, b={"enum": [1, None]}), OBJECT, {"a", "b"}),
        (named(a={"$ref": "#/components/schemas/cell"}, b={"$ref": "#/components/schemas/old"}), OBJECT, {"a", "b"}),
        (named(a={}, b={"enum": [1]}), OBJECT, set()),
        (named(features={"type": "array", "items": OR_NULL}), ARRAY, {"a", "b"}),
        (named(features={"type": "array", "items": NUMBER}), ARRAY, set()),
        (named(features={"prefixItems": [NUMBER, OR_NULL]}), ARRAY, {"b"}),
        (named(rows={"items": named(a=OR_NULL)}), JsonMapping(row_key="rows", nested=True, row_shape="object"), {"a"}),
        (named(features={"anyOf": [3]}), ARRAY, set()),
    ],
)
def test_columns_that_may_be_null(schema: object, mapping: JsonMapping, nullable: set[str]) -> None:
    assert nullable_columns(document(schema), mapping, ["a", "b"]) == nullable
    assert nullable_columns(None, mapping, ["a", "b"]) == set()


def test_nullable_is_a_word_of_older_documents() -> None:
    schema = named(a={"type": "number", "nullable": True}, b=NUMBER)
    assert nullable_columns(document(schema, version="3.0.3"), OBJECT, ["a", "b"]) == {"a"}


@pytest.mark.parametrize(
    ("schema", "optional"),
    [
        ({**named(a=NUMBER, b=NUMBER), "required": ["a"]}, {"b"}),
        ({**named(a=NUMBER, b=NUMBER), "required": ["a", "b"]}, set()),
        (named(a=NUMBER, b=NUMBER), set()),
        (named(a=NUMBER, b={**NUMBER, "default": None}), {"b"}),
        ({**named(a=NUMBER, b=NUMBER), "required": 3}, set()),
    ],
)
def test_columns_that_may_be_left_out(schema: object, optional: set[str]) -> None:
    assert optional_columns(document(schema), OBJECT, ["a", "b"]) == optional
    assert optional_columns(document(schema), ARRAY, ["a", "b"]) == set()
    assert optional_columns(None, OBJECT, ["a", "b"]) == set()


LIST = {"type": "array", "maxItems": 16}


@pytest.mark.parametrize(
    ("schema", "batch", "mapping", "most"),
    [
        (None, named(instances=LIST), ARRAY, 16),
        (None, named(instances={"anyOf": [{"type": "null"}, LIST]}), ARRAY, 16),
        (None, LIST, JsonMapping(batch_path="/batch", batch_key=None), 16),
        (None, named(instances={"type": "array"}), ARRAY, None),
        (None, named(instances={"maxItems": "16"}), ARRAY, None),
        (named(rows={**LIST, "items": {"maxItems": 30}}), None, JsonMapping(row_key="rows", nested=True), 16),
        (named(features={"maxItems": 30}), None, JsonMapping(), None),
    ],
)
def test_the_most_rows_of_a_batch(schema: object, batch: object, mapping: JsonMapping, most: int | None) -> None:
    assert most_rows(document(schema, batch), mapping) == most
    assert most_rows(None, mapping) is None
