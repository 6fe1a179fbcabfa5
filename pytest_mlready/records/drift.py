"""Records of what the model was trained on, of what its service gets now, and of what the service tells of drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_mlready.records.exchange import Exchange
from pytest_mlready.records.probes import Golden

QUIET_LOOKS = 46
"""Looks at reference traffic: a monitor that spreads nothing of its error rate over its looks shows itself in them."""


@dataclass(frozen=True)
class DriftData:
    """Profiles as documents (`measure.drift.from_plain`): of the reference, and of current data by the same plan.

    `served` are the columns that the service is sent, as the
    sample rows name them, () where none are known; `ordered` says that a row travels as an array, without names.
    """

    reference: Mapping[str, Any]
    current: Mapping[str, Any]
    gathered_at: float
    served: tuple[str, ...] = ()
    ordered: bool = False


@dataclass(frozen=True)
class DriftMetric:
    """Which samples tell of drift: those of `name` with all of `labels`, `above` a value or `below` one.

    `feature_label` is the label that holds the feature, None where one sample is about all. With `increase` it is the
    growth since the look before that counts.
    """

    name: str
    above: float | None = None
    below: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    feature_label: str | None = None
    increase: bool = False

    def fires(self, value: float) -> bool:
        """Whether a value tells of drift."""
        return (self.above is not None and value > self.above) or (self.below is not None and value < self.below)


@dataclass(frozen=True)
class DriftLook:
    """One reading of the signal, after `rows` rows of a phase.

    `samples` match, `numbers` of them are finite, and `extreme` is the value of these that is nearest to an alarm.
    `firing` are the features whose sample tells of drift, "" for a sample without one. `problem` is why there is none.
    """

    rows: int
    samples: int = 0
    numbers: int = 0
    extreme: float | None = None
    firing: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class DriftTrial:
    """One shift of one feature (None: of all), and reference traffic after it until the signal is quiet.

    `refused`: the service took none of the shifted rows, so that there was nothing to see.
    """

    shift: str
    feature: str | None
    fire: tuple[DriftLook, ...] = ()
    recover: tuple[DriftLook, ...] = ()
    refused: Exchange | None = None

    @property
    def missed(self) -> bool:
        """Whether no look told of it."""
        return self.refused is None and not self.seen()

    @property
    def stuck(self) -> bool:
        """Whether the signal was never quiet again."""
        return bool(self.recover) and bool(self.recover[-1].firing)

    def missed_within(self, within: int) -> bool:
        """Whether so many shifted rows were sent, and none of the looks at them told of it."""
        return bool(self.fire) and self.fire[-1].rows >= within and not self.seen(within)

    def seen(self, within: int | None = None) -> bool:
        """Whether a look told of it, and of this feature where it tells of single ones; within so many rows, if given.

        Where all features were shifted, any will do.
        """
        looks = [look for look in self.fire if within is None or look.rows <= within]
        return any(look.firing if self.feature is None else named(look.firing, self.feature) for look in looks)


@dataclass(frozen=True)
class DriftDrill:
    """QUIET, FIRE and RECOVER at a running service, and its golden rows after all of it.

    `metric` is None where none was declared and none of a known name found; `similar` are names of metrics that there
    are. `quiet` are the looks at reference traffic, `again` those of a second phase, made if any look of the first told
    of drift. `from_reference` says that the rows are those that the reference was made of; `within` is the number of
    rows in which the service promises to tell, `promised` whether it does. `left_out` are shifts that were to be made.
    """

    metric: DriftMetric | None
    quiet: tuple[DriftLook, ...]
    again: tuple[DriftLook, ...] = ()
    trials: tuple[DriftTrial, ...] = ()
    left_out: tuple[str, ...] = ()
    within: int = 0
    promised: bool = False
    pool: int = 0
    from_reference: bool = False
    requests: int = 0
    similar: tuple[str, ...] = ()
    golden: Golden | None = None


@dataclass(frozen=True)
class DriftReferenceTold:
    """What the service says it compares with, and the `version` that serves.

    `told` is None where the place holds nothing, for the reason `problem`. `file` is the declared file of that version,
    `sha256` its digest; None where there is none.
    """

    told: str | None
    version: str | None
    problem: str = ""
    file: str | None = None
    sha256: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether what is told is the version that serves, or the digest of its file."""
        if self.told is None:
            return False
        return self.told.removeprefix("sha256:") == self.sha256 if self.file is not None else self.told == self.version


def named(firing: Sequence[str], feature: str) -> bool:
    """Whether a feature is among those that tell of drift; "" is among them where the signal knows no features.

    Letters and digits count: metrics often spell a name with underscores.
    """
    return any(not one or _plain(one) == _plain(feature) for one in firing)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum()) or name
