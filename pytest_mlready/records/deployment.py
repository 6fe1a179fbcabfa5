"""Records of a rollback drill: what was ordered, what came of it, and who answered meanwhile.

Times are seconds since the drill began, of one monotonic clock: `began_s` was taken before the first byte of a request
left, `ended_s` after the last byte of its answer had arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_mlready.records.load import ARRAYS
from pytest_mlready.records.probes import Prediction

OTHER, MIXED, FAILED = -1, -2, -3
"""Who made an answer, where it was none of the two versions: nobody known, both row by row, or no answer came."""

Outcome = Literal["acknowledged", "refused", "unanswered"]


@dataclass(frozen=True)
class Change:
    """One line of a deployment's history; None where it does not say."""

    before: str | None
    after: str | None
    at: str | None = None
    actor: str | None = None
    action: str | None = None
    generation: int | None = None


@dataclass(frozen=True)
class Order:
    """One change that was asked for: "promote" or "rollback" (`version` None: to the one before).

    `said` is the answer in a word or two, an HTTP status or an exit code. `serves`, `changed` and `generation` are what
    an acknowledgement says, None where it does not.
    """

    action: str
    version: str | None
    outcome: Outcome
    began_s: float
    ended_s: float
    said: str = ""
    serves: str | None = None
    changed: bool | None = None
    generation: int | None = None

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.action} {self.version}" if self.version is not None else f"{self.action} (to the one before)"


@dataclass(frozen=True)
class DeploymentState:
    """What a deployment says is in force, and the newest line of its history; `problem` where it did not answer.

    `answers` says who answers predictions by their content: a version, or "neither".
    """

    serving: str | None
    answers: str
    tip: Change | None = None
    problem: str | None = None


@dataclass(frozen=True)
class GoldenRound:
    """Sample rows asked one after the other on one connection while `version` is in force.

    `first_s` is how long the first of them took (after a promotion: the fastest of all workers' first answers),
    `settled_s` the median.
    """

    version: str
    when: str
    answers: tuple[Prediction | None, ...]
    first_s: float
    settled_s: float


@dataclass(frozen=True)
class Attempt:
    """An order that must change nothing, or must be harmless, between two looks at the state.

    Kinds: "unknown version", "corrupt artefact", "no right", "same again", "back twice"; `case` says more.
    """

    kind: str
    case: str
    order: Order
    before: DeploymentState
    after: DeploymentState


@dataclass(frozen=True)
class Crowd:
    """Orders that were given at the same time, what was in force after them, and the history from before them on.

    `added` is newest first; None where no history is kept.
    """

    orders: tuple[Order, ...]
    before: DeploymentState
    after: DeploymentState
    added: tuple[Change, ...] | None


@dataclass(frozen=True)
class Kill:
    """SIGKILL to every process of the service, and what came up again; `moment` says when it was.

    `kept` says whether the history still has what was acknowledged (None: no history is kept). `problem` says why it
    did not come up, or what is wrong with it; `late` that it was starting still when nobody waited any longer. Then
    `empty_s` are the seconds after which another one was ready on an empty state (None: that was not ready, either).
    """

    order: Order
    expected: str
    after: DeploymentState
    restarted_s: float
    problem: str | None = None
    kept: bool | None = None
    late: bool = False
    moment: str = "right after an acknowledgement"
    empty_s: float | None = None


@dataclass(frozen=True)
class AutomaticRollback:
    """A version made to look bad through the feedback route, and when it was undone (None: it was not)."""

    labels: int
    refused: str | None
    undone_s: float | None
    waited_s: float
    tip: Change | None = None


@dataclass(frozen=True)
class LeftBehind:
    """What the target was left in. `restore` is how to bring `found` back by hand where `problem` says it is not."""

    found: str
    serving: str | None
    problem: str | None = None
    restore: str = ""


@dataclass(frozen=True)
class RollbackDrill:
    """A rollback drill between two versions, the first of which served when it began. What no check reads is not made.

    `fresh`: on an instance of its own, which may be killed and whose artefacts may be spoiled; else on the target.
    `workers` names each process that answers, where it could be told, else is empty. `swaps` are the orders under
    load, in order; `failures` counts requests without a 2xx answer by what came instead.

    `answers` holds an array per column of what was answered meanwhile: `began_s`, `ended_s`, `made_by` (0 or 1: the
    version by content, else OTHER, MIXED or FAILED), `told` (the version it names; -1: none or another),
    `worker` (index into `workers`; -1 unknown), `probe` (whether it was asked right after an acknowledgement),
    `named` (the version that was asked for by name; -1 none), `rows`.
    """

    fresh: bool
    versions: tuple[str, str]
    rows: int
    workers: tuple[str, ...]
    goldens: tuple[GoldenRound, ...]
    orders: tuple[Order, ...]
    swaps: tuple[Order, ...]
    failures: Mapping[str, int]
    attempts: tuple[Attempt, ...]
    crowd: Crowd | None
    kills: tuple[Kill, ...]
    automatic: AutomaticRollback | None
    history: tuple[Change, ...] | None
    left: LeftBehind
    answers: Mapping[str, Any] = field(default_factory=dict, metadata=ARRAYS, compare=False)
