"""When two answers to the same row agree."""

from __future__ import annotations

import pytest

from pytest_mlready.measure.agreement import close, difference, same_label
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
