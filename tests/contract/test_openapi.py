"""The document is valid, complete, and true of what is really answered."""

from __future__ import annotations

from typing import Any

import httpx
import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.contract.bad_inputs import BAD_BODIES, BAD_HEADERS, JSON, body

ROUTES = {
    ("get", "/health/live"),
    ("get", "/health/ready"),
    ("get", "/health"),
    ("get", "/model/info"),
    ("get", "/models"),
    ("get", "/models/{version}"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
    ("post", "/predict"),
    ("post", "/predict/batch"),
    ("get", "/feedback"),
    ("post", "/feedback"),
    ("get", "/v2"),
    ("get", "/v2/health/live"),
    ("get", "/v2/health/ready"),
    ("get", "/v2/models/{name}"),
    ("get", "/v2/models/{name}/ready"),
    ("post", "/v2/models/{name}/infer"),
    ("get", "/v2/models/{name}/versions/{version}"),
    ("get", "/v2/models/{name}/versions/{version}/ready"),
    ("post", "/v2/models/{name}/versions/{version}/infer"),
    ("get", "/deployments"),
    ("post", "/deployments"),
    ("post", "/deployments/rollback"),
    ("get", "/drift"),
    ("get", "/experiments"),
    ("get", "/experiments/{name}"),
    ("put", "/experiments/{name}"),
    ("get", "/experiments/{name}/assignment"),
}


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def schema_of(document: dict[str, Any], method: str, path: str, answer: httpx.Response) -> dict[str, Any]:
    """The schema of an answer, which must be documented with its status and media type."""
    responses = document["paths"][path][method]["responses"]
    assert str(answer.status_code) in responses, (path, answer.status_code)
    content = responses[str(answer.status_code)]["content"]
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in content, (path, media_type)
    return {**content[media_type]["schema"], "components": document["components"]}


def conforms(document: dict[str, Any], method: str, path: str, answer: httpx.Response) -> None:
    jsonschema.Draft202012Validator(schema_of(document, method, path, answer)).validate(answer.json())


def test_it_is_valid_and_complete(document: dict[str, Any]) -> None:
    assert not list(OpenAPIV31SpecValidator(document).iter_errors())
    assert {(method, path) for path, item in document["paths"].items() for method in item} == ROUTES


def test_every_route_answers_as_documented(client: httpx.Client, document: dict[str, Any], row: list[float]) -> None:
    for method, path in sorted(ROUTES - {("get", "/metrics")}):
        if method == "get":
            conforms(document, method, path, client.get(path.format(name="breast-cancer", version="2.0.0")))
    conforms(document, "get", "/models/{version}", client.get("/models/9.9.9"))
    schema_of(document, "get", "/metrics", client.get("/metrics"))
    conforms(document, "post", "/predict", client.post("/predict", json={"features": row}))
    conforms(document, "post", "/predict/batch", client.post("/predict/batch", json={"instances": [row, row]}))
    conforms(document, "post", "/predict", client.get("/predict"))


def test_examples_are_answered_and_fit_their_schema(client: httpx.Client, document: dict[str, Any]) -> None:
    for path in ("/predict", "/predict/batch"):
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        schema = {**content["schema"], "components": document["components"]}
        assert len(content["examples"]) == 2
        for example in content["examples"].values():
            jsonschema.Draft202012Validator(schema).validate(example["value"])
            answer = client.post(path, json=example["value"])
            assert answer.status_code == 200
        shown = document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["example"]
        answered = {**client.post(path, json=content["examples"]["array" + "s" * (path != "/predict")]["value"]).json()}
        assert {**answered, "request_id": shown["request_id"]} == shown


def test_refusals_are_as_documented(client: httpx.Client, document: dict[str, Any]) -> None:
    seen = set()
    for content, _, _ in BAD_BODIES.values():
        answer = client.post("/predict", content=content, headers=JSON)
        conforms(document, "post", "/predict", answer)
        seen.add(answer.status_code)
    for headers, _ in BAD_HEADERS.values():
        answer = client.post("/predict", content=body(features=[1]), headers=headers)
        conforms(document, "post", "/predict", answer)
        seen.add(answer.status_code)
    assert seen == {400, 404, 415, 422}


def test_the_schema_refuses_what_the_server_refuses(document: dict[str, Any], row: list[float]) -> None:
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    validator = jsonschema.Draft202012Validator({**content["schema"], "components": document["components"]})
    assert validator.is_valid({"features": row, "user_id": 7})
    for bad in (
        {},
        {"features": row[1:]},
        {"features": [*row, 1.0]},
        {"features": [*row[1:], "1"]},
        {"features": [*row[1:], True]},
        {"features": [*row[1:], 1e13]},
        {"features": {"mean radius": 1.0}},
        {"features": row, "colour": "red"},
        {"features": row, "user_id": ""},
        {"features": row, "user_id": None},
        {"features": row, "user_id": 1.5},
        {"features": row, "user_id": 1 << 63},
    ):
        assert not validator.is_valid(bad), bad
