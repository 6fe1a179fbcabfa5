"""Do two answers to the same row agree? Numbers within a tolerance, labels exactly, fresh ids not at all."""

from __future__ import annotations

import math
import struct

from pytest_mlready.records import Label, Prediction

TOLERANCE = 1e-9
"""Relative; healthy services differ by 3e-15 between a batch and a single row (order of summation)."""
SINGLE_TOLERANCE = 1e-5
"""Relative, for numbers that came out of 32-bit arithmetic (ONNX, neural networks), where that order matters more."""


def difference(first: Prediction, second: Prediction, tolerance: float = TOLERANCE) -> str | None:
    """What differs between two answers, as "prediction 1 and 0"; None where they agree.

    A version is compared where both name one. Probabilities that only one of the answers gives are not compared: a
    batch may leave them out.
    """
    if not same_label(first.prediction, second.prediction, tolerance):
        return f"prediction {first.prediction!r} and {second.prediction!r}"
    if first.probabilities is not None and second.probabilities is not None:
        if len(first.probabilities) != len(second.probabilities):
            return f"{len(first.probabilities)} and {len(second.probabilities)} probabilities"
        for one, other in zip(first.probabilities, second.probabilities, strict=True):
            if not close(one, other, tolerance):
                return f"probability {one!r} and {other!r}"
    if first.version is not None and second.version is not None and first.version != second.version:
        return f"model version {first.version!r} and {second.version!r}"
    return None


def same_label(first: Label, second: Label, tolerance: float = TOLERANCE) -> bool:
    """Whether two predictions are the same: numbers within the tolerance, anything else exactly."""
    if isinstance(first, str) or isinstance(second, str) or first is None or second is None:
        return first == second
    return close(first, second, tolerance)


def close(first: float, second: float, tolerance: float = TOLERANCE) -> bool:
    """Whether two numbers agree, relatively and for numbers near zero absolutely.

    Numbers that came out of single precision are given at least `SINGLE_TOLERANCE`.
    """
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
