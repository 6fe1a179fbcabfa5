"""Mixes of sample rows are valid, distinct rows between samples."""

from __future__ import annotations

import random

from pytest_mlready.evidence.mixed_rows import crossed_rows, mixed_rows, numeric_columns, outliers, spread, twins
from pytest_mlready.records import Row

ROWS: list[Row] = [
    {"size": float(at), "count": 10 * at, "colour": "red" if at % 2 else "blue", "gap": None} for at in range(5)
]


def test_mixes_lie_between_the_samples_and_keep_their_types() -> None:
    for row in mixed_rows(ROWS, 50, random.Random(7)):
        assert list(row) == list(ROWS[0])
        assert isinstance(row["size"], float)
        assert 0 <= row["size"] <= 4
        assert isinstance(row["count"], int)
        assert row["colour"] in {"red", "blue"}
        assert row["gap"] is None


def test_mixes_are_distinct_and_depend_on_the_seed_alone() -> None:
    first, second = (mixed_rows(ROWS, 50, random.Random(7)) for _ in range(2))
    assert first == second
    assert len({tuple(row.values()) for row in first}) == 50


def test_categories_alone_allow_few_mixes() -> None:
    rows = [{"colour": colour} for colour in ("red", "blue", "green")]
    assert len(mixed_rows(rows, 50, random.Random(7))) == 3


def test_crossed_rows_begin_like_one_sample_and_end_like_the_next() -> None:
    crossed = crossed_rows(ROWS, [0, 1, 3, 4], 2)
    assert crossed == [
        {"size": 0.0, "count": 0, "colour": "red", "gap": None},
        {"size": 3.0, "count": 30, "colour": "blue", "gap": None},
    ]
    assert crossed_rows(ROWS, [0, 2], 5) == []


def test_numeric_columns_are_those_with_numbers_only() -> None:
    assert numeric_columns(ROWS) == ["size", "count"]
    assert numeric_columns([{"a": 1, "b": "x"}, {"a": None, "b": 2.0}]) == []


def test_true_and_false_are_no_numbers() -> None:
    rows: list[Row] = [{"owns": at % 2 == 0, "flag": True, "size": float(at)} for at in range(6)]
    rng = random.Random(7)
    assert numeric_columns(rows) == ["size"]
    made = [*mixed_rows(rows, 30, rng), *crossed_rows(rows, [0, 1, 2], 2), *twins(rows), *outliers(rows, 4, rng)]
    assert {type(row["owns"]) for row in made} == {bool}
    assert {row["owns"] for row in made} == {True, False}
    assert numeric_columns([{"mixed": True}, {"mixed": 1}]) == []


def test_positions_are_spread_evenly() -> None:
    assert spread(3, 5) == [0, 1, 2]
    assert spread(100, 4) == [0, 25, 50, 75]
