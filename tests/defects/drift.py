"""Data that drifted, in declared files; and a service whose monitor is deaf, shrill, or of another model."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.drift.monitor import DriftMonitor
from reference_service.drift.panel import Panel
from reference_service.drift.profile import Profile
from reference_service.model.columns import Row
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.training.datasets import breast_cancer
from tests.defects.planting import RunDirectory, defect

DATA = Path(__file__).resolve().parents[2] / "data"
DECLARED = f"""
[drift]
reference = '{DATA / "reference.json"}'
current = "current.csv"
ignore = ["diagnosis"]
smallest_shift = 0.75
"""
SHAPE = frozenset({"drift.distribution"})


def altered(directory: Path, change: Callable[[int, dict[str, str]], dict[str, str]]) -> None:
    """Write the current data: the held-out rows, each changed by its number."""
    with (DATA / "sample.csv").open(newline="") as file:
        rows = [change(number, row) for number, row in enumerate(csv.DictReader(file))]
    with (directory / "current.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@defect("drift.distribution", declares=DECLARED)
def a_texture_sensor_was_recalibrated(directory: RunDirectory) -> RunDirectory:
    """One column of thirty moved by one and a half standard deviations."""
    altered(directory, lambda at, row: {**row, "mean texture": str(float(row["mean texture"]) + 6.5)})
    return directory


@defect("drift.distribution", declares=DECLARED)
def two_columns_are_correlated_no_more(directory: RunDirectory) -> RunDirectory:
    """Each column is distributed as before, but one of them belongs to other rows."""
    with (DATA / "sample.csv").open(newline="") as file:
        radii = [row["mean radius"] for row in csv.DictReader(file)]
    altered(directory, lambda at, row: {**row, "mean radius": radii[at * 37 % len(radii)]})
    return directory


@defect("drift.missing", declares=DECLARED)
def a_third_of_a_column_is_missing(directory: RunDirectory) -> RunDirectory:
    """The source of a column fails in every third row. p = .95 of a detector that drops missing values."""
    altered(directory, lambda at, row: {**row, "mean area": "" if at % 3 == 0 else row["mean area"]})
    return directory


@defect("drift.out_of_range", also=SHAPE, declares=DECLARED)
def a_fifth_of_a_column_is_a_sentinel(directory: RunDirectory) -> RunDirectory:
    """-999 stands for missing in 20% of the rows: an index over the reference's bins is .045."""
    altered(directory, lambda at, row: {**row, "mean area": "-999" if at % 5 == 0 else row["mean area"]})
    return directory


@defect("drift.schema_skew", declares=DECLARED)
def a_column_was_renamed(directory: RunDirectory) -> RunDirectory:
    """The current data have a column under another name, and lack one."""
    altered(directory, lambda at, row: {{"mean area": "area"}.get(name, name): cell for name, cell in row.items()})
    return directory


SCORES = DECLARED.replace(str(DATA / "reference.json"), "before.csv") + 'prediction = "score"\n'


@defect("drift.prediction", declares=SCORES)
def the_model_answers_otherwise(directory: RunDirectory) -> RunDirectory:
    """The inputs are those of before, the scores are not: a half higher, each of them."""
    altered(directory, lambda at, row: {**row, "score": str(at % 50 / 100)})
    (directory / "current.csv").rename(directory / "before.csv")
    altered(directory, lambda at, row: {**row, "score": str(at % 50 / 100 + 0.5)})
    return directory


OLD = DECLARED.replace(str(DATA / "reference.json"), "old.json") + "max_age_days = 90\n"


@defect("drift.model_age", declares=OLD)
def the_model_is_of_2024(directory: RunDirectory) -> RunDirectory:
    """The model was trained in 2024 under a policy of 90 days, and nobody noticed."""
    profile = json.loads((DATA / "reference.json").read_text())
    (directory / "old.json").write_text(json.dumps({**profile, "made_at": 1.72e9}))
    altered(directory, lambda at, row: row)
    return directory


@defect("drift.all_types", declares=DECLARED.replace('["diagnosis"]', '["diagnosis", "mean area", "worst area"]'))
def two_columns_are_watched_by_nobody(directory: RunDirectory) -> RunDirectory:
    """The service is sent columns that the drift monitor was told to leave out."""
    altered(directory, lambda at, row: row)
    return directory


SIGNAL = f"""
[drift.signal]
preset = "reference"
command = "{{served}} --drift-look-seconds 0.04"
look_s = 0.08
within = 1500
rows = '{DATA / "training.csv"}'

[drift.signal.reference]
path = "/drift"
key = "reference"
file = '{DATA.parent / "models"}/breast-cancer/{{version}}/profile.json'
"""
DRILLED = frozenset({"drift.quiet", "drift.detects", "drift.train_serve_parity"})


def watched_by(parts: Components, monitor: type[DriftMonitor]) -> Components:
    """The components with another drift monitor."""
    shared, settings = parts.drift.shared, parts.settings
    pace = settings.drift_window, settings.drift_look_seconds
    return replace(parts, drift=monitor(parts.registry, parts.serving, parts.telemetry, shared, *pace))


@defect("drift.quiet", declares=SIGNAL)
def each_look_at_each_feature_is_a_test_at_five_percent(parts: Components) -> Components:
    """Nothing of the error rate is spread over features and looks, and a new sample of few rows is looked at."""

    class Shrill(DriftMonitor):
        def begin(self, version: str, profile: Profile | None, digest: str | None) -> None:
            super().begin(version, profile, digest)
            self.window.rows = type(self.window.rows)(maxlen=100)
            self.panel = Panel(profile, 0.05 * 7 * 30, 1) if profile is not None else None

    return watched_by(parts, Shrill)


@defect("drift.detects", declares=SIGNAL)
def the_detector_is_never_called(parts: Components) -> Components:
    """Answered rows never reach the monitor, whose gauges stand at 0 for ever."""

    class Deaf(DriftMonitor):
        def observe(self, rows: Sequence[Row]) -> None:
            """Nobody listens."""

    return watched_by(parts, Deaf)


@defect("drift.reference_pinned", declares=SIGNAL)
def the_reference_is_that_of_an_older_model(parts: Components) -> Components:
    """The monitor compares with the profile of a model that was trained on the first two hundred rows."""

    class Stale(DriftMonitor):
        def profile(self, version: str) -> tuple[Profile | None, str | None]:
            data = breast_cancer()
            old = Profile.of(data.features, data.train_rows[:200].tolist())
            return old, hashlib.sha256(old.to_json()).hexdigest()

    return watched_by(parts, Stale)


@defect("drift.train_serve_parity", declares=SIGNAL)
def a_scaler_goes_on_learning_online(parts: Components) -> Components:
    """Large values that were met are what large values are measured by ever after."""

    class Adaptive(SklearnPredictor):
        most = np.full(30, 1e5)

        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            self.most = np.maximum(self.most, np.abs(np.array(rows, dtype=float)).max(axis=0))
            return super().predict(snapshot, (np.array(rows, dtype=float) * 1e5 / self.most).tolist())

    return replace(parts, predictor=Adaptive())
