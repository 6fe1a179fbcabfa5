"""Sample rows that are asked again and again beside others' faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_mlready.records import Answered, Row

LOOKED_AT = 12
"""So many rows are asked at most for one with another answer."""


def canary_rows(rows: Sequence[Row], ask: Callable[[int], Answered]) -> tuple[int, ...]:
    """Two rows with different answers, so that one's answer in the other's place shows; the first ones if all agree.

    Args:
        ask: asks for the sample row at a position.
    """
    first = ask(0).only
    for at in range(1, min(LOOKED_AT, len(rows)) if first is not None else 1):
        other = ask(at).only
        if first is not None and other is not None and other.prediction != first.prediction:
            return (0, at)
    return (0, 1) if len(rows) > 1 else (0,)
