"""Who was told to be in which variant of which experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_mlready.records.exchange import Exchange


@dataclass(frozen=True)
class Assigned:
    """One id that was asked for, and the variant that it was told to be in.

    `kind` is a kind of id, "end" for one at the end of a range, or "again" for one that was asked before. `variant` is
    None where none was told; `outcome` is the status or the failure. `path` is that of the GET, "" if a prediction was
    asked for.
    """

    experiment: str
    unit: str | int
    kind: str
    variant: str | None
    outcome: str
    path: str = ""


@dataclass(frozen=True)
class Sample:
    """Many ids of one kind, in the order in which they were asked for.

    `variants` are positions among `names`, −1 where none was told.
    """

    experiment: str
    kind: str
    names: tuple[str, ...]
    units: tuple[str | int, ...]
    variants: tuple[int, ...]


@dataclass(frozen=True)
class Labelled:
    """A prediction for a user: the variant that was told before, and the one that this answer names.

    `logged`: whether the log's line of this request names the variant; None where no line of it was found.
    """

    unit: str | int
    variant: str
    answer: Exchange
    told: str | None
    logged: bool | None = None


@dataclass(frozen=True)
class Assignments:
    """Assignments of every declared experiment.

    `asked` came each on a connection of its own; `samples` only where an experiment's function is not declared.
    `definitions` are what the service holds experiments to be, by name; `unknown` asked for one that does not exist;
    `odd` for ids that are none. `in_metrics` are the variants that stand in the exposition as the value of a label,
    None where there is no exposition.
    """

    asked: tuple[Assigned, ...]
    samples: tuple[Sample, ...] = ()
    definitions: Mapping[str, Exchange] = field(default_factory=dict)
    unknown: Exchange | None = None
    odd: tuple[Exchange, ...] = ()
    labelled: tuple[Labelled, ...] = ()
    in_metrics: tuple[str, ...] | None = None
    asked_at: float = 0.0


@dataclass(frozen=True)
class RampStep:
    """One step of a ramp: the share that all variants but the control got, what the change was answered, and who was
    told what after it."""

    experiment: str
    share: float
    change: Exchange
    asked: tuple[Assigned, ...]


@dataclass(frozen=True)
class AnalysisTrials:
    """A team's analysis of outcomes, put to the test with outcomes whose truth is known.

    `false_claims` of `null_trials` experiments without any difference were said to have one, at one of `looks` looks.
    `found` of `true_trials` with a plain difference were. `tiny_claims` of `tiny_trials` were decided with `tiny_n`
    users a variant, `missing_claims` of `missing_trials` because values are missing in one variant. `problem` says how
    it broke, None if it did not.
    """

    looks: int
    metrics: int
    null_trials: int = 0
    false_claims: int = 0
    true_trials: int = 0
    found: int = 0
    tiny_trials: int = 0
    tiny_claims: int = 0
    tiny_n: int = 0
    missing_trials: int = 0
    missing_claims: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class ExperimentDrill:
    """An instance of its own, started for this.

    `asked` were asked of it as it came up, `restarted` after it was killed and came up again (none where there was no
    time for that), `steps` after each change of weights.
    """

    asked: tuple[Assigned, ...]
    restarted: tuple[Assigned, ...] = ()
    steps: tuple[RampStep, ...] = ()
