"""What other tools found, in their own words."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mlready.records.exchange import Exchange


@dataclass(frozen=True)
class PeerFailure:
    """One kind of failure on one operation: its `title`, the first `message` of it, and the exchange that showed it."""

    title: str
    message: str
    exchange: Exchange


@dataclass(frozen=True)
class SchemathesisRun:
    """A run of Schemathesis over the predict routes.

    `cases` counts what it sent; `problem` says why it did not come to its end, None where it did.
    """

    version: str
    cases: int
    failures: tuple[PeerFailure, ...] = ()
    problem: str | None = None
