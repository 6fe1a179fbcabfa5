"""Tables about the model and its interface: rows, bounds, relations, files, budgets, metrics, cache, drills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_mlready.settings.tables import not_above_zero


@dataclass(frozen=True)
class Inputs:
    """Valid rows that everything is anchored on, and what is known about them.

    `label` and `protected`, the group that a row belongs to, are columns that are not sent.
    """

    rows: str | None = None
    label: str | None = None
    protected: str | None = None
    missing: Literal["reject", "accept"] = "reject"
    golden: str | None = None
    classes: tuple[str | int, ...] | None = None


@dataclass(frozen=True)
class Contract:
    """Declared bounds of the interface."""

    max_body_bytes: int | None = None
    max_batch_rows: int | None = None
    documented_only: bool = True

    def fault(self) -> str | None:
        """What cannot be, as "key: words"; None if nothing."""
        return not_above_zero(self)


@dataclass(frozen=True)
class Relations:
    """What is known of the model beside single answers; `increasing` and the others name columns of the rows.

    The score is a number that is predicted, or else the probability of class `score` (by default the last one).
    `reference` is a callable "module:name" that takes rows (a list of dicts) and returns what the service should
    answer: a label or number for each, or a dict with `prediction` and `probabilities`.
    """

    increasing: tuple[str, ...] = ()
    decreasing: tuple[str, ...] = ()
    invariant: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    score: str | int | None = None
    minimum: float | None = None
    maximum: float | None = None
    reference: str | None = None
    tolerance: float = 1e-6


@dataclass(frozen=True)
class Registry:
    """Where the serving version's files lie, for checks that compare them with what is served."""

    path: str


@dataclass(frozen=True)
class Lifecycle:
    """Budgets for starting and stopping, in seconds."""

    cold_start_s: float = 30.0
    first_request_s: float = 1.0
    drain_s: float = 15.0

    def fault(self) -> str | None:
        """What cannot be, as "key: words"; None if nothing."""
        return not_above_zero(self)


@dataclass(frozen=True)
class Metrics:
    """What the exposition promises. `requests` names the request counter; by default it is found by its growth."""

    requests: str | None = None
    max_new_series: int = 50

    def fault(self) -> str | None:
        """What cannot be, as "key: words"; None if nothing."""
        return not_above_zero(self)


@dataclass(frozen=True)
class Cache:
    """A prediction cache that says in a header whether it hit."""

    header: str = "x-cache"
    ttl_s: float | None = None


@dataclass(frozen=True)
class Drills:
    """Commands that start the service in a declared state of failure."""

    broken_model: str | None = None
