"""What the service counts, for Prometheus. Every label has few values, whatever clients send.

With several workers each process counts into files of its own in `PROMETHEUS_MULTIPROC_DIR`, and a scrape of any worker
adds them up. prometheus_client decides by that variable at import, so it must be set before this module is imported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics import MetricWrapperBase

from reference_service.artifacts.registry import Snapshot
from reference_service.deployments.changes import State
from reference_service.drift.gauges import DriftGauges
from reference_service.model.inputs import ModelContract
from reference_service.model.predictor import Answer
from reference_service.serving_metrics import ServingCollector

if TYPE_CHECKING:
    from reference_service.deployments.outcomes import Score

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
UNMATCHED = "_unmatched"
# 0.25 is the objective: whether it is met can be read exactly only at a bucket's edge.
LATENCY_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SHARE_EDGES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
VALUE_EDGES = (25.0, 50.0, 75.0, 100.0, 125.0, 150.0, 175.0, 200.0, 225.0, 250.0, 300.0, 350.0)


Metric = TypeVar("Metric", bound=MetricWrapperBase)


class Series(dict[tuple[object, ...], Metric]):
    """The series of one metric by the values of its labels: finding one here is cheaper than counting in it."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric

    def __missing__(self, labels: tuple[object, ...]) -> Metric:
        found = self[labels] = self.metric.labels(*labels)
        return found


class Telemetry:
    """The counters of one process."""

    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, contract: ModelContract) -> None:
        self.contract = contract
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for every counter, of no use here
        self.registry = CollectorRegistry()
        request_labels = ["route", "method", "status", "model_version"]
        self.requests = Series(Counter("http_requests", "Requests answered.", request_labels, registry=self.registry))
        self.latency = Series(
            Histogram(
                "http_request_duration_seconds",
                "Time from a request's head to the end of its answer.",
                ["route", "method"],
                buckets=LATENCY_EDGES,
                registry=self.registry,
            )
        )
        self.in_flight = self._gauge("http_requests_in_flight", "Requests being answered now.")
        self.queued = self._gauge("prediction_queue_requests", "Requests waiting for the model now.")
        self.shed_requests = Counter(
            "requests_shed", "Requests refused in overload.", ["reason"], registry=self.registry
        )
        self.limited_requests = Counter(
            "requests_rate_limited", "Requests refused because their client sends too many.", registry=self.registry
        )
        self.calls = Histogram(
            "model_call_rows",
            "Rows answered by one call of the model.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            registry=self.registry,
        )
        self.predictions = Series(
            Counter("predictions", "Rows predicted, by class.", ["model_version", "prediction"], registry=self.registry)
        )
        self.exposures = Series(
            Counter(
                "experiment_predictions",
                "Rows predicted for users of an experiment.",
                ["variant", "model_version"],
                registry=self.registry,
            )
        )
        self.outputs = Series(
            Histogram(
                "prediction_output",
                "Probability of the last class, or predicted value.",
                ["model_version"],
                buckets=SHARE_EDGES if contract.classes else VALUE_EDGES,
                registry=self.registry,
            )
        )
        labels = ["metric", "model_version"]
        self.live = self._gauge("model_live_quality", "Quality by the labels that came back.", labels, "livemostrecent")
        self.live_labels = self._gauge(
            "model_live_quality_labels", "Labels it is made of.", ["model_version"], "livemostrecent"
        )
        self.changes = Counter("model_changes", "Changes of what serves.", ["action"], registry=self.registry)
        self.drift = DriftGauges(self.registry)
        self.in_force = ServingCollector()
        self.registry.register(self.in_force)
        # Known from the start: a rate over a series that appears only with its first event misses that event.
        self.shed_requests.labels("queue")
        self.shed_requests.labels("under_way")
        for action in ("promote", "rollback", "experiment"):
            self.changes.labels(action)

    def started(self) -> None:
        """A request arrived."""
        self.in_flight.inc()

    def finished(self, route: str, method: str, status: int, version: str, seconds: float) -> None:
        """A request was answered."""
        self.in_flight.dec()
        method = self.method_label(method)
        self.requests[route, method, status, version].inc()
        self.latency[route, method].observe(seconds)

    def predicted(self, version: str, answers: Sequence[Answer], variant: str | None = None) -> None:
        """Rows were predicted, by the variant of an experiment if one chose the version."""
        if variant is not None:
            self.exposures[variant, version].inc(len(answers))
        output = self.outputs[version,]
        for answer in answers:
            self.predictions[version, self.prediction_label(answer)].inc()
            output.observe(self.output(answer))

    def queue(self, length: int) -> None:
        """The queue before the model changed."""
        self.queued.set(length)

    def shed(self, reason: str) -> None:
        """A request was refused to protect the others."""
        self.shed_requests.labels(reason).inc()

    def rate_limited(self) -> None:
        """A request was refused because its client sends too many."""
        self.limited_requests.inc()

    def model_call(self, rows: int) -> None:
        """The model is called once for some rows."""
        self.calls.observe(rows)

    def serving(self, state: State, snapshot: Snapshot | None) -> None:
        """What is in force, for the next scrape; the snapshot is that of the serving version, if it is loaded."""
        self.in_force.state, self.in_force.snapshot = state, snapshot

    def live_quality(self, scores: Sequence[Score]) -> None:
        """Labels came back. Whichever worker learns of them last tells for all, from what all share."""
        for score in scores:
            metric, value = score.quality(self.contract.task)
            self.live.labels(metric, score.version).set(value)
            self.live_labels.labels(score.version).set(score.labels)

    def changed(self, action: str) -> None:
        """This process made a change."""
        self.changes.labels(action).inc()

    def method_label(self, method: str) -> str:
        """The method, or `_OTHER` for whatever a client made up."""
        return method if method in METHODS else "_OTHER"

    def prediction_label(self, answer: Answer) -> str:
        """The class, or one label for every number."""
        return str(answer.prediction) if self.contract.classes else "value"

    def output(self, answer: Answer) -> float:
        """The number whose distribution is watched."""
        if answer.probabilities is None:
            return float(answer.prediction)
        return answer.probabilities[self.contract.classes[-1]]

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes, summed over workers."""
        directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if not directory:
            return generate_latest(self.registry)
        _forget_dead_workers(Path(directory))
        summed = CollectorRegistry()
        multiprocess.MultiProcessCollector(summed, directory)  # type: ignore[no-untyped-call]
        summed.register(self.in_force)
        return generate_latest(summed)

    def _gauge(self, name: str, text: str, labels: Sequence[str] = (), mode: Any = "livesum") -> Gauge:
        return Gauge(name, text, labels, multiprocess_mode=mode, registry=self.registry)


def _forget_dead_workers(directory: Path) -> None:
    """A killed worker must not count as in flight for ever; what it counted stays."""
    for path in directory.glob("gauge_live*.db"):
        found = re.search(r"_(\d+)\.db\Z", path.name)
        if found and not Path("/proc", found[1]).exists():
            path.unlink(missing_ok=True)
