"""Which buckets of an experiment belong to which variant, and how few of them move when weights change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reference_service.experiments.assignment import BUCKETS

Ranges = tuple[tuple[int, int], ...]
"""Half-open, disjoint, in the order in which the variant got them."""


def resized(held: Mapping[str, Ranges], weights: Mapping[str, int]) -> dict[str, Ranges]:
    """The ranges of every variant for new weights, which add up to all buckets.

    A variant that does not shrink loses nobody. One that shrinks gives up the buckets that it got last, so that a ramp
    that is taken back leaves in the variant exactly those who were in it before.

    Args:
        held: the ranges until now; none for a new experiment.
        weights: the number of buckets of each variant; who has none here gives up all that it held.
    """
    kept = {name: _first(held.get(name, ()), weight) for name, weight in weights.items()}
    free = _unheld(kept.values())
    found = {}
    for name, weight in weights.items():
        missing = weight - size(kept[name])
        found[name] = _joined(kept[name] + _first(free, missing))
        free = _beyond(free, missing)
    return found


def size(ranges: Ranges) -> int:
    """The number of buckets."""
    return sum(end - start for start, end in ranges)


def _first(ranges: Ranges, count: int) -> Ranges:
    found = []
    for start, end in ranges:
        if count > 0:
            found.append((start, min(end, start + count)))
        count -= end - start
    return tuple(found)


def _beyond(ranges: Ranges, count: int) -> Ranges:
    found = []
    for start, end in ranges:
        if count < end - start:
            found.append((start + max(count, 0), end))
        count -= end - start
    return tuple(found)


def _unheld(held: Iterable[Ranges]) -> Ranges:
    taken = sorted(each for ranges in held for each in ranges)
    ends = [0, *(end for _, end in taken)]
    starts = [*(start for start, _ in taken), BUCKETS]
    return tuple((end, start) for end, start in zip(ends, starts, strict=True) if end < start)


def _joined(ranges: Ranges) -> Ranges:
    found: list[tuple[int, int]] = []
    for start, end in ranges:
        if found and found[-1][1] == start:
            start = found.pop()[0]
        found.append((start, end))
    return tuple(found)
