"""Reading what a target publishes: right on honest documents, unimpressed by the others."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from pytest_mlready.protocols.bounds import BadDocument
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.protocols.schemas import schema_errors
from pytest_mlready.protocols.specification import problems

NUMBER = {"type": "number"}
VERSION = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}


def document(version: str = "3.1.0", **parts: Any) -> dict[str, Any]:
    return {"openapi": version, "info": {"title": "t", "version": "1"}, "paths": {}, **parts}


def json_body(schema: Any, **more: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema, **more}}}


PREDICT = document(
    paths={
        "/predict": {
            "parameters": [],
            "post": {
                "requestBody": json_body({"$ref": "#/components/schemas/Row"}, example={"features": [1]}),
                "responses": {
                    "200": {"description": "", **json_body({"$ref": "#/components/schemas/Answer"})},
                    "4XX": {"$ref": "#/components/responses/Problem"},
                },
            },
        },
        "/models/{version}": {
            "parameters": [VERSION],
            "get": {"responses": {"default": {"description": "", **json_body(NUMBER)}}},
        },
        "/models/latest": {"get": {"responses": {"200": {"description": "", **json_body({"type": "string"})}}}},
    },
    components={
        "schemas": {
            "Row": {
                "type": "object",
                "required": ["features"],
                "properties": {"features": {"$ref": "#/components/schemas/Cells"}},
                "examples": [{"features": [2]}],
            },
            "Cells": {"type": "array", "items": NUMBER},
            "Answer": {"type": "object", "required": ["prediction"], "properties": {"prediction": NUMBER}},
        },
        "responses": {"Problem": {"description": "", "content": {"application/problem+json": {"schema": NUMBER}}}},
    },
)


def test_routes_and_what_they_hold() -> None:
    api = OpenAPI.parse(PREDICT)
    assert api.routes == [("POST", "/predict"), ("GET", "/models/{version}"), ("GET", "/models/latest")]
    assert api.media_types("POST", "/predict") == ["application/json"]
    assert api.media_types("POST", "/predict", 422) == ["application/problem+json"]
    assert api.examples("POST", "/predict") == [{"features": [1]}, {"features": [2]}]
    assert api.statuses("POST", "/predict") == ["200", "4XX"]
    assert [api.documents_status("POST", "/predict", status) for status in (200, 422, 500)] == [True, True, False]
    assert api.documents("post", "/predict")
    assert not api.documents("GET", "/predict")


def test_schemas_carry_what_they_refer_to() -> None:
    api = OpenAPI.parse(PREDICT)
    request = api.request_schema("POST", "/predict")
    assert request is not None
    assert schema_errors(request, {"features": [1.5]}) == []
    assert schema_errors(request, {"features": ["x"]}) == ["features/0: 'x' is not of type 'number'"]
    response = api.response_schema("POST", "/predict", 200)
    assert response is not None
    assert schema_errors(response, {}) == ["body: 'prediction' is a required property"]
    assert api.response_schema("POST", "/predict", 500) is None
    assert api.request_schema("GET", "/models/latest") is None


def test_requested_paths_find_their_template_and_literal_ones_come_first() -> None:
    api = OpenAPI.parse(PREDICT)
    for path, kind in (("/models/2", "number"), ("/models/latest", "string")):
        schema = api.response_schema("GET", path, 200)
        assert schema is not None
        assert schema["type"] == kind
    assert api.response_schema("GET", "/models/2/x", 200) is None


def test_3_0_words_become_those_of_json_schema() -> None:
    schema = {"type": "number", "minimum": 0, "exclusiveMinimum": True, "nullable": True}
    paths = {"/p": {"post": {"requestBody": json_body(schema), "responses": {}}}}
    whole = OpenAPI.parse(document("3.0.3", paths=paths)).request_schema("POST", "/p")
    assert whole is not None
    assert [bool(schema_errors(whole, value)) for value in (None, 1, 0, "x")] == [False, False, True, True]


def test_an_honest_document_has_no_problems() -> None:
    assert problems(OpenAPI.parse(PREDICT)) == []


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"info": {}}, 'info: "title" is a required property'),
        ({"paths": {"/p": {"get": {"responses": {"200": {}}}}}}, "description"),
        ({"components": {"schemas": {"A": {"$ref": "http://127.0.0.1:9/x"}}}}, "leads outside the document"),
        ({"components": {"schemas": {"A": {"$ref": "file:///etc/passwd"}}}}, "leads outside the document"),
    ],
)
def test_problems_are_told(parts: dict[str, Any], problem: str) -> None:
    assert any(problem in one for one in problems(OpenAPI.parse(document(**parts))))


DISCRIMINATED = {"discriminator": {"propertyName": "kind"}, "oneOf": [NUMBER]}


@pytest.mark.parametrize("beside", [{}, {"Other": DISCRIMINATED}], ids=["plain", "with a word of OpenAPI's own"])
@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "nonsense"}, "nonsense"),
        ({"properties": {"a": {"items": {"minimum": "x"}}}}, "'x' is not of type 'number'"),
        ({"type": "string", "pattern": "("}, "'(' is not a 'regex'"),
        ({"allOf": [NUMBER, {"required": ["a", "a"]}]}, "non-unique"),
        ({"type": "object", "required": ["a"], "allOf": [{"properties": {"b": NUMBER}}]}, "not defined properties"),
        ({"type": "number", "default": "x"}, "'x' is not of type 'number'"),
    ],
)
def test_a_bad_schema_is_told_of_as_the_validator_does(
    schema: dict[str, Any], problem: str, beside: dict[str, Any]
) -> None:
    whole = document(components={"schemas": {"A": schema, **beside}})
    found = problems(OpenAPI.parse(whole))
    assert any(problem in one for one in found), found
    assert [one.partition(": ")[2] for one in found] == [
        str(error.message) for error in OpenAPIV31SpecValidator(whole).iter_errors()
    ]


def deep(levels: int) -> Any:
    node: Any = {}
    for _ in range(levels):
        node = {"a": node}
    return node


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "is an object, not list"),
        (None, "is an object"),
        ({"swagger": "2.0"}, "must be a 3.x version"),
        ({"openapi": 3.1}, "must be a 3.x version"),
        ({"openapi": "3.1.0", "paths": []}, "`paths` must be an object"),
        ({"openapi": "3.1.0", "x": deep(5000)}, "nested more than 100 deep"),
        ({"openapi": "3.1.0", "x": [0] * 300_000}, "more than 200000 values"),
    ],
)
def test_what_is_no_document_is_refused(content: Any, message: str) -> None:
    with pytest.raises(BadDocument, match=message):
        OpenAPI.parse(content)


CIRCLE = {"$ref": "#/components/schemas/A"}
ODD = [
    {"paths": {"/p": None, "/q": [], "/r": {"get": 1, "post": {"requestBody": 1, "responses": []}}}},
    {"paths": {"/r": {"post": {"requestBody": {"content": []}, "responses": {"200": 1, 200: None}}}}},
    {"paths": {"/r": {"$ref": "#/paths/~1r"}}},
    {"paths": {"/r": {"post": {"requestBody": json_body(CIRCLE)}}}, "components": {"schemas": {"A": CIRCLE}}},
    {"paths": {"/r": {"post": {"requestBody": json_body({"$ref": "#/nowhere"})}}}, "components": 7},
    {"paths": {"/r": {"post": {"requestBody": json_body({"$ref": "http://127.0.0.1:9/x"}, examples=3)}}}},
    {"paths": {"/r": {"post": {"requestBody": json_body({"type": ["x"], "pattern": "("})}}}},
    {"paths": {"/r": {"post": {"requestBody": json_body({"$ref": 5, "examples": 3}, examples={"a": 1})}}}},
]


@pytest.mark.parametrize("parts", ODD)
@pytest.mark.parametrize("version", ["3.0.0", "3.1.0"])
def test_odd_documents_raise_nothing(parts: dict[str, Any], version: str) -> None:
    api = OpenAPI.parse(document(version, **parts))
    for method, path in [*api.routes, ("POST", "/r")]:
        for schema in (api.request_schema(method, path), api.response_schema(method, path, 200)):
            if schema is not None:
                schema_errors(schema, "x")
        api.examples(method, path)
        api.media_types(method, path, 200)
        api.documents_status(method, path, 200)
    assert isinstance(problems(api), list)


def doubling(levels: int) -> dict[str, Any]:
    """Two references a level: small to send, and 2 ** levels to visit."""
    schemas: dict[str, Any] = {
        f"A{level}": {"allOf": [{"$ref": f"#/components/schemas/A{level + 1}"}] * 2} for level in range(levels)
    }
    return {"schemas": {**schemas, f"A{levels}": NUMBER}}


def test_doubling_schemas_take_no_time() -> None:
    paths = {"/p": {"post": {"requestBody": json_body({"$ref": "#/components/schemas/A0"}), "responses": {}}}}
    api = OpenAPI.parse(document(paths=paths, components=doubling(40)))
    began = time.monotonic()
    assert problems(api) == ["its schemas combine one another too often for it to be validated"]
    schema = api.request_schema("POST", "/p")
    assert schema is not None
    assert "TooEntangled" in schema_errors(schema, 1)[0]
    assert time.monotonic() - began < 10


def test_exponential_patterns_take_no_time() -> None:
    began = time.monotonic()
    for pattern in ("^(a+)+$", "^(a|a)*$", "^(a*){9}$", "^((a+))+$", "^(?:(b)|(a+))+$"):
        assert schema_errors({"pattern": pattern}, "a" * 40 + "!") == []
    assert schema_errors({"pattern": "^(a+)+$"}, "aa!") == ["body: 'aa!' does not match '^(a+)+$'"]
    assert "cannot be applied" in schema_errors({"pattern": "(" * 3000 + ")" * 3000}, "a")[0]
    for plain in ("^a+$", r"^\(a+\)+$", "^(ab)+$", "(b|c)$"):
        assert schema_errors({"pattern": plain}, "a" * 40 + "!")
    assert time.monotonic() - began < 5


def test_references_to_elsewhere_are_not_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        reference = f"http://127.0.0.1:{listener.getsockname()[1]}/schema.json"
        fetching: list[str] = []
        asking = threading.Thread(target=lambda: fetching.extend(schema_errors({"$ref": reference}, 1)))
        asking.start()
        with pytest.raises(TimeoutError):
            listener.accept()
        asking.join(5)
    assert "cannot be applied" in fetching[0]


@pytest.mark.parametrize(
    ("value", "conforms"),
    [
        ("2026-11-21T05:32:38+00:00", True),
        ("2026-11-21T05:32:38.25Z", True),
        ("2026-11-21T05:32:38", False),
        ("2026-11-21", False),
        (7, True),
    ],
)
def test_a_time_needs_its_zone_where_times_are_looked_at(value: object, conforms: bool) -> None:
    schema = {"format": "date-time"}
    assert schema_errors(schema, value) == []
    assert (schema_errors(schema, value, times=True) == []) is conforms
