"""The metrics family on literal records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_mlready.checks import metrics
from pytest_mlready.finding import Status
from pytest_mlready.records import Counters, Exposition, Scrape
from tests.unit.records_made import exchange, settings

SCRAPED = exchange(method="GET", path="/metrics", sent=b"")
CLAIMED = settings(metrics={})


def requests(good: float, bad: float, scrapes: float = 0.0) -> tuple[Any, ...]:
    """A request counter with route and status, and a gauge."""
    return (
        ("http_requests_total", {"path": "/predict", "status": "200"}, good),
        ("http_requests_total", {"path": "/predict", "status": "422"}, bad),
        ("http_requests_total", {"path": "/metrics", "status": "200"}, scrapes),
        ("model_predictions_total", {"prediction": "1"}, good),
        ("process_cpu_seconds_total", {}, good + bad),
    )


def exposition(*samples: Any, problem: str | None = None) -> Exposition:
    return Exposition(SCRAPED, problem, samples)


def counters(before: Any, *after: Any, **changed: Any) -> Counters:
    made = Counters(
        before=(exposition(*before),),
        sent={"200": 37, "422": 13},
        after=tuple(exposition(*one) for one in after),
        distinct_inputs=1000,
        unknown_paths=80,
        invented_methods=60,
        distinct_after=exposition(*after[-1]) if after else exposition(),
        predict_path="/predict",
        metrics_path="/metrics",
    )
    return replace(made, **changed)


BEFORE = requests(5, 1)
HEALTHY = counters(BEFORE, requests(42, 14, 5), requests(42, 14, 6))


class TestScrapable:
    def test_parsed_samples_pass(self) -> None:
        found = metrics.scrapable(Scrape(exposition(*BEFORE)))
        assert found.status is Status.PASS
        assert found.measurement is not None
        assert found.measurement.value == 5

    @pytest.mark.parametrize("problem", ["its Content-Type is 'text/html'", "it answered 404", "it does not parse"])
    def test_what_prometheus_refuses_fails(self, problem: str) -> None:
        found = metrics.scrapable(Scrape(exposition(problem=problem)))
        assert found.status is Status.FAIL
        assert problem in found.summary
        assert "/metrics" in found.replay

    def test_an_empty_exposition_fails(self) -> None:
        assert metrics.scrapable(Scrape(exposition())).status is Status.FAIL


class TestCountsTrue:
    def test_growth_by_what_was_sent_passes(self) -> None:
        found = metrics.counts_true(HEALTHY, CLAIMED)
        assert found.status is Status.PASS
        assert "200: 37 of 37" in found.summary

    @pytest.mark.parametrize(
        ("after", "word"),
        [
            ([BEFORE], "grew by 0 for 50 requests"),
            ([requests(42, 1)], "422: 0 of 13"),
            ([requests(14, 4)], "grew by 12 for 50"),
            ([requests(79, 27)], "grew by 100 for 50"),
            ([requests(29, 27)], "200: 24 of 37"),
            ([requests(42, 14), requests(12, 3)], "each worker counts for itself"),
        ],
    )
    def test_growth_by_anything_else_fails(self, after: list[Any], word: str) -> None:
        found = metrics.counts_true(counters(BEFORE, *after), CLAIMED)
        assert found.status is Status.FAIL
        assert word in found.summary
        assert found.measurement is not None
        assert found.measurement.limit == 50

    def test_a_count_that_tells_no_statuses_vouches_for_none(self) -> None:
        def stuck(total: float) -> Any:
            requests = ("http_requests_total", {"path": "/predict", "status": "200"}, total)
            return (requests, ("http_request_duration_seconds_count", {"path": "/predict"}, total))

        found = metrics.counts_true(counters(stuck(6), stuck(56)), CLAIMED)
        assert found.status is Status.FAIL
        assert "422" in found.summary

    def test_no_counter_at_all_fails(self) -> None:
        gauges: Any = (("up", {}, 1.0), ("process_cpu_seconds_total", {}, 50.0))
        found = metrics.counts_true(counters(gauges, gauges), CLAIMED)
        assert found.status is Status.FAIL
        assert "no counter of requests" in found.summary

    @pytest.mark.parametrize(
        ("name", "status"),
        [
            ("http_requests_total", Status.PASS),
            ("http_requests", Status.PASS),
            ("model_predictions", Status.FAIL),
            ("elsewhere", Status.FAIL),
        ],
    )
    def test_a_declared_counter_alone_is_judged(self, name: str, status: Status) -> None:
        assert metrics.counts_true(HEALTHY, settings(metrics={"requests": name})).status is status

    @pytest.mark.parametrize(("grown", "status"), [(50, "pass"), (52, "pass"), (53, "fail"), (49, "fail")])
    def test_a_counter_without_routes_may_count_our_scrapes(self, grown: int, status: str) -> None:
        before: Any = (("requests_total", {}, 7.0),)
        after: Any = (("requests_total", {}, 7.0 + grown),)
        assert metrics.counts_true(counters(before, after, after), CLAIMED).status == status

    def test_a_histogram_with_classes_of_status_counts_too(self) -> None:
        name = "http_request_duration_seconds_count"
        after = (
            (name, {"handler": "predict", "code": "2xx"}, 37.0),
            (name, {"handler": "predict", "code": "4xx"}, 13.0),
        )
        assert metrics.counts_true(counters((), after), CLAIMED).status is Status.PASS

    def test_unreadable_metrics_are_left_to_scrapable(self) -> None:
        unread = counters(BEFORE, BEFORE, after=(exposition(problem="it answered 500"),))
        for check in (metrics.counts_true, metrics.cardinality):
            found = check(unread, CLAIMED)
            assert found.status is Status.INCONCLUSIVE
            assert "metrics.scrapable" in found.summary

    @pytest.mark.parametrize("sent", [{}, {"refused": 50}])
    def test_nothing_answered_leaves_nothing_to_count(self, sent: dict[str, int]) -> None:
        assert metrics.counts_true(replace(HEALTHY, sent=sent), CLAIMED).status is Status.INCONCLUSIVE

    def test_no_scrape_is_no_pass(self) -> None:
        assert metrics.counts_true(counters(BEFORE), CLAIMED).status is Status.INCONCLUSIVE


class TestCardinality:
    def grown(self, label: str, count: int, inputs: int = 1000) -> Counters:
        new = tuple(("predictions_total", {label: str(at), "path": "/predict"}, 1.0) for at in range(count))
        return replace(HEALTHY, distinct_after=exposition(*requests(99, 14), *new), distinct_inputs=inputs)

    def test_no_new_series_pass(self) -> None:
        assert metrics.cardinality(HEALTHY, CLAIMED).status is Status.PASS

    def test_nothing_asked_proves_nothing(self) -> None:
        mute = replace(HEALTHY, distinct_inputs=0, unknown_paths=0, invented_methods=0)
        assert metrics.cardinality(mute, CLAIMED).status is Status.INCONCLUSIVE

    @pytest.mark.parametrize("label", ["prediction", "user"])
    def test_a_label_by_input_or_prediction_fails_and_is_named(self, label: str) -> None:
        found = metrics.cardinality(self.grown(label, 964), CLAIMED)
        assert found.status is Status.FAIL
        assert f"label {label!r} took 964 new values" in found.summary

    @pytest.mark.parametrize(("most", "count", "status"), [(50, 50, "pass"), (50, 51, "fail"), (100, 51, "pass")])
    def test_the_bound_is_the_declared_one(self, most: int, count: int, status: str) -> None:
        found = metrics.cardinality(self.grown("x", count), settings(metrics={"max_new_series": most}))
        assert found.status == status

    @pytest.mark.parametrize(("count", "status"), [(40, Status.INCONCLUSIVE), (4, Status.PASS)])
    def test_too_few_inputs_decide_only_if_few_series_came(self, count: int, status: Status) -> None:
        assert metrics.cardinality(self.grown("x", count, inputs=40), CLAIMED).status is status
