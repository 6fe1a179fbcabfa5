"""What changes the version that serves, whatever it is: a small interface, and what its orders may end with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pytest_mlready.records import Change


class Refused(Exception):
    """The order was understood and not carried out. `word` is an HTTP status or an exit code."""

    def __init__(self, word: str, why: str = "") -> None:
        super().__init__(f"{word}: {why}" if why else word)
        self.word = word


class Unanswered(Exception):
    """Nobody said what became of the order or the question: no connection, no whole answer, not what was declared."""


@dataclass(frozen=True)
class Acknowledged:
    """What an acknowledgement says: which version serves now, whether that is a change, and its number."""

    serves: str | None = None
    changed: bool | None = None
    generation: int | None = None


class Deployment(Protocol):
    """Versions of one model and which of them serves. Every method raises Refused or Unanswered.

    These five are all that a deployment of one's own needs. Beyond them it may have `remembers = False` (it must be
    told where a rollback leads), `at(url)` (the same of another instance, so that a drill need not touch the target)
    and `holding(token)` (the same with another right, or with None).
    """

    def versions(self) -> Sequence[str]:
        """The versions that could serve."""

    def current(self) -> str:
        """The version that serves."""

    def promote(self, version: str) -> Acknowledged:
        """Let a version serve; returns when that is acknowledged."""

    def rollback(self, to: str | None = None) -> Acknowledged:
        """Let an earlier version serve again: the given one, else the one before."""

    def history(self) -> Sequence[Change] | None:
        """The changes, newest first; None if none are kept."""


def remembers(deployment: Deployment) -> bool:
    """Whether it knows which version was the one before."""
    return bool(getattr(deployment, "remembers", True))


def moved(deployment: Deployment, url: str) -> Deployment | None:
    """The same deployment of another instance; None if it cannot be pointed there."""
    at = getattr(deployment, "at", None)
    made: Deployment | None = None if at is None else at(url)
    return made


def holding(deployment: Deployment, token: str | None) -> Deployment | None:
    """The same deployment with another right; None if it knows of none."""
    other = getattr(deployment, "holding", None)
    made: Deployment | None = None if other is None else other(token)
    return made
