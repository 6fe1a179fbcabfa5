"""When two answers to the same row agree."""

from __future__ import annotations

import pytest

from pytest_mlready.measure.agreement import close, difference, same_label, span_of
from pytest_mlready.records import Label, Prediction


@pytest.mark.parametrize(
    ("first", "second", "agree"),
    [
        (0.1234567890123456, 0.1234567890123456 * (1 + 3e-15), True),
        (0.1234567890123456, 0.1234567890123456 * (1 + 1e-8), False),
        (1.2345678901234567e-13, -2.345678901234567e-13, True),
        (0.1234, 0.1235, False),
        (0.12345670163631439, 0.12345673143863678, True),  # 32-bit neighbours, as a double prints them
        (0.12345672, 0.12345675, True),  # the same, as a 32-bit printer does
        (0.12345670163631439, 0.1235567033290863, False),
    ],
)
def test_numbers_agree_within_what_arithmetic_gives(first: float, second: float, agree: bool) -> None:
    assert close(first, second) is agree
    assert close(second, first) is agree


@pytest.mark.parametrize(
    ("first", "second", "agree"),
    [("a", "a", True), ("a", "b", False), ("1", 1, False), (1, 1.0, True), (0, 1, False), (None, None, True)],
)
def test_labels_agree_exactly_and_numbers_within_tolerance(first: Label, second: Label, agree: bool) -> None:
    assert same_label(first, second) is agree


@pytest.mark.parametrize(
    ("second", "what"),
    [
        (Prediction(1, (0.25, 0.75), "1", "another id"), None),
        (Prediction(1, None, None), None),
        (Prediction(0, (0.25, 0.75), "1"), "prediction 1 and 0"),
        (Prediction(1, (0.75, 0.25), "1"), "probability 0.25 and 0.75"),
        (Prediction(1, (1.0,), "1"), "2 and 1 probabilities"),
        (Prediction(1, (0.25, 0.75), "2"), "model version '1' and '2'"),
    ],
)
def test_the_first_difference_is_named(second: Prediction, what: str | None) -> None:
    assert difference(Prediction(1, (0.25, 0.75), "1", "an id"), second) == what


@pytest.mark.parametrize(
    ("first", "second", "agree"),
    [
        (-2.1474857527870843, -2.14748345783702, True),  # single precision, scaled back in double
        (0.0003311, 0.0003312, True),  # near zero, a sum of terms as large as the span
        (14.5, 14.6, False),
        (14.503, 14.504, True),  # rounded to three places
        (14.503, 14.505, False),
        (151.0, 152.0, False),
        (1e-12, 2e-3, False),
        (0.12345678901234567, 0.123457, False),  # one of the two routes rounds
    ],
)
def test_in_company_single_precision_and_rounding_are_forgiven(first: float, second: float, agree: bool) -> None:
    one, other = Prediction(first), Prediction(second)
    assert (difference(one, other, span=5.0) is None) is agree
    assert (difference(other, one, span=5.0) is None) is agree
    assert difference(one, other) is not None


@pytest.mark.parametrize(
    ("second", "agree"),
    [
        (Prediction("a", (0.1235, 0.8765)), True),
        (Prediction("a", (0.1236, 0.8764)), False),
        (Prediction("b", (0.1234, 0.8766)), False),
        (Prediction("a", (0.12340001, 0.87659999)), True),
    ],
)
def test_in_company_chances_may_differ_in_their_last_place(second: Prediction, agree: bool) -> None:
    assert (difference(Prediction("a", (0.1234, 0.8766)), second, span=0.0) is None) is agree


def test_only_a_tie_excuses_another_label_and_only_in_company() -> None:
    tie, other_way = Prediction("a", (0.4999999, 0.5000001)), Prediction("b", (0.5000001, 0.4999999))
    assert difference(tie, other_way, span=0.0) is None
    assert difference(tie, other_way) == "prediction 'a' and 'b'"
    assert difference(Prediction("a"), Prediction("b"), span=0.0) == "prediction 'a' and 'b'"
    assert difference(Prediction(3), Prediction(4), span=100.0) == "prediction 3 and 4"


def test_the_span_is_that_of_numbers_that_are_predicted() -> None:
    assert span_of([Prediction(1.5), Prediction(-2.5), Prediction(None)]) == 4.0
    assert span_of([Prediction("a"), Prediction(7)]) == 0.0
    assert span_of([]) == 0.0
