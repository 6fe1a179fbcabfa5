"""The last look, for Prometheus: with several workers that which any of them took last, at the rows of all."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from reference_service.drift.panel import DRIFT
from reference_service.drift.shared import Report


class DriftGauges:
    """Drift by feature; the features are those of the model, so labels are few."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(name, text, labels, multiprocess_mode="livemostrecent", registry=registry)

        self.drifts = gauge("feature_drift", "1 if a feature no longer looks like the training data.", ("feature",))
        self.statistics = gauge(
            "feature_drift_statistic", "Size of the effect that is the least probable by chance.", ("feature",)
        )
        self.rows = gauge("drift_window_rows", "Rows of the last look.")

    def show(self, report: Report) -> None:
        """Show a look."""
        self.rows.set(report.window)
        for finding in report.features:
            self.drifts.labels(finding.name).set(finding.verdict == DRIFT)
            self.statistics.labels(finding.name).set(abs(finding.statistic))
