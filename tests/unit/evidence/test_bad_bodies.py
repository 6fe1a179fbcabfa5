"""Every bad body is a valid row of full length with one thing wrong."""

from __future__ import annotations

import json

import pytest

from pytest_mlready.evidence.bad_bodies import Bad, bad_bodies
from pytest_mlready.evidence.limits import _batch
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import Row

ROWS = [{name: float(at) + 0.5 for at, name in enumerate("abcde")} for _ in range(3)]
ARRAY = JsonMapping(batch_path="/predict/batch")
OBJECT = JsonMapping(row_shape="object", batch_path="/batch", batch_items="bodies")
NESTED = JsonMapping(row_key="instances", nested=True, prediction_key="predictions.0")
BARE = JsonMapping(row_key=None, row_shape="object")
EACH = pytest.mark.parametrize("mapping", [ARRAY, OBJECT, NESTED, BARE], ids=["array", "object", "nested", "bare"])


@EACH
def test_every_group_is_there_and_no_body_is_the_good_one(mapping: JsonMapping) -> None:
    made = list(bad_bodies(mapping, ROWS))
    assert {"missing", "missing_value", "arity", "nonfinite", "nan", "coercion", "malformed"} <= {
        one.group for one in made
    }
    assert mapping.encode_row(ROWS[0]) not in [one.body for one in made]
    assert len({(one.case, one.batch) for one in made}) == len(made)
    assert any(one.batch for one in made) == (mapping.batch_route is not None)


@EACH
@pytest.mark.parametrize("group", ["nan", "nonfinite", "coercion"])
def test_bad_values_stand_in_rows_of_full_length(mapping: JsonMapping, group: str) -> None:
    for one in bad_bodies(mapping, ROWS):
        if one.group == group and not one.batch:
            assert row_of(mapping, one) == 5, one.case


def row_of(mapping: JsonMapping, bad: Bad) -> int:
    body = json.loads(bad.body)
    row = body if mapping.row_key is None else body[mapping.row_key]
    return len(row[0] if mapping.nested else row)


def test_text_rows_have_no_numbers_to_spoil() -> None:
    groups = {one.group for one in bad_bodies(ARRAY, [{"text": "a"}, {"text": "b"}, {"text": "c"}])}
    assert not {"nan", "nonfinite", "coercion"} & groups
    assert {"missing", "malformed"} <= groups


def test_no_column_of_true_and_false_is_taken_for_numbers() -> None:
    some: list[Row] = [{"owns": True, "age": 3, "rents": False}] * 3
    spoiled = {one.case.rpartition(" for ")[2] for one in bad_bodies(ARRAY, some) if one.group in {"nan", "coercion"}}
    assert spoiled == {"age", "age between good rows"}
    only = [{"owns": True, "rents": False}] * 3
    assert not {"nan", "nonfinite", "coercion"} & {one.group for one in bad_bodies(ARRAY, only)}


@EACH
def test_null_is_bad_only_where_no_sample_has_it(mapping: JsonMapping) -> None:
    some: list[Row] = [{"a": 1.0, "b": None, "c": "x"}, {"a": 2.0, "b": 3.0, "c": "y"}, {"a": 2.0, "b": 3.0, "c": None}]
    (missing,) = (one for one in bad_bodies(mapping, some) if one.group == "missing_value")
    assert missing.body == mapping.encode_row({**some[0], "a": None})
    absent = [one.body for one in bad_bodies(mapping, some) if one.group == "absent_feature"]
    assert absent == ([mapping.encode_row({"b": None, "c": "x"})] if mapping.row_shape == "object" else [])
    nowhere: list[Row] = [{"a": None}, {"a": 1.0}, {"a": 2.0}]
    assert not {"missing_value", "absent_feature"} & {one.group for one in bad_bodies(mapping, nowhere)}


@EACH
def test_what_the_document_lets_be_null_or_left_out_is_no_bad_body(mapping: JsonMapping) -> None:
    made = list(bad_bodies(mapping, ROWS, {"c"}, {"e"}))
    assert [one.case for one in made if one.group == "missing_value"] == ["null for d"]
    absent = [one.case for one in made if one.group == "absent_feature"]
    assert absent == (["no d"] if mapping.row_shape == "object" else [])
    every = set(ROWS[0])
    groups = {one.group for one in bad_bodies(mapping, ROWS, every, every)}
    assert not {"missing_value", "absent_feature"} & groups


@pytest.mark.parametrize("mapping", [ARRAY, OBJECT, NESTED], ids=["array", "object", "nested"])
@pytest.mark.parametrize("count", [2, 3, 1000, 20_000])
def test_a_big_batch_is_the_row_encoded_so_many_times(mapping: JsonMapping, count: int) -> None:
    assert json.loads(b"".join(_batch(mapping, ROWS[0], count))) == json.loads(mapping.encode_batch([ROWS[0]] * count))


def test_a_row_larger_than_a_piece_comes_as_often_as_any_other() -> None:
    row: Row = {**ROWS[0], next(iter(ROWS[0])): "x" * 300_000}
    assert json.loads(b"".join(_batch(OBJECT, row, 3))) == json.loads(OBJECT.encode_batch([row] * 3))
