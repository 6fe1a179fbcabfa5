"""Records of related requests, whose answers must agree: one meaning in two spellings, one row in two companies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_mlready.records.probes import Answered, Prediction


@dataclass(frozen=True)
class Spelling:
    """One body beside another that means the same: `kind` says in what they differ.

    `optional` spellings may be refused; where they are taken they mean the same nevertheless. `rude` says how a client
    sent it that is no usual one, for a replay.
    """

    kind: str
    plain: Answered
    spelled: Answered
    optional: bool = False
    rude: Mapping[str, str | int | float] | None = None


@dataclass(frozen=True)
class Spellings:
    """Sample rows in other spellings: white space, order of keys, ways to write a number, framing, coding."""

    pairs: tuple[Spelling, ...]


@dataclass(frozen=True)
class BatchSizes:
    """A pool of distinct valid rows asked singly, and batches of several sizes drawn from it.

    `rows` are positions in the pool, in a batch with repeats and in no order. `singles` hold each row once before the
    batches and once after. `cap` is the declared most rows of a batch, `refused_at` the smallest size that the service
    refused as too large (413, 422 or 400), which is its right.
    """

    singles: tuple[Answered, ...]
    batches: tuple[Answered, ...]
    cap: int | None = None
    refused_at: int | None = None


@dataclass(frozen=True)
class Edit:
    """A sample row in which `value` stands in the place of what `was` in one column, and its answer."""

    row: int
    column: str
    was: str | bool | int | float | None
    value: str | bool | int | float | None
    answered: Answered


@dataclass(frozen=True)
class Edits:
    """Sample rows as they are and with one value edited at a time, within what the samples of that column span.

    `expected` is what the declared reference says of the `originals`, in their order (empty: none is declared), and
    `beyond_expected` what it says of `beyond`: sample rows with values a little outside of what the samples span.
    """

    originals: tuple[Answered, ...]
    edits: tuple[Edit, ...]
    expected: tuple[Prediction, ...] = ()
    beyond: tuple[Answered, ...] = ()
    beyond_expected: tuple[Prediction, ...] = ()


@dataclass(frozen=True)
class Concurrency:
    """Distinct rows asked by several connections at once, beside what each is answered alone.

    `alone` are asked one at a time, before and after; `together` while others are in flight. `rows` are positions among
    the rows that were asked; a batch has several.
    """

    alone: tuple[Answered, ...]
    together: tuple[Answered, ...]
    connections: int
