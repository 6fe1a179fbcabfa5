"""The record of a run itself, made when it closes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_mlready.records.deployment import LeftBehind


@dataclass(frozen=True)
class Closing:
    """What the run set out to do and what it did.

    `before` and `after` are what the target said of itself at the two ends of the run (every stable scalar of its info
    route, None: it could not be asked); `planned` the checks that were to be judged, `judged` those that were.
    `problem` says why the run ended early, if it did; `left` what a drill found and has not put back, and how to.
    """

    before: Mapping[str, str] | None
    after: Mapping[str, str] | None
    planned: tuple[str, ...]
    judged: tuple[str, ...]
    problem: str | None = None
    left: LeftBehind | None = None
