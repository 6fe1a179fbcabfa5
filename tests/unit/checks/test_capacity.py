"""Capacity, overload and batches on literal records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_mlready.checks import capacity
from pytest_mlready.finding import Status
from pytest_mlready.records import BatchThroughput, Overload, Sweep
from tests.unit.records_made import overload, settings, trial

SLO = settings(latency={"rate": 120.0, "p99_ms": 250})
"""Asks for a capacity of 180 requests/s."""
TRIALS = (
    trial(180.0),
    trial(360.0, "fail", p99_s=None, good=150.0, achieved=200.0, in_flight=90.0),
    trial(254.6, "fail", p99_s=0.9, good=170.0, achieved=240.0, in_flight=60.0),
    trial(214.0, "inconclusive", p99_s=0.25, good=211.0, achieved=212.0, in_flight=8.0),
    trial(197.0, p99_s=0.06, in_flight=4.0),
)


def sweep(low: float = 197.0, high: float | None = 214.0, **given: Any) -> Sweep:
    """A search that found about 205 requests/s, but for what is given."""
    usual: dict[str, Any] = {
        "limit_s": 0.25,
        "arrivals": "poisson",
        "seed": 7,
        "started_at": 0.0,
        "seconds": 40.0,
        "trials": TRIALS,
        "estimate": None if high is None or not low else (low * high) ** 0.5,
        "converged": True,
        "cliff": True,
        "ended": "found",
        "overload": overload(),
    }
    return Sweep(low=low, high=high, **{**usual, **given})


class TestCapacityKnee:
    @pytest.mark.parametrize(
        ("low", "high", "status"),
        [
            (197, 214, "pass"),
            (180, 300, "pass"),
            (1000, None, "pass"),
            (100, 120, "fail"),
            (0, 90, "fail"),
            (150, 180, "fail"),
            (170, 190, "inconclusive"),
            (90, None, "inconclusive"),
            (0, None, "inconclusive"),
        ],
    )
    def test_the_interval_is_compared_with_the_rate_and_its_headroom(
        self, low: float, high: float | None, status: str
    ) -> None:
        assert capacity.capacity_knee(sweep(low, high), SLO).status.value == status

    def test_the_headroom_is_declared(self) -> None:
        more = settings(latency={"rate": 120.0, "p99_ms": 250, "headroom": 3})
        found = capacity.capacity_knee(sweep(), more)
        assert found.status is Status.FAIL
        assert found.measurement is not None
        assert found.measurement.limit == 360

    def test_it_says_the_knee_and_the_curve(self) -> None:
        found = capacity.capacity_knee(sweep(), SLO)
        assert found.summary.startswith("205.3 [197, 214] requests/s keep 99% within 250 ms, beyond it latency leaps")
        law, *points = found.details
        assert law.startswith("USL: contention ")
        assert "coherency" in law
        assert points[0] == "180/s: 180 good/s, p99 20 ms, pass"
        assert points[-1] == "360/s: 150 good/s, p99 unbounded, fail"
        assert len(points) == len(TRIALS)

    def test_too_few_points_have_no_law(self) -> None:
        found = capacity.capacity_knee(sweep(trials=TRIALS[:1]), SLO)
        assert [one[:4] for one in found.details] == ["180/"]
        assert capacity.capacity_knee(sweep(0, None, trials=()), SLO).details == ()

    def test_a_generator_in_trouble_is_named(self) -> None:
        troubled = trial(360.0, "inconclusive", trouble="it used 96% of a core itself")
        found = capacity.capacity_knee(sweep(150, None, trials=(troubled,), ended="generator"), SLO)
        assert found.status is Status.INCONCLUSIVE
        assert "96% of a core" in found.summary


COLLAPSED = overload(good=(0,) * 16, refused=(0,) * 16, others=(200,) * 16)


class TestOverload:
    @pytest.mark.parametrize(
        ("seen", "status"),
        [
            (overload(), "pass"),
            (COLLAPSED, "fail"),
            (overload(refused=(0,) * 16, others=(100,) * 16), "fail"),
            (overload(after=((0, 60),) * 12), "fail"),
            (overload(good=(5, 95) * 8), "inconclusive"),
            (replace(COLLAPSED, trouble="half of its requests were sent late"), "inconclusive"),
            (overload(trouble="half of its requests were sent late"), "inconclusive"),
            (replace(COLLAPSED, control=trial(197.0, "inconclusive", trouble="it used 96% of a core")), "inconclusive"),
        ],
        ids=["sheds", "takes all", "refuses nothing", "stays down", "unsteady", "starved", "starved too", "no control"],
    )
    def test_it_serves_refuses_and_recovers(self, seen: Overload, status: str) -> None:
        assert capacity.overload(sweep(overload=seen), SLO).status.value == status

    def test_it_says_what_was_seen(self) -> None:
        found = capacity.overload(sweep(overload=COLLAPSED), SLO)
        assert found.summary.startswith("0 good answers/s at 400 requests/s, 200 at capacity; 0 refused, 2400 late")
        assert found.measurement is not None
        assert found.measurement.limit == 100

    @pytest.mark.parametrize(
        ("seen", "said"),
        [
            (overload(good=(200,) * 16, refused=(0,) * 16, others=(0,) * 16), "400 requests/s were answered"),
            (overload(good=(200,) * 16, refused=(4,) * 16, others=(4,) * 16), "400 requests/s were answered"),
            (None, "trouble of its own at every rate"),
        ],
        ids=["took it all", "nearly all", "not tried"],
    )
    def test_a_service_that_was_not_overloaded_is_not_judged(self, seen: Overload | None, said: str) -> None:
        found = capacity.overload(sweep(1000, None, overload=seen), SLO)
        assert found.status is Status.INCONCLUSIVE
        assert said in found.summary


def throughput(*gains: float) -> BatchThroughput:
    return BatchThroughput(100, (1000.0,) * len(gains), tuple(1000.0 * gain for gain in gains))


class TestBatchAmortises:
    @pytest.mark.parametrize(
        ("seen", "status"),
        [
            (throughput(*[20.0, 22.0] * 8), "pass"),
            (throughput(*[1.2, 1.4] * 8), "fail"),
            (throughput(*[1.2, 3.4] * 4), "inconclusive"),
            (BatchThroughput(0, (), (), "a batch of 8 rows was answered 413"), "inconclusive"),
            (BatchThroughput(0, (), ()), "not_applicable"),
        ],
        ids=["shares", "loops", "unsteady", "refused", "no batches"],
    )
    def test_rows_in_batches_are_much_faster(self, seen: BatchThroughput, status: str) -> None:
        assert capacity.batch_amortises(seen, SLO).status.value == status

    def test_the_gain_is_declared(self) -> None:
        more = settings(latency={"rate": 120.0, "p99_ms": 250, "batch_gain": 30})
        assert capacity.batch_amortises(throughput(*[20.0, 22.0] * 8), more).status is Status.FAIL
