"""Do two answers to the same row agree? Numbers within a tolerance, labels exactly, fresh ids not at all."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a replay's player is a copy of this file, with nothing around it
    from pytest_mlready.records import Label, Prediction

TOLERANCE = 1e-9
"""Relative; healthy services differ by 3e-15 between a batch and a single row (order of summation)."""
SINGLE_TOLERANCE = 1e-5
"""Relative, for numbers that came out of 32-bit arithmetic (ONNX, neural networks), where that order matters more."""
LAST_PLACE = 0.01
"""Answers rounded to a place worth no more than this share of what they span may differ by one in that place."""
MOST_PLACES = 7
ALL_PLACES = 11
"""Decimals that people round to at most, and that a number has at least which is neither rounded nor of 32 bits."""


def difference(
    first: Prediction, second: Prediction, tolerance: float = TOLERANCE, span: float | None = None
) -> str | None:
    """What differs between two answers, as "prediction 1 and 0"; None where they agree.

    A version is compared where both name one. Probabilities that only one of the answers gives are not compared: a
    batch may leave them out.

    With a `span` (see `span_of`) the two were computed in different company, alone and in a batch, so that sums were
    formed in another order. A network in single precision that scales its output back in double shows no sign of it
    in its digits, so all numbers are given `SINGLE_TOLERANCE`, of themselves and of what such answers span: a sum of
    large terms that comes out near zero has the errors of the terms. Rounding can make one more of such a difference,
    in the last place, and a tie another label. Where only one of two numbers is rounded nothing is forgiven: no
    arithmetic does that.
    """
    if not same_label(first.prediction, second.prediction, tolerance, span) and not (
        span is not None and _tied(first) and _tied(second)
    ):
        return f"prediction {first.prediction!r} and {second.prediction!r}"
    if first.probabilities is not None and second.probabilities is not None:
        if len(first.probabilities) != len(second.probabilities):
            return f"{len(first.probabilities)} and {len(second.probabilities)} probabilities"
        for one, other in zip(first.probabilities, second.probabilities, strict=True):
            if not close(one, other, tolerance, None if span is None else 1.0):
                return f"probability {one!r} and {other!r}"
    if first.version is not None and second.version is not None and first.version != second.version:
        return f"model version {first.version!r} and {second.version!r}"
    return None


def span_of(answers: Iterable[Prediction]) -> float:
    """Largest less smallest of the numbers that are predicted; 0 where labels are."""
    numbers = [one.prediction for one in answers if isinstance(one.prediction, float)]
    return max(numbers) - min(numbers) if numbers else 0.0


def same_label(first: Label, second: Label, tolerance: float = TOLERANCE, span: float | None = None) -> bool:
    """Whether two predictions are the same: numbers within the tolerance, anything else exactly."""
    if isinstance(first, str) or isinstance(second, str) or first is None or second is None:
        return first == second
    return close(first, second, tolerance, span)


def close(first: float, second: float, tolerance: float = TOLERANCE, span: float | None = None) -> bool:
    """Whether two numbers agree, relatively and for numbers near zero absolutely.

    Numbers that came out of single precision are given at least `SINGLE_TOLERANCE`. With a `span` the tolerance is of
    that, too, and fractions may be one off in the last place that they were rounded to.
    """
    if first == second:
        return True
    if span is not None and not _rounded_apart(first, second):
        tolerance = max(tolerance, SINGLE_TOLERANCE)
        if abs(first - second) <= max(tolerance * span, _last_place(first, second, span)):
            return True
    if _single_precision(first) and _single_precision(second):
        tolerance = max(tolerance, SINGLE_TOLERANCE)
    return math.isclose(first, second, rel_tol=tolerance, abs_tol=tolerance * 1e-3)


def _single_precision(number: float) -> bool:
    """Whether a number holds no more than a 32-bit float does: by its bits, or printed in at most nine digits."""
    try:
        if struct.unpack("f", struct.pack("f", number))[0] == number:
            return True
    except OverflowError:
        return False
    digits = repr(float(number)).partition("e")[0].replace(".", "").replace("-", "").strip("0")
    return len(digits) <= 9


def _places(number: float) -> int | None:
    """How many decimals a fraction is printed with; None for whole numbers and powers of ten."""
    text = repr(number)
    return None if not isinstance(number, float) or "e" in text or "n" in text else len(text.partition(".")[2])


def _last_place(first: float, second: float, span: float) -> float:
    """What one in the last place of two rounded fractions is worth, and a little; 0 if they seem not to be rounded."""
    one, other = _places(first), _places(second)
    if one is None or other is None:
        return 0.0
    worth = 1.001 * 10.0 ** -max(one, other)
    return worth if max(one, other) <= MOST_PLACES and worth <= LAST_PLACE * span * 1.001 else 0.0


def _rounded_apart(first: float, second: float) -> bool:
    """Whether one of two fractions is rounded and the other has all its digits; 0.5 and 1.0 may come unrounded."""
    one, other = _places(first), _places(second)
    if one is None or other is None:
        return False
    return 3 <= min(one, other) <= MOST_PLACES and max(one, other) >= ALL_PLACES


def _tied(answer: Prediction) -> bool:
    """Whether two classes share the highest probability."""
    highest = sorted(answer.probabilities or ())[-2:]
    return len(highest) == 2 and close(highest[0], highest[1], span=1.0)
