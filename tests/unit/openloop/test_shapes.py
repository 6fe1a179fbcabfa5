"""Load shapes as people write them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_mlready.openloop import shapes


def test_stairs_hold_each_rate_for_a_step() -> None:
    assert shapes.stairs(shapes.rate_list("10, 50,2.5"), 30.0) == ((10.0, 30.0), (50.0, 30.0), (2.5, 30.0))


def test_a_spike_has_its_base_on_both_sides() -> None:
    assert shapes.spike(100.0, 400.0, 20.0, 5.0) == ((100.0, 10.0), (400.0, 5.0), (100.0, 10.0))


def test_steady_is_flat_unless_it_goes_somewhere() -> None:
    assert shapes.steady(100.0, 0.0, 20.0) == ((100.0, 20.0),)
    assert shapes.steady(100.0, 300.0, 20.0) == ((100.0, 300.0, 20.0),)


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90), ("0.5", 0.5), ("1e2", 100), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("2h", 7200), ("1m5s", 65)],
)
def test_seconds_are_a_number_or_a_timespan(text: str, value: float) -> None:
    assert shapes.seconds(text) == value


def test_whole_numbers_and_shares() -> None:
    assert shapes.whole("7") == 7
    assert shapes.whole("0", least=0) == 0
    assert shapes.share("0.01") == 0.01
    assert shapes.positive("2.5") == 2.5


@pytest.mark.parametrize(
    ("parse", "texts", "expected"),
    [
        (shapes.positive, ["", "x", "0", "-1", "nan", "inf", "1,5"], "a number above 0"),
        (shapes.whole, ["", "x", "0", "-1", "1.5"], "a whole number, 1 or more"),
        (shapes.share, ["x", "0", "1", "-0.1", "nan", "5"], "a share above 0 and below 1"),
        (shapes.rate_list, ["", "10,", "10,x", "0,10", "10;50", "10,-5"], "rates above 0 with commas"),
        (shapes.seconds, ["", "x", "0", "0s", "-5", "5d", "1m1h", "inf", "s"], "seconds above 0"),
    ],
    ids=["positive", "whole", "share", "rates", "seconds"],
)
def test_what_is_wrong_is_refused_with_what_was_expected(
    parse: Callable[[str], object], texts: list[str], expected: str
) -> None:
    for text in texts:
        with pytest.raises(ValueError, match=rf"must be {expected}.*, not {text!r}$"):
            parse(text)
