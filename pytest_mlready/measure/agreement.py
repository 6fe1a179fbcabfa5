"""Do two answers to the same row agree? Numbers within a tolerance, labels exactly, fresh ids not at all."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable

from pytest_mlready.records import Label, Prediction

TOLERANCE = 1e-9
"""Relative; healthy services differ by 3e-15 between a batch and a single row (order of summation)."""
SINGLE_TOLERANCE = 1e-5
"""Relative, for numbers that came out of 32-bit arithmetic (ONNX, neural networks), where that order matters more."""
LAST_PLACE = 0.01
"""Answers rounded to a place worth no more than this share of what they span may differ by one in that place."""
MOST_PLACES = 7
"""So many decimals people round to; more are all that the number has."""


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
    in the last place, and a tie another label.
    """
    if span is not None:
        tolerance = max(tolerance, SINGLE_TOLERANCE)
    if not same_label(first.prediction, second.prediction, tolerance, span) and not (
        span is not None and _tied(first, tolerance) and _tied(second, tolerance)
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
    if span is not None and abs(first - second) <= max(tolerance * span, _last_place(first, second, span)):
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


def _last_place(first: float, second: float, span: float) -> float:
    """What one in the last place of two rounded fractions is worth, and a little; 0 if they seem not to be rounded."""
    if not isinstance(first, float) or not isinstance(second, float):
        return 0.0
    texts = (repr(first), repr(second))
    if any("e" in text or "n" in text for text in texts):
        return 0.0
    places = max(len(text.partition(".")[2]) for text in texts)
    worth = 1.001 * 10.0**-places
    return worth if places <= MOST_PLACES and worth <= LAST_PLACE * span * 1.001 else 0.0


def _tied(answer: Prediction, tolerance: float) -> bool:
    """Whether two classes share the highest probability."""
    highest = sorted(answer.probabilities or ())[-2:]
    return len(highest) == 2 and close(*highest, tolerance, 1.0)
