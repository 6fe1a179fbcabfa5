"""The metric by which a service tells of drift: declared, of a known family, or found; and one reading of it."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pytest_mlready.evidence.exposition import Samples
from pytest_mlready.records import DriftLook, DriftMetric
from pytest_mlready.settings import DriftSignal

PRESETS: Mapping[str, DriftMetric] = {
    "reference": DriftMetric("feature_drift", above=0.5, feature_label="feature"),
    # A histogram of 0 and 1, one observation for each inference that was judged: its sum counts the alarms.
    "seldon": DriftMetric("seldon_model_drift_sum", above=0.0, increase=True),
    # A p-value for each column.
    "trustyai": DriftMetric("trustyai_meanshift", below=0.05, feature_label="subcategory"),
    "evidently": DriftMetric("evidently:data_drift:dataset_drift", above=0.5),
}
SHOWN = 10


def metric_of(signal: DriftSignal, samples: Samples) -> DriftMetric | None:
    """The declared metric, or that of a preset; else the first of a known family that there is, or None."""
    if signal.metric is not None:
        return DriftMetric(
            signal.metric, signal.above, signal.below, signal.labels, signal.feature_label, signal.increase
        )
    if signal.preset is not None:
        return _labelled(PRESETS[signal.preset], signal)
    there = {name for name, _, _ in samples}
    return next((_labelled(one, signal) for one in PRESETS.values() if one.name in there), None)


def _labelled(metric: DriftMetric, signal: DriftSignal) -> DriftMetric:
    return DriftMetric(
        metric.name, metric.above, metric.below, signal.labels, metric.feature_label, metric.increase
    )  # fmt: skip


def similar(samples: Samples) -> tuple[str, ...]:
    """The names of metrics that speak of drift, whatever they mean by it."""
    return tuple(sorted({name for name, _, _ in samples if "drift" in name.lower()})[:SHOWN])


@dataclass
class Reader:
    """Reads the metric, look by look: what grows is compared with the look before."""

    metric: DriftMetric
    before: dict[tuple[tuple[str, str], ...], float] = field(default_factory=dict)

    def look(self, rows: int, samples: Samples | str) -> DriftLook:
        """What the samples of one scrape say of drift; a text is why there are none."""
        if isinstance(samples, str):
            return DriftLook(rows, problem=samples)
        mine = [(labels, self._value(labels, value)) for labels, value in self._matching(samples)]
        finite = [(labels, _bounded(value)) for labels, value in mine if not math.isnan(value)]
        values = [value for _, value in finite]
        extreme = (max(values) if self.metric.above is not None else min(values)) if values else None
        label = self.metric.feature_label
        firing = {labels.get(label, "") if label else "" for labels, value in finite if self.metric.fires(value)}
        problem = self._unlabelled(labels for labels, _ in mine)
        return DriftLook(rows, len(mine), len(finite), extreme, tuple(sorted(firing)), problem)

    def _matching(self, samples: Samples) -> Iterable[tuple[dict[str, str], float]]:
        wanted = self.metric.labels.items()
        for name, labels, value in samples:
            if name == self.metric.name and wanted <= labels.items():
                yield labels, value

    def _value(self, labels: Mapping[str, str], value: float) -> float:
        if not self.metric.increase:
            return value
        key = tuple(sorted(labels.items()))
        grown = value - self.before.get(key, 0.0)
        self.before[key] = value
        return grown

    def _unlabelled(self, all_labels: Iterable[Mapping[str, str]]) -> str | None:
        """The label of the feature is declared, and no sample has it."""
        label, every = self.metric.feature_label, list(all_labels)
        if label is None or not every or any(label in labels for labels in every):
            return None
        return f"it has no label {label!r}, but {', '.join(map(repr, every[0])) or 'none'}"


def _bounded(value: float) -> float:
    """As JSON can carry it."""
    return max(-sys.float_info.max, min(sys.float_info.max, value))
