"""A small service with a drift monitor, three healthy kinds of it, and monitors with one fault each.

Five numbers, one of them whole, and a category. A monitor compares its newest rows with the reference when it is asked
for its metrics. Its error rate is spread over tests, features and looks.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from pytest_mlready.records import Row

NUMBERS = ("age", "income", "debt_ratio", "tenure", "visits")
FEATURES = (*NUMBERS, "region")
REGIONS = ("north", "south", "west")
REFERENCE_ROWS = 5000
WINDOW = 300
LOOKS = 50
VERSION = "2.0.0"
Sample = tuple[dict[str, str], float]


@cache
def reference() -> tuple[Row, ...]:
    """The rows that the model was trained on."""
    rng = random.Random(5)
    return tuple(_row(rng) for _ in range(REFERENCE_ROWS))


def _row(rng: random.Random) -> Row:
    age, income = rng.gauss(40, 10), rng.lognormvariate(10, 0.5)
    numbers = (age, income, rng.betavariate(2, 5) + 0.05, rng.expovariate(0.1) + 1.0, rng.randrange(100, 200))
    return {**dict(zip(NUMBERS, numbers, strict=True)), "region": rng.choices(REGIONS, (5, 3, 2))[0]}


class Monitor:
    """Kolmogorov and Smirnov's test, and exact counts of what is missing or was never seen; a gauge a feature."""

    metric = "feature_drift"
    label: str | None = "feature"
    level = 0.01 / LOOKS / len(FEATURES) / 3
    reference_version = VERSION
    declared: Mapping[str, Any] = {"metric": "feature_drift", "above": 0.5, "feature_label": "feature"}

    def __init__(self) -> None:
        self.rows: deque[Row] = deque(maxlen=WINDOW)
        self.sorted = {name: np.sort([float(row[name] or 0) for row in reference()]) for name in NUMBERS}
        self.seen: list[list[Sample]] = []

    def predict(self, row: Row) -> float:
        """What the model makes of a row."""
        return round(sum(float(row[name] or 0) / float(self.sorted[name][-1]) for name in NUMBERS), 9)

    def observe(self, rows: Sequence[Row]) -> None:
        """Rows were predicted."""
        self.rows.extend(rows)

    def samples(self) -> list[Sample]:
        """What is told: 1 for each feature that drifts."""
        return [({str(self.label): name}, float(self.p_value(name) < self.level)) for name in FEATURES]

    def p_value(self, name: str) -> float:
        """The least of a feature's tests."""
        cells = [row[name] for row in self.rows]
        if len(cells) < WINDOW:
            return 1.0
        missing = self.surprise(sum(cell is None for cell in cells))
        return min(missing, self.categories(cells) if name == "region" else self.numbers(name, cells))

    def numbers(self, name: str, cells: Sequence[object]) -> float:
        """Of the distribution, and of values out of range."""
        values = np.array([cell for cell in cells if cell is not None], dtype=np.float64)
        known = self.sorted[name]
        outside = int(np.count_nonzero((values < known[0]) | (values > known[-1])))
        return min(self.distribution(values, known), self.surprise(outside))

    def distribution(self, values: NDArray[np.float64], known: NDArray[np.float64]) -> float:
        """By the largest distance between the distribution functions, if it is one that matters."""
        at = np.sort(values)
        below, upto = (np.searchsorted(known, at, side) / len(known) for side in ("left", "right"))
        mine = np.searchsorted(at, at, "left") / len(at), np.searchsorted(at, at, "right") / len(at)
        distance = float(max(np.abs(mine[0] - below).max(), np.abs(mine[1] - upto).max()))
        return float(special.kolmogorov(distance * math.sqrt(len(at)))) if distance > 0.05 else 1.0

    def categories(self, cells: Sequence[object]) -> float:
        """Of levels that the reference lacks."""
        return self.surprise(sum(cell not in REGIONS and cell is not None for cell in cells))

    def surprise(self, count: int) -> float:
        """P(as many) of what was in none of the reference's rows: its share there is hardly more than three of them."""
        return float(stats.binom.sf(count - 1, WINDOW, 3 / REFERENCE_ROWS)) if count else 1.0

    def metrics(self) -> str:
        """The page that Prometheus scrapes."""
        lines = [f'drift_reference_info{{version="{self.reference_version}"}} 1', f"drift_window_rows {len(self.rows)}"]
        for labels, value in self.samples():
            shown = ",".join(f'{name}="{text}"' for name, text in labels.items())
            lines.append(f"{self.metric}{{{shown}}} {value}")
        return "\n".join([*lines, ""])


class Whole(Monitor):
    """One gauge for all features together."""

    metric = "dataset_drift"
    declared: Mapping[str, Any] = {"metric": "dataset_drift", "above": 0.5}

    def samples(self) -> list[Sample]:
        return [({"model": "m"}, max(value for _, value in super().samples()))]


