"""Finding out how to speak to a service: from its document, from convention, from what was declared."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlready.protocols.answer_keys import learned
from pytest_mlready.protocols.declared import BadDeclaration
from pytest_mlready.protocols.detect import DetectError, detect, takes_names
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.protocols.paths import ROLES, BadPath, candidates, locate

NUMBERS = {"type": "array", "items": {"type": "number"}}
NAMES = ["age", "income"]


def thing(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def api(*, components: Any = None, **posts: tuple[Any, Any]) -> OpenAPI:
    """A document with POST routes (`__` for a slash), each a pair of request and response schema."""

    def body(schema: Any) -> dict[str, Any]:
        return {} if schema is None else {"content": {"application/json": {"schema": schema}}}

    paths = {
        "/" + name.replace("__", "/"): {"post": {"requestBody": body(asked), "responses": {"200": body(told)}}}
        for name, (asked, told) in posts.items()
    }
    return OpenAPI.parse({"openapi": "3.1.0", "paths": paths, "components": {"schemas": components or {}}})


ANSWER = thing(prediction={}, probabilities=NUMBERS, model_version={}, request_id={})
ROW = {"anyOf": [NUMBERS, {"type": "object", "additionalProperties": {"type": "number"}}]}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            api(
                deployments=(thing(version={}), None),
                predict__batch=(thing(instances={"type": "array", "items": ROW}), thing(predictions={"type": "array"})),
                predict=({"$ref": "#/components/schemas/Row"}, {"$ref": "#/components/schemas/Answer"}),
                components={"Row": thing(features=ROW, user_id={}), "Answer": ANSWER},
            ),
            JsonMapping("/predict", "/predict/batch", probabilities_key="probabilities", version_key="model_version"),
        ),
        (
            api(score=(thing(age={}, income={}), thing(score={}))),
            JsonMapping("/score", row_key=None, row_shape="object", prediction_key="score"),
        ),
        (
            api(anything=(thing(data=thing()), thing(result={}))),
            JsonMapping("/anything", row_key="data", row_shape="object", prediction_key="result"),
        ),
        (
            api(infer=(thing(instances={"type": "array", "items": NUMBERS}), thing(predictions=NUMBERS))),
            JsonMapping("/infer", row_key="instances", nested=True, prediction_key="predictions.0"),
        ),
        (
            api(predict=({"type": "array", "items": NUMBERS}, thing(predict=NUMBERS))),
            JsonMapping("/predict", row_key=None, nested=True, prediction_key="predict.0"),
        ),
        (
            api(predict=(NUMBERS, thing(label={}, id={}))),
            JsonMapping("/predict", row_key=None, prediction_key="label", request_id_key="id"),
        ),
        (
            api(predict=(thing(vector=NUMBERS, note={"type": "string"}), {"type": "array"})),
            JsonMapping("/predict", row_key="vector", prediction_key="0"),
        ),
        (
            api(invocations=(None, None)),
            JsonMapping("/invocations", row_key="instances", nested=True, prediction_key="predictions.0"),
        ),
        (
            api(
                predict=(thing(features=NUMBERS), ANSWER),
                predict_bulk=(thing(items={"type": "array", "items": thing(features=NUMBERS)}), {"type": "array"}),
            ),
            JsonMapping(
                "/predict",
                "/predict_bulk",
                batch_key="items",
                batch_items="bodies",
                batch_prediction_key="",
                probabilities_key="probabilities",
                version_key="model_version",
            ),
        ),
    ],
)
def test_documents(document: OpenAPI, expected: JsonMapping) -> None:
    assert detect(document, {}, NAMES) == expected


@pytest.mark.parametrize(
    ("row", "taken"),
    [
        ({"anyOf": [NUMBERS, thing(age={}, income={}, city={})]}, True),
        ({"anyOf": [NUMBERS, thing(age={})]}, False),
        (ROW, False),
        (NUMBERS, False),
    ],
)
def test_an_array_that_may_be_an_object_with_the_names(row: object, taken: bool) -> None:
    document = api(predict=(thing(features=row), ANSWER))
    mapping = detect(document, {}, NAMES)
    assert mapping.row_shape == "array"
    assert takes_names(document, mapping, NAMES) is taken
    assert not takes_names(None, mapping, NAMES)


def test_declared_values_win() -> None:
    document = api(predict=(thing(features=NUMBERS), ANSWER), other=(thing(x=NUMBERS), None))
    declared = {"predict": "/other", "row": "", "shape": "object", "prediction": "a.b", "version": "", "batch": ""}
    mapping = detect(document, declared, NAMES)
    assert mapping == JsonMapping("/other", row_key=None, row_shape="object", prediction_key="a.b", version_key=None)


def test_without_a_document_a_declaration_is_enough() -> None:
    assert detect(None, {"predict": "/p", "row": "x"}, []) == JsonMapping("/p", row_key="x")


@pytest.mark.parametrize(
    ("document", "declared", "messages"),
    [
        (None, {}, ["publishes no OpenAPI document", 'predict = "/predict"', 'row = "features"']),
        (None, {"row": "x"}, ['predict = "/predict"']),
        (None, {"predict": "/p"}, ["where a row goes in the body of /p is not known", 'row = "features"']),
        (api(a=(None, None), b=(None, None)), {}, ["which route predicts is not known", "[service.json]"]),
        (api(predict=(thing(a={}, b={}), None)), {}, ["where a row goes in the body of /predict"]),
    ],
)
def test_what_could_not_be_found_out_is_listed(
    document: OpenAPI | None, declared: dict[str, object], messages: list[str]
) -> None:
    with pytest.raises(DetectError) as caught:
        detect(document, declared, NAMES)
    for message in messages:
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"predcit": "/p"}, "no key 'predcit'; there are predict, batch"),
        ({"shape": "list"}, "allowed are array, object"),
        ({"nested": "yes"}, "should be a boolean"),
        ({"predict": 3}, "should be a string"),
    ],
)
def test_bad_declarations(declared: dict[str, object], message: str) -> None:
    with pytest.raises(BadDeclaration, match=message):
        detect(None, declared, [])


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"output": 1}, "output"),
        ({"predictions": [1]}, "predictions.0"),
        ([5], "0"),
        (5, ""),
        ({"odd": 1}, "prediction"),
    ],
)
def test_a_first_answer_teaches_where_the_prediction_is(body: Any, key: str) -> None:
    assert learned(JsonMapping(), body).prediction_key == key
    assert learned(JsonMapping(), body, {"prediction": "prediction"}).prediction_key == "prediction"


def test_a_first_answer_teaches_the_rest() -> None:
    mapping = learned(JsonMapping(), {"prediction": 1, "proba": [1], "version": "3", "id": 4})
    assert (mapping.probabilities_key, mapping.version_key, mapping.request_id_key) == ("proba", "version", "id")


@pytest.mark.parametrize(
    ("item", "envelope", "key"),
    [({"id": "0"}, {}, "request_id"), ({"id": "0"}, {"id": "r"}, "id"), ({"request_id": "r"}, {}, "rows.0.request_id")],
)
def test_the_id_of_a_row_is_none_of_a_request(item: dict[str, str], envelope: dict[str, str], key: str) -> None:
    facts = JsonMapping(nested=True, prediction_key="rows.0.label")
    assert learned(facts, {"rows": [{"label": 1, **item}], **envelope}).request_id_key == key
    documented = thing(results={"type": "array", "items": thing(label={}, **item)}, **envelope)
    found = detect(api(predict=(thing(instances={"type": "array", "items": NUMBERS}), documented)), {}, [])
    assert found.request_id_key == key.replace("rows", "results")


def test_chances_that_lie_row_by_row_are_read_row_by_row() -> None:
    body = {"outputs": [3], "probabilities": [[0.2, 0.8]]}
    mapping = learned(JsonMapping(nested=True), body)
    assert mapping.probabilities_key == "probabilities.0"
    two = {"outputs": [3, 4], "probabilities": [[0.2, 0.8], [0.6, 0.4]]}
    assert [one.probabilities for one in mapping.decode_batch(two)] == [(0.2, 0.8), (0.6, 0.4)]


def test_a_batch_that_is_a_bare_list_may_be_answered_by_one() -> None:
    body = thing(features=NUMBERS)
    batch = ({"type": "array", "items": body}, {"type": "array", "items": ANSWER})
    mapping = detect(api(**{"predict": (body, ANSWER), "predict-batch": batch}), {}, [])
    assert (mapping.batch_key, mapping.batch_items, mapping.batch_prediction_key) == (None, "bodies", "")


def test_roles_have_candidates_and_declared_paths_win() -> None:
    for role in ROLES:
        assert all(path.startswith("/") for path in candidates(role, {}))
        assert list(candidates(role, {role: "/mine"})) == ["/mine"]
    assert locate("ready", {}, lambda path: path == "/readyz") == "/readyz"
    assert locate("ready", {"ready": "/mine"}, lambda path: False) == "/mine"
    assert locate("ready", {}, lambda path: False) is None


def test_documented_paths_are_tried_first() -> None:
    document = OpenAPI.parse({"openapi": "3.1.0", "paths": {"/ping": {"get": {}}}})
    assert next(candidates("ready", {}, document)) == "/ping"


@pytest.mark.parametrize("declared", [{"redy": "/x"}, {"ready": "x"}])
def test_bad_paths(declared: dict[str, str]) -> None:
    with pytest.raises(BadPath):
        list(candidates("ready", declared))
