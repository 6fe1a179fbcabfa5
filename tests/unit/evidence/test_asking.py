"""Whatever an answer holds, it becomes a record that can be stored."""

from __future__ import annotations

import msgspec
import pytest

from pytest_mlready.evidence.asking import decoded_batch, decoded_one
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import Answered, Prediction
from tests.unit.records_made import exchange

MAPPING = JsonMapping(batch_path="/predict/batch", probabilities_key="probabilities", version_key="model_version")


def stored(answered: Answered) -> Answered:
    return msgspec.json.decode(msgspec.json.encode(answered), type=Answered, strict=True)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"prediction":1}', Prediction(1)),
        (b'{"prediction":"a","model_version":2,"request_id":"x"}', Prediction("a", version="2", request_id="x")),
        (b'{"prediction":true,"probabilities":[0.5,0.5]}', Prediction(True, (0.5, 0.5))),
        (b'{"prediction":"b","probabilities":{"a":0.25,"b":0.75}}', Prediction("b", (0.25, 0.75), classes=("a", "b"))),
        (b'{"prediction":"\\ud800","model_version":"\\udfff"}', Prediction("?", version="?")),
        (b'{"prediction":[3.5]}', Prediction(3.5)),
    ],
)
def test_what_can_be_read(body: bytes, expected: Prediction) -> None:
    answered = stored(decoded_one(MAPPING, exchange(200, body), 4))
    assert (answered.only, answered.rows, answered.problem) == (expected, (4,), None)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"[[[1]]]", b"{}", b"\xff\xfe", b"<html>", b'{"prediction":null}',
        b'{"prediction":{"a":1}}',
        b'{"prediction":NaN}', b'{"prediction":1e999}', b'{"prediction":' + b"9" * 3000 + b"}",
        b'{"prediction":' + b"9" * 9000 + b"}", b"[" * 9000, b'{"prediction":1,"probabilities":["x"]}',
        b'{"\\ud800":1}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_problem(body: bytes) -> None:
    one = stored(decoded_one(MAPPING, exchange(200, body), 0))
    several = stored(decoded_batch(MAPPING, exchange(200, body), (0, 1)))
    assert (one.predictions, several.predictions) == ((), ())
    assert one.problem
    assert several.problem


def test_a_refusal_is_no_problem_of_form() -> None:
    for status in (422, 500, None):
        answered = decoded_one(MAPPING, exchange(status, b"<html>"), 0)
        assert (answered.predictions, answered.problem) == ((), None)


def test_a_batch_keeps_the_number_of_predictions_that_came() -> None:
    answered = decoded_batch(MAPPING, exchange(200, {"predictions": [1, 0, 1]}), (0, 1))
    assert [one.prediction for one in answered.predictions] == [1, 0, 1]
    assert answered.only is None


def test_a_version_at_the_usual_key_counts_where_no_schema_names_the_key() -> None:
    unmapped = JsonMapping()
    one = decoded_one(unmapped, exchange(200, b'{"prediction":1,"model_version":"2.0.0"}'), 0)
    assert one.only == Prediction(1, version="2.0.0")
    for body in (b"<html>", b"[1]", b"", b'{"prediction":1,"model_version":["2"]}'):
        answered = decoded_one(unmapped, exchange(200, body), 0)
        assert [prediction.version for prediction in answered.predictions] in ([], [None])
