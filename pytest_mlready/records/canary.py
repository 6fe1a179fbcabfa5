"""Record of a canary: two versions asked for the same rows at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Canary:
    """Metrics of a candidate and its control, by name a value for each point: `asked` rows of both in turns.

    "latency_s" is the mean and "slowest_s" the largest of a point, "errors" the share without a usable answer, "score"
    the mean of the predicted number or the last probability, "wrong" the share of labels that were not predicted (only
    where labels are known). A point without any answer keeps the last value.
    """

    names: tuple[str, str]
    asked: int
    duration_s: float
    candidate: Mapping[str, tuple[float, ...]]
    control: Mapping[str, tuple[float, ...]]
