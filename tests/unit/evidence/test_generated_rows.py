"""Generated rows: of full length, of their columns' types, seeded, and with several odd values at a time."""

from __future__ import annotations

import random

from pytest_mlready.evidence.generated_rows import COLUMNS, MANY, generated, odd_values
from pytest_mlready.records import Row

ROWS: tuple[Row, ...] = tuple(
    {"real": at / 4, "whole": at, "kind": "ab"[at % 2], **{f"x{more}": at + 0.5 for more in range(20)}}
    for at in range(20)
)


def test_the_same_seed_makes_the_same_rows() -> None:
    made = [list(generated(ROWS, {}, random.Random(seed))) for seed in (7, 7, 8)]
    assert made[0] == made[1] != made[2]


def test_single_odd_values_come_first_then_many_at_once() -> None:
    made = list(generated(ROWS, {}, random.Random(7)))
    singles = [one for one in made[:-MANY] if len(one) == 1]
    assert len({name for one in singles for name in one}) == COLUMNS
    assert all(len(one) <= 1 for one in made[: len(singles)])
    assert max(len(one) for one in made[-MANY:]) > 3
    everywhere = [one for one in made if len(one) == 22]
    assert {value for one in everywhere for value in one.values()} >= {-1, 0}


def test_values_keep_their_columns_type() -> None:
    for edits in generated(ROWS, {}, random.Random(7)):
        for name, value in edits.items():
            assert isinstance(value, str if name == "kind" else int if name == "whole" else float), (name, value)


def test_limits_are_the_declared_ones_before_those_of_the_samples() -> None:
    assert odd_values(ROWS, "real", (None, None))[:2] == [0.0, 4.75]
    assert odd_values(ROWS, "real", (-9.0, 9.0))[:2] == [-9.0, 9.0]
    assert odd_values(ROWS, "whole", (1.0, 6.0))[:2] == [1, 6]
    assert odd_values(ROWS, "kind", (None, None))[:2] == ["a", "b"]
