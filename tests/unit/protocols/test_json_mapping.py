"""Rows to bodies and answers to predictions, for the layouts that servers really have."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from pytest_mlready.protocols.json_mapping import Answer, BadAnswer, JsonMapping, Row
from pytest_mlready.records import Exchange

ROW: Row = {"age": 41.5, "city": "Bonn", "income": None}
VALUES = [41.5, "Bonn", None]

REFERENCE = JsonMapping(batch_path="/predict/batch", probabilities_key="probabilities", version_key="model_version")
BARE = JsonMapping(row_key=None, row_shape="object")
NESTED = JsonMapping("/invocations", row_key="instances", nested=True, prediction_key="predictions.0")
BARE_LIST = JsonMapping(row_key=None, nested=True, prediction_key="predict.0")
RECORDS = JsonMapping(row_key="dataframe_records", row_shape="object", nested=True, prediction_key="predictions.0")
BODIES = JsonMapping(batch_path="/batch", batch_key="requests", batch_items="bodies")


@pytest.mark.parametrize(
    ("mapping", "one", "several"),
    [
        (REFERENCE, {"features": VALUES}, {"instances": [VALUES, VALUES]}),
        (BARE, dict(ROW), None),
        (NESTED, {"instances": [VALUES]}, {"instances": [VALUES, VALUES]}),
        (BARE_LIST, [VALUES], [VALUES, VALUES]),
        (RECORDS, {"dataframe_records": [dict(ROW)]}, {"dataframe_records": [dict(ROW), dict(ROW)]}),
        (BODIES, {"features": VALUES}, {"requests": [{"features": VALUES}, {"features": VALUES}]}),
    ],
)
def test_bodies(mapping: JsonMapping, one: Any, several: Any) -> None:
    assert json.loads(mapping.encode_row(ROW)) == one
    if several is None:
        assert mapping.batch_route is None
        with pytest.raises(ValueError, match="declare `batch`"):
            mapping.encode_batch([ROW, ROW])
    else:
        assert json.loads(mapping.encode_batch([ROW, ROW])) == several
        assert mapping.batch_of([mapping.batch_text(ROW)] * 2) == mapping.encode_batch([ROW, ROW])
        assert mapping.encode_batch([]) == mapping.encode_batch_values([])


def test_variants_keep_the_place_of_the_row() -> None:
    assert REFERENCE.encode_body([math.nan, math.inf, "x", None]) == b'{"features":[NaN,Infinity,"x",null]}'
    assert REFERENCE.encode_body("\ud800") == b'{"features":"\\ud800"}'
    assert NESTED.encode_body([]) == b'{"instances":[[]]}'
    assert REFERENCE.encode_row({"a": 1.0}, {"user_id": "u"}) == b'{"features":[1.0],"user_id":"u"}'
    assert BARE.encode_row({"a": 1.0}, {"user_id": "u"}) == b'{"a":1.0,"user_id":"u"}'
    with pytest.raises(ValueError, match="no place for user_id"):
        BARE_LIST.encode_row(ROW, {"user_id": "u"})


@pytest.mark.parametrize(
    ("mapping", "body", "answer"),
    [
        (
            REFERENCE,
            {"prediction": 1, "probabilities": [0.25, 0.75], "model_version": 2, "request_id": "r"},
            Answer(1, (0.25, 0.75), "2", "r"),
        ),
        (REFERENCE, {"prediction": "b", "probabilities": {"a": 0, "b": 1}}, Answer("b", {"a": 0.0, "b": 1.0})),
        (REFERENCE, {"prediction": 0.5, "probabilities": None}, Answer(0.5)),
        (NESTED, {"predictions": [3.5]}, Answer(3.5)),
        (NESTED, {"predictions": [[3.5]]}, Answer(3.5)),
        (JsonMapping(prediction_key="0"), [7], Answer(7)),
        (JsonMapping(prediction_key=""), 7, Answer(7)),
        (JsonMapping(prediction_key="data.out.1.y"), {"data": {"out": [0, {"y": 9}]}}, Answer(9)),
    ],
)
def test_answers(mapping: JsonMapping, body: Any, answer: Answer) -> None:
    assert mapping.decode_one(body) == answer


@pytest.mark.parametrize(
    ("mapping", "body", "message"),
    [
        (REFERENCE, {"output": 1, "id": 2}, r"no 'prediction' \(of 'prediction'\); its keys: output, id"),
        (REFERENCE, {}, "its keys: none"),
        (REFERENCE, [1], "there is list instead"),
        (REFERENCE, None, "there is NoneType instead"),
        (REFERENCE, {"prediction": None}, "is null"),
        (REFERENCE, {"prediction": 1, "probabilities": ["0.5"]}, "is str, not a number"),
        (REFERENCE, {"prediction": 1, "probabilities": [True]}, "is bool, not a number"),
        (REFERENCE, {"prediction": 1, "probabilities": [10**400]}, "beyond any float"),
        (NESTED, {"predictions": []}, "no item 0"),
    ],
)
def test_answers_without_a_prediction(mapping: JsonMapping, body: Any, message: str) -> None:
    with pytest.raises(BadAnswer, match=message):
        mapping.decode_one(body)


@pytest.mark.parametrize(
    ("mapping", "body", "answers"),
    [
        (
            REFERENCE,
            {"predictions": [0, 1], "model_version": "2", "request_id": "r"},
            [Answer(0, None, "2", "r"), Answer(1, None, "2", "r")],
        ),
        (
            REFERENCE,
            {"predictions": [0, 1], "probabilities": [[1, 0], [0, 1]]},
            [Answer(0, (1.0, 0.0)), Answer(1, (0.0, 1.0))],
        ),
        (
            REFERENCE,
            {"predictions": [{"prediction": 0, "probabilities": [1, 0]}, {"prediction": 1}], "model_version": "2"},
            [Answer(0, (1.0, 0.0), "2"), Answer(1, None, "2")],
        ),
        (
            replace(REFERENCE, request_id_key="id"),
            {"request_id": "r", "predictions": [{"id": "0", "prediction": 0}, {"id": "1", "prediction": 1}]},
            [Answer(0, None, None, "r"), Answer(1, None, None, "r")],
        ),
        (replace(REFERENCE, request_id_key="id"), {"predictions": [{"id": "0", "prediction": 0}]}, [Answer(0)]),
        (
            REFERENCE,
            {"predictions": [{"request_id": "a", "prediction": 0}, {"request_id": "b", "prediction": 1}]},
            [Answer(0, None, None, "a"), Answer(1, None, None, "b")],
        ),
        (NESTED, {"predictions": [[1], [2]]}, [Answer(1), Answer(2)]),
        (BARE_LIST, {"predict": [1, 2]}, [Answer(1), Answer(2)]),
        (
            JsonMapping(nested=True, prediction_key="out.0.label", probabilities_key="out.0.p"),
            {"out": [{"label": "a", "p": [1, 0]}, {"label": "b", "p": [0, 1]}]},
            [Answer("a", (1.0, 0.0)), Answer("b", (0.0, 1.0))],
        ),
    ],
)
def test_batches(mapping: JsonMapping, body: Any, answers: list[Answer]) -> None:
    assert mapping.decode_batch(body) == answers


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"predictions": 1}, "should be a list of predictions and is int"),
        ({"answers": []}, "its keys: answers"),
        ({"predictions": [1, None]}, "prediction 1 is null"),
    ],
)
def test_bad_batches(body: Any, message: str) -> None:
    with pytest.raises(BadAnswer, match=message):
        REFERENCE.decode_batch(body)


def test_the_version_may_come_in_a_header() -> None:
    mapping = JsonMapping(version_header="X-Model-Version", version_key="v")
    assert mapping.decode_one({"prediction": 1, "v": 3}, [("x-model-version", "4")]).version == "4"
    assert mapping.decode_one({"prediction": 1, "v": 3}).version == "3"


def test_exchanges() -> None:
    good = Exchange("row 3", "POST", "/predict", 200, body=b'{"prediction":1}')
    assert REFERENCE.answer(good) == Answer(1)
    with pytest.raises(BadAnswer, match="row 3: POST /predict answered 503"):
        REFERENCE.answer(Exchange("row 3", "POST", "/predict", 503))
    with pytest.raises(BadAnswer, match="row 3: POST /predict answered deadline"):
        REFERENCE.answers(Exchange("row 3", "POST", "/predict", None, failure="deadline"))
    with pytest.raises(BadAnswer, match="not strict JSON: NaN"):
        REFERENCE.answer(Exchange("row 3", "POST", "/predict", 200, body=b'{"prediction":NaN}'))


def test_description_is_reversible() -> None:
    assert JsonMapping(**json.loads(json.dumps(NESTED.describe()))) == NESTED
