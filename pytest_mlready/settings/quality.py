"""`[quality]` of `mlready.toml`: how good the model has to be, and on which rows that is measured."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import Literal

from pytest_mlready.settings.training import Training

MetricName = Literal["accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss", "brier", "mae", "rmse", "r2"]
Rate = Literal["true_positive_rate", "false_positive_rate", "selection_rate", "accuracy"]
MAJORITY = "majority"
SHARES = ("largest_gap", "calibration_error", "noise_flips", "flips", "shift")
AMOUNTS = ("gain", "margin", "noise", "offline_tolerance")


@dataclass(frozen=True)
class Quality:
    """What is demanded of the answers to rows whose true answer is known.

    Attributes:
        rows, label: the file, and the column with the true answer; by default those of `[inputs]`.
        entity: a column that names whom a row is about, where several are about the same.
        positive: the class that counts as found; by default the last.
        metric, threshold: how quality is measured, and the least of it (the most, of an error or a loss).
        baseline, gain: "majority" (for numbers, the best constant) or a file of simple answers, and by how much the
            model has to be better.
        previous, margin: a file of the answers of the version before, and how much worse this one may be.
        slices, slice_floor: columns whose values part the rows, and the least quality in each part.
        group, rates, largest_gap: a column of groups (by default `inputs.protected`), and how far their rates may be
            apart.
        calibration_error: how far probabilities may be from what comes true, on average.
        noise, noise_flips: numbers are shaken by this share of their standard deviation; so many labels may change.
        offline, offline_tolerance: what training says of the same rows: a callable "module:name", a file of answers, or
            the metric as a number.
        unoptimised, shift, flips: the model before it was quantised or converted (callable or file); how far a
            probability or, relative to what they span, a number may be from its own, and how many rows may be further.
        edge_cases: a file of rows with what must come of them.
        forbidden: features that the model must not have.
        collected_until, max_age_days: the last day of the labelled rows, and how old it may be.
        training: how the model is trained again.
    """

    rows: str | None = None
    label: str | None = None
    entity: str | None = None
    positive: str | int | None = None
    metric: MetricName = "accuracy"
    threshold: float | None = None
    baseline: str = MAJORITY
    gain: float = 0.02
    previous: str | None = None
    margin: float = 0.01
    slices: tuple[str, ...] = ()
    slice_floor: float | None = None
    group: str | None = None
    rates: tuple[Rate, ...] = ("true_positive_rate", "false_positive_rate")
    largest_gap: float = 0.1
    calibration_error: float = 0.05
    noise: float = 0.01
    noise_flips: float = 0.05
    offline: str | float | None = None
    offline_tolerance: float = 1e-6
    unoptimised: str | None = None
    shift: float = 0.05
    flips: float = 0.01
    edge_cases: str | None = None
    forbidden: tuple[str, ...] = ()
    collected_until: datetime.date | None = None
    max_age_days: int = 365
    training: Training | None = None

    def fault(self) -> str | None:
        """What cannot be meant, as "key: words"; None if nothing."""
        for name in SHARES:
            if not 0 < (value := getattr(self, name)) < 1:
                return f"{name}: expected a share between 0 and 1, got {value}"
        for name in AMOUNTS:
            if not 0 <= (value := getattr(self, name)) < math.inf:
                return f"{name}: expected a number of at least 0, got {value}"
        for name in ("threshold", "slice_floor", "offline"):
            value = getattr(self, name)
            if isinstance(value, float) and not math.isfinite(value):
                return f"{name}: expected a finite number, got {value}"
        if self.max_age_days < 1:
            return f"max_age_days: expected a number above 0, got {self.max_age_days}"
        if self.slices and self.slice_floor is None:
            return "slices: say the least quality in each, such as `slice_floor = 0.8`"
        if not self.rates:
            return "rates: name at least one rate, or leave the key out"
        if self.training is not None and (fault := self.training.fault()) is not None:
            return f"training.{fault}"
        return None
