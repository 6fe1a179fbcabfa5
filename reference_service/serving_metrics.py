"""Metrics of what is in force, read at the moment of a scrape.

A gauge that each worker sets would go on showing the version that served when it last looked, for as long as no request
makes it look again. These are made for each scrape, by whichever worker answers it, from what all workers share.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reference_service.artifacts.registry import Snapshot
from reference_service.deployments.changes import State


class ServingCollector(Collector):
    """Holds what the next scrape is to show."""

    def __init__(self) -> None:
        self.state: State | None = None
        self.snapshot: Snapshot | None = None

    def collect(self) -> Iterator[Metric]:
        """The generation, and one series for the version that serves; none while it is not loaded."""
        if self.state is not None:
            yield GaugeMetricFamily(
                "model_generation", "Changes in force: grows by one with each.", self.state.generation
            )
        if self.snapshot is not None:
            labels = ("name", "version", "sha256", "framework", "framework_version")
            shown = self.snapshot
            info = GaugeMetricFamily("model_info", "1 for the version that is serving.", labels=labels)
            framework = (shown.metadata["framework"], shown.metadata["framework_version"])
            info.add_metric((shown.name, shown.version, shown.sha256, *framework), 1)
            yield info
