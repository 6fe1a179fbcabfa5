"""Failures are made small: few edits, plain values, within a number of tries."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_mlready.evidence.shrinking import MOST_REQUESTS, Cell, Patience, fewest, fewest_first, plainest

NAMES = [f"x{at}" for at in range(30)]


@pytest.mark.parametrize("cause", [{"x0"}, {"x29"}, {"x3", "x17"}, {"x0", "x1"}, {"x1", "x15", "x28"}, set(NAMES)])
def test_what_is_needed_is_left_and_nothing_else(cause: set[str]) -> None:
    asked: list[Sequence[str]] = []

    def fails(names: Sequence[str]) -> bool:
        asked.append(names)
        return cause <= set(names)

    assert set(fewest(NAMES, fails)) == cause
    assert len(asked) <= (10 if len(cause) == 1 else MOST_REQUESTS)


@pytest.mark.parametrize("cause", [set(), {"x0"}, {"x29"}, {"x3", "x17"}, {"x28", "x29"}])
def test_where_a_failure_is_dear_one_is_enough(cause: set[str]) -> None:
    asked: list[Sequence[str]] = []

    def fails(names: Sequence[str]) -> bool:
        asked.append(names)
        return cause <= set(names)

    assert set(fewest_first(NAMES, fails) or ()) == cause
    assert [set(one) for one in asked if cause <= set(one)] == [cause]
    assert fewest_first(NAMES, lambda names: len(names) > 2) is None


def test_the_same_question_has_the_same_answer() -> None:
    assert fewest(NAMES, lambda names: "x7" in names) == fewest(NAMES, lambda names: "x7" in names) == ["x7"]


@pytest.mark.parametrize(
    ("value", "limit", "plain"),
    [
        (3.4e38, 65504.0, 1e5),
        (3.4e38, 1e300, 3.4e38),
        (-1e9, -0.5, -1.0),
        (2**53 + 1, 2**31, 10**10),
        (1e-300, -1.0, 0.0),
    ],
)
def test_a_number_becomes_a_power_of_ten(value: float, limit: float, plain: float) -> None:
    def fails(number: Cell) -> bool:
        assert isinstance(number, int | float)
        return number > limit if value > 0 else number < limit

    found = plainest(value, fails)
    assert found == plain
    assert type(found) is type(value)


def test_a_text_becomes_a_beginning_of_it() -> None:
    assert plainest("a" * 1000, lambda text: len(str(text)) > 100) == "a" * 128
    assert plainest("é", lambda text: text == "") == ""


@pytest.mark.parametrize("value", ["", 0, 0.0, None, 1.0, float("inf"), float("nan")])
def test_what_is_plain_stays(value: Cell) -> None:
    found = plainest(value, lambda other: False)
    assert found is value


def test_patience_ends_with_the_number_and_with_the_time() -> None:
    tried = Patience(60.0, most=3).tries(lambda item: True)
    assert [tried(item) for item in range(5)] == [True, True, True, False, False]
    assert Patience(0.0).tries(lambda item: True)(1) is False
