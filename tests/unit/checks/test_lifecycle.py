"""The lifecycle family on literal records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_mlready.checks import lifecycle
from pytest_mlready.finding import Status
from pytest_mlready.records import Answered, Drain, StartTimeline
from tests.unit.records_made import answered, exchange, settings

HEALTHY = StartTimeline(
    statuses=((0.1, "refused"), (0.9, "503"), (1.0, "200")),
    ready_at_s=1.0,
    ready=exchange(method="GET", path="/health/ready"),
    first=answered(0, case="first predict after readiness"),
    second=answered(0),
)
NEVER_READY = StartTimeline(((0.1, "refused"), (40.0, "503")), None, None, None, None)


class TestReadyTruthful:
    def test_an_answered_first_predict_passes(self) -> None:
        assert lifecycle.ready_truthful(HEALTHY).status is Status.PASS

    @pytest.mark.parametrize(
        ("first", "word"),
        [
            (answered(0, status=503), "was answered 503"),
            (answered(0, status=500), "was answered 500"),
            (answered(0, failure="deadline"), "no answer (deadline)"),
            (Answered(exchange(body={}), (0,), problem="the prediction is null"), "the prediction is null"),
        ],
    )
    def test_ready_before_the_model_is_loaded_fails(self, first: Answered, word: str) -> None:
        found = lifecycle.ready_truthful(replace(HEALTHY, first=first))
        assert found.status is Status.FAIL
        assert word in found.summary
        assert found.replay or not first.exchange.ok or first.problem

    def test_a_first_answer_unlike_the_second_fails(self) -> None:
        found = lifecycle.ready_truthful(replace(HEALTHY, first=answered(0, 0)))
        assert found.status is Status.FAIL
        assert "prediction 0 and 1" in found.summary

    def test_never_ready_is_inconclusive(self) -> None:
        found = lifecycle.ready_truthful(NEVER_READY)
        assert found.status is Status.INCONCLUSIVE
        assert "503" in found.summary


class TestColdStart:
    def test_within_both_budgets_passes(self) -> None:
        assert lifecycle.cold_start(HEALTHY, settings()).status is Status.PASS

    def test_a_late_readiness_fails(self) -> None:
        found = lifecycle.cold_start(HEALTHY, settings(lifecycle={"cold_start_s": 0.5}))
        assert found.status is Status.FAIL
        assert found.measurement is not None
        assert (found.measurement.value, found.measurement.limit) == (1.0, 0.5)

    def test_a_model_loaded_by_the_first_request_fails(self) -> None:
        found = lifecycle.cold_start(replace(HEALTHY, first=answered(0, elapsed_s=2.5)), settings())
        assert found.status is Status.FAIL
        assert "the second 0.00 s" in found.summary

    @pytest.mark.parametrize(("budget", "status"), [(30.0, Status.FAIL), (60.0, Status.INCONCLUSIVE)])
    def test_never_ready_fails_once_the_budget_is_spent(self, budget: float, status: Status) -> None:
        assert lifecycle.cold_start(NEVER_READY, settings(lifecycle={"cold_start_s": budget})).status is status

    def test_an_unanswered_first_request_is_left_to_ready_truthful(self) -> None:
        found = lifecycle.cold_start(replace(HEALTHY, first=answered(0, status=503)), settings())
        assert found.status is Status.INCONCLUSIVE


HALF = tuple((-0.25, 0.2, "200") for _ in range(4))
RECENT = tuple((-0.001, 0.004, "200") for _ in range(6))
DRAINED = Drain(RECENT, HALF, None, 0, 0.6)


Requests = tuple[tuple[float, float, str], ...]


def lost(requests: Requests, count: int, word: str = "reset") -> Requests:
    return tuple((sent, end, word if at < count else "200") for at, (sent, end, _) in enumerate(requests))


class TestDrain:
    @pytest.mark.parametrize("code", [0, -15, 143])
    def test_answered_and_gone_passes(self, code: int) -> None:
        assert lifecycle.drain(replace(DRAINED, exit_code=code), settings()).status is Status.PASS

    @pytest.mark.parametrize(
        ("drained", "word"),
        [
            (replace(DRAINED, half_sent=lost(HALF, 1)), "1 of 10 requests in flight were lost"),
            (replace(DRAINED, half_sent=lost(HALF, 4, "500")), "500"),
            (replace(DRAINED, requests=lost(RECENT, 6)), "6 of 10 requests in flight were lost"),
            (replace(DRAINED, requests=((-0.06, 0.1, "closed"),)), "1 of 5 requests"),
            (replace(DRAINED, exit_code=1), "exit code 1"),
            (replace(DRAINED, exit_code=-9), "exit code -9"),
            (replace(DRAINED, exit_code=None, waited_s=15.0), "still alive 15.0 s"),
            (replace(DRAINED, waited_s=16.0), "only 16.0 s after SIGTERM"),
            (replace(DRAINED, left_behind=2), "2 processes outlived"),
        ],
    )
    def test_what_is_lost_or_left_fails(self, drained: Drain, word: str) -> None:
        found = lifecycle.drain(drained, settings())
        assert found.status is Status.FAIL
        assert word in found.summary

    @pytest.mark.parametrize("count", [1, 2])
    def test_a_request_that_crosses_with_an_idle_close_is_no_failure(self, count: int) -> None:
        found = lifecycle.drain(replace(DRAINED, requests=lost(RECENT, count)), settings())
        assert found.status is Status.PASS
        assert len(found.details) == count

    def test_the_budget_is_the_declared_one(self) -> None:
        assert lifecycle.drain(DRAINED, settings(lifecycle={"drain_s": 0.5})).status is Status.FAIL

    def test_nothing_in_flight_is_no_pass(self) -> None:
        assert lifecycle.drain(Drain((), (), None, 0, 0.1), settings()).status is Status.INCONCLUSIVE