class PValues(Monitor):
    """Exports p-values, of which small ones are bad, and makes means its test."""

    metric = "column_p_value"
    label = "column"
    declared: Mapping[str, Any] = {"metric": "column_p_value", "below": Monitor.level, "feature_label": "column"}

    def samples(self) -> list[Sample]:
        return [({"column": name}, self.p_value(name)) for name in FEATURES]

    def distribution(self, values: NDArray[np.float64], known: NDArray[np.float64]) -> float:
        ranks = (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")) / (2 * len(known))
        return float(2 * special.ndtr(-abs(ranks.mean() - 0.5) * math.sqrt(12 * len(values))))


HEALTHY: tuple[type[Monitor], ...] = (Monitor, Whole, PValues)


class NoMetric(Monitor):
    def samples(self) -> list[Sample]:
        return []


class ConstantGauge(Monitor):
    def samples(self) -> list[Sample]:
        return [({"feature": name}, 0.0) for name in FEATURES]


class AlwaysFiring(Monitor):
    def samples(self) -> list[Sample]:
        return [({"feature": name}, 1.0) for name in FEATURES]


class CriesWolf(Monitor):
    """KS at p < .05 a column and a look."""

    level = 0.05

    def surprise(self, count: int) -> float:
        return super().surprise(count) if count > 3 else 1.0


class HalfOfTheColumns(Whole):
    def samples(self) -> list[Sample]:
        drifting = [value for _, value in Monitor.samples(self)]
        return [({"model": "m"}, float(sum(drifting) >= len(drifting) / 2))]


class NeverRecovers(Monitor):
    def samples(self) -> list[Sample]:
        firing = {labels["feature"] for labels, value in super().samples() if value}
        self.latched = getattr(self, "latched", set()) | firing
        return [({"feature": name}, float(name in self.latched)) for name in FEATURES]


class DropsMissing(Monitor):
    def p_value(self, name: str) -> float:
        cells = [row[name] for row in self.rows if row[name] is not None]
        return self.categories(cells) if name == "region" else self.numbers(name, cells) if cells else 1.0


class SwappedFeatures(Monitor):
    def samples(self) -> list[Sample]:
        values = [value for _, value in super().samples()]
        return [({"feature": name}, value) for name, value in zip(reversed(FEATURES), values, strict=True)]


class AnotherUnit(Monitor):
    """Income comes in thousands online."""

    def predict(self, row: Row) -> float:
        return super().predict({**row, "income": float(row["income"] or 0) * 1000})

    def observe(self, rows: Sequence[Row]) -> None:
        super().observe([{**row, "income": float(row["income"] or 0) * 1000} for row in rows])


class StaleReference(Monitor):
    reference_version = "1.0.0"


class WrongLabel(Monitor):
    label = "name"


class NaNGauge(Monitor):
    def samples(self) -> list[Sample]:
        return [({"feature": name}, math.nan) for name in FEATURES]


class FiresLate(Monitor):
    """Tells what it saw fifteen looks ago."""

    def samples(self) -> list[Sample]:
        self.seen = [*self.seen[-15:], super().samples()]
        return self.seen[0]


class NumbersOnly(Monitor):
    def categories(self, cells: Sequence[object]) -> float:
        return 1.0


class LearnsOnline(Monitor):
    """Scales by the largest answer that it ever gave."""

    most = 5.0

    def predict(self, row: Row) -> float:
        self.most = max(self.most, super().predict(row))
        return super().predict(row) * 5.0 / self.most


@dataclass(frozen=True)
class Faulty:
    """A monitor with a fault, the check that must find it, words of the cause, and other checks that may find it."""

    made: Callable[[], Monitor]
    check: str
    cause: str
    also: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Of the fault."""
        return getattr(self.made, "__name__", "?")


QUIET, DETECTS, PARITY = "drift.quiet", "drift.detects", "drift.train_serve_parity"
FAULTY: tuple[Faulty, ...] = (
    Faulty(NoMetric, DETECTS, "exports no feature_drift"),
    Faulty(ConstantGauge, DETECTS, "stood at 0 at all"),
    Faulty(AlwaysFiring, QUIET, "tells of drift in"),
    Faulty(CriesWolf, QUIET, "tells of drift in"),
    Faulty(HalfOfTheColumns, DETECTS, "only when many features move at once"),
    Faulty(NeverRecovers, DETECTS, "still tells of drift after"),
    Faulty(DropsMissing, DETECTS, "missing in 5% of rows"),
    Faulty(SwappedFeatures, DETECTS, "instead"),
    Faulty(AnotherUnit, QUIET, "income first", frozenset({PARITY})),
    Faulty(StaleReference, "drift.reference_pinned", "the reference '1.0.0'"),
    Faulty(WrongLabel, DETECTS, "no label 'feature', but 'name'"),
    Faulty(NaNGauge, DETECTS, "is NaN in 46 looks"),
    Faulty(FiresLate, DETECTS, "600 are promised"),
    Faulty(NumbersOnly, DETECTS, "an unseen level in 5% of rows"),
    Faulty(LearnsOnline, PARITY, "golden rows differ"),
)
