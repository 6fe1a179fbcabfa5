"""The latency family and the generator's headroom on literal load runs."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_mlready.checks import harness, latency
from pytest_mlready.checks.latency_stalls import stalls_seen
from pytest_mlready.finding import Status
from pytest_mlready.records import Generator, HealthProbe, LoadRun, RequestClass, Saturation
from tests.unit.records_made import settings

RATE, DURATION = 120.0, 26.0
COUNT = int(RATE * DURATION)
QUIET = Generator(0.0002, 0.0012, 0.004, cpu_s=2.0, wall_s=26.0, connections=6, processes=1)
LATE = replace(QUIET, lateness_p99_s=0.02)
STARVED = replace(QUIET, lateness_p50_s=0.04, lateness_p99_s=0.09)
SLO = settings(latency={"rate": RATE, "p99_ms": 250, "error_rate": 0.001, "longest_stall_s": 0.05})


def run(response_s: Any = 0.005, status: Any = 200, *, sent_late_s: Any = 0.0, generator: Generator = QUIET) -> LoadRun:
    """A load run whose requests took `response_s` and were answered `status`: one value, or one for each request."""
    statuses = np.broadcast_to(np.asarray(status), COUNT)
    response = np.broadcast_to(np.asarray(response_s, dtype=float), COUNT)
    intended = np.arange(COUNT) / RATE
    counted = Counter(int(one) for one in statuses)
    dropped = counted.pop(-1, 0)
    failures = {"reset": counted.pop(0)} if 0 in counted else {}
    if failures and float(response[statuses == 0].max()) >= 5:
        failures = {"deadline": failures["reset"]}
    kind = RequestClass(
        name="predict",
        offered=COUNT,
        sent=COUNT - dropped,
        dropped=dropped,
        completed=sum(counted.values()),
        statuses={str(one): count for one, count in counted.items()},
        failures=failures,
        response_hdr="",
        service_hdr="",
    )
    series = {
        "class": np.zeros(COUNT, dtype=int),
        "intended_s": intended,
        "sent_s": intended + sent_late_s,
        "response_s": response,
        "service_s": response - sent_late_s,
        "status": statuses,
    }
    return LoadRun("steady", RATE, DURATION, "poisson", 7, 0.0, (kind,), generator, series)


def every(nth: int, value: float, otherwise: float) -> np.ndarray[Any, Any]:
    return np.where(np.arange(COUNT) % nth == nth - 1, value, otherwise)


def queue(capacity: float) -> np.ndarray[Any, Any]:
    """Response times where only so many are answered each second: the lock around predict."""
    return np.maximum(0.005, np.arange(COUNT) / capacity - np.arange(COUNT) / RATE)


HELD, ERRORS, P99 = latency.sustained_rate, latency.error_rate, latency.p99


@pytest.mark.parametrize("check", [HELD, ERRORS, P99, stalls_seen, harness.generator_headroom])
def test_a_healthy_run_passes_everything(check: Any) -> None:
    assert check(run(), SLO).status is Status.PASS


@pytest.mark.parametrize("check", [HELD, ERRORS, P99])
def test_a_healthy_run_passes_though_the_generator_was_late(check: Any) -> None:
    assert check(run(generator=LATE), SLO).status is Status.PASS


@pytest.mark.parametrize(
    ("sick", "expected"),
    [
        (run(every(20, 0.4, 0.005)), {"p99": "fail"}),
        (run(np.where(np.arange(COUNT) % 240 < 36, 0.3, 0.005)), {"p99": "fail"}),
        (run(0.005, every(100, 500, 200)), {"error_rate": "fail"}),
        (run(0.005, every(100, 0, 200)), {"error_rate": "fail"}),
        (run(queue(80)), {"sustained_rate": "fail", "p99": "inconclusive"}),
        (run(0.005, every(4, 503, 200)), {"sustained_rate": "fail", "error_rate": "inconclusive"}),
        (
            run(np.minimum(queue(60), 5.0), np.where(queue(60) > 5, 0, 200)),
            {"sustained_rate": "fail", "p99": "inconclusive", "error_rate": "inconclusive"},
        ),
    ],
    ids=["slow 5%", "stalls", "1% 500", "1% reset", "lock", "sheds", "lock and deadlines"],
)
def test_a_defect_reddens_its_own_check_first(sick: LoadRun, expected: dict[str, str]) -> None:
    found = {check.__name__: check(sick, SLO).status.value for check in (HELD, ERRORS, P99)}
    healthy = {"sustained_rate": "pass", "error_rate": "pass", "p99": "pass"}
    if "sustained_rate" in expected:  # what follows from a rate not held may be left open or pass
        healthy |= {name: found[name] for name in ("p99", "error_rate") if found[name] != "fail"}
    assert found == {**healthy, **expected}


@pytest.mark.parametrize("check", [HELD, ERRORS, P99, stalls_seen])
@pytest.mark.parametrize("sick", [run(0.6, generator=STARVED), run(queue(60), every(9, 500, 200), generator=STARVED)])
def test_a_starved_generator_never_fails_a_service(check: Any, sick: LoadRun) -> None:
    assert check(sick, SLO).status in {Status.PASS, Status.INCONCLUSIVE}


@pytest.mark.parametrize("check", [HELD, ERRORS, P99, stalls_seen, harness.generator_headroom])
@pytest.mark.parametrize("never_sent", [1, 12])
def test_nothing_passes_where_requests_were_never_sent(check: Any, never_sent: int) -> None:
    # What came in a freeze found no socket, so that the slow ones are those that are missing.
    found = check(run(0.005, np.where(np.arange(COUNT) < never_sent, -1, 200)), SLO)
    assert found.status is Status.INCONCLUSIVE
    assert f"{never_sent} of {COUNT} requests were never sent" in found.summary


@pytest.mark.parametrize("check", [HELD, ERRORS, P99, stalls_seen, harness.generator_headroom])
def test_nothing_passes_where_the_rate_was_reached_by_going_on_for_longer(check: Any) -> None:
    # All are answered at once, and sent at two thirds of the rate.
    late = np.arange(COUNT) / RATE * 0.5
    found = check(run(late + 0.005, sent_late_s=late), SLO)
    assert found.status is Status.INCONCLUSIVE
    assert "requests were not sent before the schedule's end" in found.summary


@pytest.mark.parametrize("check", [HELD, ERRORS, P99, stalls_seen, harness.generator_headroom])
def test_nothing_passes_where_connections_of_ours_were_too_few_to_reach_the_rate(check: Any) -> None:
    late = np.arange(COUNT) / RATE * 0.5
    seen = run(late + 0.005, sent_late_s=late)
    found = check(replace(seen, series={**seen.series, "queued": late > 0}), SLO)
    assert found.status is Status.INCONCLUSIVE
    assert "requests waited for one of its own 6 connections" in found.summary


def test_nothing_passes_where_the_service_held_all_connections_until_the_end() -> None:
    late = np.arange(COUNT) / RATE * 0.5
    seen = run(late + 0.005, sent_late_s=late, generator=replace(QUIET, connections=1024))
    seen = replace(seen, series={**seen.series, "queued": late > 0})
    found = {check.__name__: check(seen, SLO) for check in (HELD, ERRORS, P99)}
    assert {name: one.status.value for name, one in found.items()} == {
        "sustained_rate": "fail",
        "error_rate": "inconclusive",
        "p99": "inconclusive",
    }
    assert "requests were not sent before the schedule's end" in found["error_rate"].summary


class TestP99:
    def test_late_and_slow_from_the_actual_send_fails(self) -> None:
        assert P99(run(every(20, 0.4, 0.02), generator=LATE, sent_late_s=0.01), SLO).status is Status.FAIL

    def test_late_but_fast_from_the_actual_send_is_inconclusive(self) -> None:
        late = run(every(20, 0.4, 0.02), generator=LATE, sent_late_s=every(20, 0.39, 0.01))
        found = P99(late, SLO)
        assert found.status is Status.INCONCLUSIVE
        assert "sent late" in found.summary

    def test_a_run_too_short_for_the_longest_stall_says_how_long_it_takes(self) -> None:
        slo = settings(latency={"rate": RATE, "p99_ms": 250, "longest_stall_s": 0.2})
        found = P99(run(), slo)
        assert found.status is Status.INCONCLUSIVE
        assert "60 s would decide" in found.summary

    def test_requests_waited_for_in_vain_are_slow(self) -> None:
        assert P99(run(every(20, 5.0, 0.005), every(20, 0, 200)), SLO).status is Status.FAIL

    def test_nothing_answered_is_left_to_the_error_rate(self) -> None:
        found = P99(run(0.005, 0), SLO)
        assert found.status is Status.INCONCLUSIVE
        assert "latency.error_rate" in found.summary

    def test_it_measures_the_quantile_beside_the_limit(self) -> None:
        measured = P99(run(every(20, 0.4, 0.005)), SLO).measurement
        assert measured is not None
        assert (measured.value, measured.limit, measured.n) == (0.4, 0.25, COUNT)


def frozen(*begins: float, seconds: float = 0.3) -> np.ndarray[Any, Any]:
    """Response times where the service stands still from these moments on."""
    due = np.arange(COUNT) / RATE
    response = np.full(COUNT, 0.005)
    for begin in begins:
        inside = (due >= begin) & (due < begin + seconds)
        response[inside] = begin + seconds - due[inside]
    return response


class TestStalls:
    def test_freezes_that_come_again_and_again_fail(self) -> None:
        found = stalls_seen(run(frozen(*range(2, 26, 2))), SLO)
        assert found.status is Status.FAIL
        assert found.summary.startswith("12 freezes longer than 250 ms in 26 s, 13.")

    def test_one_alone_is_said_and_is_no_verdict(self) -> None:
        found = stalls_seen(run(frozen(9)), SLO)
        assert (found.status, found.summary[:31]) == (Status.PASS, "1 freeze longer than 250 ms in ")

    def test_two_may_be_chance(self) -> None:
        found = stalls_seen(run(frozen(9, 20)), SLO)
        assert (found.status, found.summary[-15:]) == (Status.INCONCLUSIVE, "too few to tell")

    def test_a_starved_generator_says_nothing_of_them(self) -> None:
        found = stalls_seen(run(frozen(*range(2, 26, 2)), generator=STARVED), SLO)
        assert (found.status, "trouble of its own" in found.summary) == (Status.INCONCLUSIVE, True)

    def test_a_run_too_short_for_rare_ones_says_how_long_it_takes(self) -> None:
        found = stalls_seen(run(), settings(latency={"rate": RATE, "p99_ms": 250, "longest_stall_s": 0.2}))
        assert (found.status, "rare ones of 200 ms need 60 s" in found.summary) == (Status.INCONCLUSIVE, True)

    def test_nothing_answered_is_left_to_the_error_rate(self) -> None:
        assert "latency.error_rate" in stalls_seen(run(0.005, 0), SLO).summary


class TestErrorRate:
    def test_too_few_requests_say_how_many_would_decide(self) -> None:
        strict = settings(latency={"rate": RATE, "p99_ms": 250, "error_rate": 0.0001})
        found = ERRORS(run(), strict)
        assert found.status is Status.INCONCLUSIVE
        assert "29956 requests" in found.summary

    def test_requests_that_were_sent_again_are_told(self) -> None:
        assert ERRORS(run(), SLO).details == ()
        found = ERRORS(run(generator=replace(QUIET, resent=3)), SLO)
        assert found.status is Status.PASS
        assert found.details == ("3 requests were sent again: their connection was closed as they were sent",)

    def test_more_of_them_than_the_budget_allows_fail(self) -> None:
        found = ERRORS(run(generator=replace(QUIET, resent=90)), SLO)
        assert found.status is Status.FAIL
        assert found.summary.startswith(
            "0 of 3120 requests failed (none); 90 requests were sent again: their connection"
        )
        assert ERRORS(run(generator=replace(STARVED, resent=90)), SLO).status is Status.INCONCLUSIVE

    def test_failures_are_named_by_kind(self) -> None:
        found = ERRORS(run(0.005, every(50, 500, 200)), SLO)
        assert "62 × 500" in found.summary


class TestSustainedRate:
    def test_it_measures_the_rate_answered(self) -> None:
        measured = HELD(run(queue(80)), SLO).measurement
        assert measured is not None
        assert measured.value == pytest.approx(84, abs=2)
        assert measured.limit == pytest.approx(118.8)

    def test_a_hiccup_at_the_end_is_no_lack_of_capacity(self) -> None:
        assert HELD(run(np.where(np.arange(COUNT) > COUNT - 60, 0.5, 0.005)), SLO).status is Status.PASS


@pytest.mark.parametrize(
    ("starved", "word"),
    [
        (run(generator=STARVED), "half of its requests"),
        (run(generator=replace(QUIET, lateness_p99_s=0.06)), "1% of its requests"),
        (run(generator=replace(QUIET, cpu_s=25.0)), "96% of a core"),
        (run(0.005, every(50, -1, 200)), "62 of 3120 requests were never sent"),
    ],
)
def test_a_starved_generator_has_no_headroom(starved: LoadRun, word: str) -> None:
    found = harness.generator_headroom(starved, SLO)
    assert found.status is Status.INCONCLUSIVE
    assert word in found.summary


def probes(count: int, took_s: float, *, role: str = "live", outcome: str = "200", late_s: float = 0.0) -> Any:
    return tuple(HealthProbe(role, f"/health/{role}", late_s, took_s, outcome) for _ in range(count))


def busy(*asked: HealthProbe) -> Saturation:
    return Saturation(probes(20, 0.002), asked, completed=900, connections=64, duration_s=3.0)


class TestHealthUnderLoad:
    @pytest.mark.parametrize(
        "asked",
        [
            probes(80, 0.03) + probes(80, 0.04, role="ready"),
            probes(78, 0.03) + probes(2, 0.6),
            probes(40, 0.03) + probes(40, 0.03, role="ready", outcome="503"),
        ],
        ids=["quick", "two late answers", "not ready while busy"],
    )
    def test_health_that_answers_passes(self, asked: Any) -> None:
        assert latency.health_under_load(busy(*asked), SLO).status is Status.PASS

    @pytest.mark.parametrize(
        "asked",
        [
            probes(4, 4.4),
            probes(60, 0.4) + probes(80, 0.03, role="ready"),
            probes(80, 0.03) + probes(60, 0.4, role="ready"),
            probes(40, 0.03, outcome="503"),
            probes(40, 5.0, outcome="deadline"),
            probes(40, 0.001, outcome="refused"),
        ],
        ids=["blocked", "live slow", "ready slow", "live 503", "no answer", "refused"],
    )
    def test_health_behind_predictions_fails(self, asked: Any) -> None:
        assert latency.health_under_load(busy(*asked), SLO).status is Status.FAIL

    @pytest.mark.parametrize(
        "asked",
        [probes(1, 4.4), probes(10, 0.03), probes(60, 0.4, late_s=0.1), probes(37, 0.03) + probes(3, 0.4), ()],
        ids=["one answer", "too few", "asked late", "near the share", "no route"],
    )
    def test_what_cannot_be_told_is_inconclusive(self, asked: Any) -> None:
        assert latency.health_under_load(busy(*asked), SLO).status is Status.INCONCLUSIVE

    def test_the_limit_is_the_declared_one(self) -> None:
        strict = settings(latency={"rate": RATE, "p99_ms": 250, "health_ms": 20})
        found = latency.health_under_load(busy(*probes(80, 0.03)), strict)
        assert found.status is Status.FAIL
        assert found.measurement is not None
        assert math.isclose(float(found.measurement.limit or 0), 0.02)
