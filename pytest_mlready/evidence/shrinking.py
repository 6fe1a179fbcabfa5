"""Makes a failure small enough for a person: as few edits as still fail, each with as plain a value as still fails."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TypeVar

Item = TypeVar("Item")
Cell = str | int | float | None
MOST_REQUESTS = 200


class Patience:
    """Counts tries: so many, and until so long; after that nothing smaller is looked for."""

    def __init__(self, seconds: float, most: int = MOST_REQUESTS) -> None:
        self._until, self._left = time.monotonic() + seconds, most

    def tries(self, fails: Callable[[Item], bool]) -> Callable[[Item], bool]:
        """The same question, answered "no" without asking when patience is at its end."""

        def asked(item: Item) -> bool:
            self._left -= 1
            return self._left >= 0 and time.monotonic() < self._until and fails(item)

        return asked


def fewest(items: Sequence[Item], fails: Callable[[Sequence[Item]], bool]) -> list[Item]:
    """A part of the items that fails still, of which no single one can be left out (Zeller's delta debugging).

    One cause among n costs about 2 log n tries, several that are needed together some more. Zeller and Hildebrandt,
    "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28(2), 2002.
    """
    left, parts = list(items), 2
    while len(left) > 1:
        size = math.ceil(len(left) / parts)
        starts = range(0, len(left), size)
        alone = [left[start : start + size] for start in starts]
        without = [left[:start] + left[start + size :] for start in starts] if len(alone) > 2 else []
        smaller = next((some for some in [*alone, *without] if fails(some)), None)
        if smaller is not None:
            parts = 2 if len(smaller) <= size else max(2, len(alone) - 1)
            left = smaller
        elif len(alone) == len(left):
            break
        else:
            parts = min(2 * parts, len(left))
    return left


def fewest_first(items: Sequence[Item], fails: Callable[[Sequence[Item]], bool]) -> Sequence[Item] | None:
    """No item, a single one or a pair that fails, None if there is none: the first that fails is the only one tried.

    For failures that cost seconds each, such as hangs, where what does not fail costs nothing.
    """
    return next((some for size in range(3) for some in combinations(items, size) if fails(some)), None)


def plainest(value: Cell, fails: Callable[[Cell], bool]) -> Cell:
    """The plainest value like this one that fails still: zero, else the smallest power of ten; a text's beginning."""
    ladder = _ladder(value)
    low, high = 0, len(ladder)
    while low < high:
        middle = (low + high) // 2
        if fails(ladder[middle]):
            value, high = ladder[middle], middle
        else:
            low = middle + 1
    return value


def _ladder(value: Cell) -> list[Cell]:
    """Plainer values than this one, the plainest first."""
    if isinstance(value, str):
        return ["", *(value[: 2**power] for power in range(max(0, len(value) - 1).bit_length()))] if value else []
    if value is None or isinstance(value, bool) or value == 0 or value - value != 0:
        return []
    size, sign = abs(value), -1 if value < 0 else 1
    powers = [10**power for power in range(math.ceil(math.log10(size)))] if size > 1 else []
    whole = isinstance(value, int)
    return [sign * one if whole else sign * float(one) for one in (0, *powers) if one < size]
