"""Records of answers to rows whose true answer is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_mlready.records.exchange import Exchange
from pytest_mlready.records.probes import Answered, Label, Prediction

Answers = tuple[Prediction | None, ...]
"""One for each labelled row, in the order of the file; None where there is none."""


@dataclass(frozen=True)
class LabelledAnswers:
    """Rows whose true answer is known, and what the service answers.

    All tuples are in the order of the file. `asked` rows were asked, in an order drawn at random, as many as there was
    time for; `refused` are a few requests of those that got no answer that can be read, `unanswered` counts their rows.
    `versions` are the model versions that answered. `beside` holds the columns that part the rows: slices, groups,
    entities. `noisy` are answers to the same rows with their numbers shaken (empty: not asked for). `baseline`,
    `previous`, `offline` and `unoptimised` are what others answer to these rows, as declared (empty: not).
    `answered_on` is the day, as 2026-01-31.
    """

    truth: tuple[Label, ...]
    answers: Answers
    asked: int
    unanswered: int = 0
    refused: tuple[Exchange, ...] = ()
    versions: tuple[str, ...] = ()
    beside: Mapping[str, tuple[Label, ...]] = field(default_factory=dict)
    noisy: Answers = ()
    baseline: Answers = ()
    previous: Answers = ()
    offline: Answers = ()
    unoptimised: Answers = ()
    answered_on: str = ""


@dataclass(frozen=True)
class TrainingRun:
    """One run of the training: its exit code (None: ended by us), and what it told.

    `metrics` are numbers by name, `same` the values at the declared paths, without those that are not there. `problem`
    says why there are no metrics, `last_line` is the last one that was printed.
    """

    exit_code: int | None
    seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    same: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    last_line: str = ""


@dataclass(frozen=True)
class Retraining:
    """The model trained again, twice unless the first run failed, and what was recorded when it was trained.

    `recorded` is told as by a run; None where no such file is declared. `version` is the one that serves.
    """

    runs: tuple[TrainingRun, ...]
    recorded: TrainingRun | None = None
    version: str | None = None


@dataclass(frozen=True)
class EdgeCase:
    """A declared row beside what must come of it: a label or number, or an object.

    {"minimum", "maximum"} are bounds of a number, {"refused": true} asks for a status from 400 to 499.
    """

    name: str
    expect: Any
    answered: Answered


@dataclass(frozen=True)
class EdgeCases:
    """All declared edge cases, in the order of the file."""

    cases: tuple[EdgeCase, ...]
