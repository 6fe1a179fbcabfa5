"""The table `[drift]`: data of now beside data of then, and the signal by which a service tells of drift itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_mlready.settings.tables import not_above_zero

Preset = Literal["reference", "seldon", "trustyai", "evidently"]
LOOK_ROWS = 100
LOOK_S = 0.1
MOST_LOOK_S = 0.5
"""So that 46 looks, and some at planted drift, fit into the drill's time."""


@dataclass(frozen=True)
class DriftReference:
    """Where a service tells what it compares its traffic with.

    A route `path` has it at `key` ("reference.sha256"), or a sample of `metric` as the value of `label`. It is the
    version of the model that serves; or, with `file`, a path with the placeholder {version}, that file's SHA-256.
    """

    path: str | None = None
    key: str | None = None
    metric: str | None = None
    label: str | None = None
    file: str | None = None

    def fault(self) -> str | None:
        """What cannot be, as "key: words"; None if nothing."""
        if (self.path is None) == (self.metric is None):
            return "path: expected either path and key, or metric and label"
        if self.path is not None and (self.key is None or not self.path.startswith("/")):
            return "key: expected with a path that begins with /, the place of the reference in its answer"
        if self.metric is not None and self.label is None:
            return "label: expected with metric, the label whose value names the reference"
        return None


@dataclass(frozen=True)
class DriftSignal:
    """The metric by which the service says that its traffic has drifted; without `metric` or `preset` it is looked for.

    Samples of `metric` with all of `labels` tell of drift `above` a value, or `below` one; `feature_label` names the
    label that holds the feature, where there is a sample for each. With `increase` samples count alarms, and what
    matters is their growth. After `look_rows` rows and `look_s` seconds the service has looked again; within `within`
    rows it promises to tell of drift, and to be quiet again. `rows` are those that its reference was made of (CSV, or a
    JSON list of objects), by default `[drift] reference` if that is such data. `command` starts an instance for the
    drill, by default that of `[service]`.
    """

    preset: Preset | None = None
    metric: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    feature_label: str | None = None
    above: float | None = None
    below: float | None = None
    increase: bool = False
    look_rows: int = LOOK_ROWS
    look_s: float = LOOK_S
    within: int | None = None
    rows: str | None = None
    command: str | None = None
    reference: DriftReference | None = None

    def fault(self) -> str | None:
        """What cannot be, as "key: words"; None if nothing."""
        if self.preset is not None and self.metric is not None:
            return "preset: expected either a preset or a metric"
        if self.metric is not None and (self.above is None) == (self.below is None):
            return "above: expected either above or below, the value beyond which the metric tells of drift"
        own = (self.above, self.below, self.feature_label, self.increase or None)
        if self.metric is None and any(one is not None for one in own):
            return "metric: expected with above, below, feature_label or increase"
        for key in ("look_rows", "look_s", "within"):
            value = getattr(self, key)
            if value is not None and not value > 0:
                return f"{key}: expected a number above 0, got {value}"
        if self.look_s > MOST_LOOK_S:
            return f"look_s: expected {MOST_LOOK_S} or less, got {self.look_s}: let `command` start one that can"
        fault = self.reference.fault() if self.reference is not None else None
        return f"reference.{fault}" if fault is not None else None


@dataclass(frozen=True)
class Drift:
    """Data that the service gets now, and what its model was trained on.

    `reference` is a profile (.json) or data, `current` data: CSV or Parquet. `columns` are compared, by default all but
    those in `ignore`; `prediction` is the column that holds what the model answered. `smallest_shift`, in standard
    deviations, is the smallest that matters; `rows_together` rows resemble each other on average; `looks` is how often
    the question is asked. `signal` is about the running service, and not about these files.
    """

    reference: str | None = None
    current: str | None = None
    columns: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    prediction: str | None = None
    smallest_shift: float = 0.2
    rows_together: float = 1.0
    looks: int = 1
    max_age_days: float | None = None
    signal: DriftSignal | None = None

    def fault(self) -> str | None:
        """What cannot be, as "key: words"; None if nothing."""
        if 0 < self.rows_together < 1:
            return f"rows_together: expected 1 or more, not {self.rows_together}"
        if self.signal is not None and (fault := self.signal.fault()) is not None:
            return f"signal.{fault}"
        return not_above_zero(self)
