"""Generated rows: of full length, of their columns' types, seeded, and with several odd values at a time."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from pytest_mlready.evidence.generated_rows import LOOKING, ROWS, TEXT, Answerable, Edits, column, generated
from pytest_mlready.records import Row

SAMPLES: tuple[Row, ...] = tuple(
    {"real": at / 4, "whole": at, "kind": "ab"[at % 2], "own": at % 3 == 0, **{f"x{n}": at + 0.5 for n in range(20)}}
    for at in range(20)
)
REALS: tuple[Row, ...] = tuple({f"x{n}": at - 9.5 for n in range(16)} for at in range(20))
SEEDS = range(20)
Accepts = Callable[[Row], bool]


def made(rows: Sequence[Row], accepts: Accepts, seed: int = 7) -> list[tuple[Row, Edits]]:
    """The rows that a service is asked, and their edits."""
    known = Answerable({name: column(rows, name) for name in rows[0]})
    asked: list[tuple[Row, Edits]] = []
    for at, edits in generated(rows, known, random.Random(seed)):
        asked.append(({**rows[at], **edits}, edits))
        if accepts(asked[-1][0]):
            known.learn(edits)
    return asked


def below(bound: float) -> Accepts:
    return lambda row: all(abs(value) < bound for value in row.values() if isinstance(value, int | float))


def number(row: Row, name: str) -> float:
    value = row[name]
    assert isinstance(value, int | float)
    return value


def test_the_same_seed_and_answers_make_the_same_rows() -> None:
    assert made(SAMPLES, below(1e7)) == made(SAMPLES, below(1e7)) != made(SAMPLES, below(1e7), seed=8)


@pytest.mark.parametrize("accepts", [lambda row: True, lambda row: False, below(1e7)])
@pytest.mark.parametrize("rows", [SAMPLES, REALS, ({"text": "a"}, {"text": "b"}), ({"own": True},), ({"x": 1.0},)])
def test_there_are_so_many_of_them_whatever_is_answered(rows: Sequence[Row], accepts: Accepts) -> None:
    assert len(made(rows, accepts)) == ROWS


@pytest.mark.parametrize("accepts", [lambda row: True, lambda row: False, below(1e7)])
def test_values_keep_their_columns_type(accepts: Accepts) -> None:
    types = {"kind": str, "whole": int, "own": bool}
    for _, edits in made(SAMPLES, accepts):
        for name, value in edits.items():
            assert type(value) is types.get(name, float), (name, value)


def test_each_row_is_made_of_another_sample() -> None:
    known = Answerable({name: column(SAMPLES, name) for name in SAMPLES[0]})
    positions = [at for at, _ in generated(SAMPLES, known, random.Random(7))]
    assert sorted(positions[: len(SAMPLES)]) == list(range(len(SAMPLES)))


def test_limits_are_the_declared_ones_before_those_of_the_samples() -> None:
    assert column(SAMPLES, "real").usual == (0.0, 4.75)
    assert column(SAMPLES, "real", (-9.0, 9.0)).usual == (-9.0, 9.0)
    assert column(SAMPLES, "whole", (1.0, 6.0)).usual == (1, 6)
    assert column(SAMPLES, "kind").usual == ("a", "b")
    assert column(SAMPLES, "own").usual == (True, False)


def test_free_text_leaves_room_for_odd_text() -> None:
    free = column([{"text": f"sample {at}"} for at in range(40)], "text")
    assert (len(free.usual), free.odd) == (4, TEXT)


def test_every_odd_value_is_asked_in_all_columns_of_its_type_at_once() -> None:
    rows = [row for row, _ in made(REALS, lambda row: False)]
    for value in column(REALS, "x0").odd:
        assert dict.fromkeys(REALS[0], value) in rows


@pytest.mark.parametrize("bound", [10.0, 1e7])
def test_combinations_get_through_bounds(bound: float) -> None:
    asked = made(REALS, below(bound))
    assert sum(below(bound)(row) for row, _ in asked[LOOKING:]) == ROWS - LOOKING


def test_where_columns_are_compared_fewer_are_edited() -> None:
    def accepts(row: Row) -> bool:
        return all(number(row, f"x{at}") <= number(row, f"x{at + 8}") for at in range(8))

    rows: list[Row] = [{f"x{n}": at + n // 8 + 0.5 for n in range(16)} for at in range(20)]
    asked = made(rows, accepts)[LOOKING:]
    assert sum(accepts(row) for row, _ in asked) > len(asked) / 3
    assert any(len(edits) > 1 and accepts(row) for row, edits in asked)


def test_one_strict_column_does_not_keep_the_others_small() -> None:
    def accepts(row: Row) -> bool:
        return abs(number(row, "x5")) < 10

    large = {name for row, _ in made(REALS, accepts) if accepts(row) for name in row if number(row, name) > 1e8}
    assert len(large) >= 12


@pytest.mark.parametrize(
    ("broken", "bound", "found"),
    [
        (lambda row: row["x0"] == 0 and row["x7"] < -0.5 and row["x9"] < 0, 10.0, 0.7),
        (lambda row: row["x0"] > 1e5 and row["x7"] < -1e2, 1e300, 0.9),
        (lambda row: row["x0"] > 1e5 and row["x7"] < -1e2 and row["x12"] == 0, 1e300, 0.7),
        (lambda row: 1 < row["x5"] < 7, 10.0, 0.9),
    ],
)
def test_what_two_or_three_columns_break_together_is_found(
    broken: Callable[[dict[str, float]], bool], bound: float, found: float
) -> None:
    def breaks(seed: int) -> bool:
        return any(broken({name: number(row, name) for name in row}) for row, _ in made(REALS, below(bound), seed))

    assert sum(map(breaks, SEEDS)) / len(SEEDS) >= found


def test_a_category_meets_the_odd_values_of_others() -> None:
    regions = ("north", "south", "east")
    rows: list[Row] = [{"region": regions[at % 3], "age": 20 + at, "debt": 100.0 * at + 1} for at in range(30)]

    def accepts(row: Row) -> bool:
        return row["region"] in regions and below(1e7)(row)

    for seed in SEEDS:
        met = {(row["region"], row["debt"]) for row, _ in made(rows, accepts, seed)}
        assert met >= {(region, 0.0) for region in regions}, seed
