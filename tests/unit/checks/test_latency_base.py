"""The comparison with the version before, on literal load runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_mlready.checks.latency_base import no_regression
from pytest_mlready.finding import Finding, Status
from pytest_mlready.measure import abba
from pytest_mlready.records import Generator, LoadRun, RequestClass
from tests.unit.records_made import settings

PAIRS, SIZE = 30, 120
COUNT = 2 * PAIRS * SIZE
QUIET = Generator(0.0002, 0.0012, 0.004, cpu_s=2.0, wall_s=26.0, connections=6, processes=1)
STAGE = np.repeat(np.arange(2 * PAIRS), SIZE)
HEAD = np.repeat(abba.sequence(0, 1, PAIRS), SIZE).astype(bool)
RNG = np.random.default_rng(3)
TIMES = 0.010 * np.exp(0.3 * RNG.standard_normal(COUNT))


def run(times: Any = TIMES, status: Any = 200, *, late_s: Any = 0.0, queued: Any = False, **made: Any) -> LoadRun:
    """A base and a head by turns, at 120 requests a second."""
    statuses = np.broadcast_to(np.asarray(status), COUNT)
    classes = tuple(_class(name, statuses[mine]) for name, mine in (("base", ~HEAD), ("head", HEAD)))
    series = {
        "class": HEAD.astype(int),
        "stage": STAGE,
        "status": statuses,
        "service_s": times,
        "response_s": times + late_s,
        "queued": np.broadcast_to(np.asarray(queued), COUNT),
    }
    return replace(LoadRun("paired", 120, COUNT / 120, "poisson", 7, 0.0, classes, QUIET, series), **made)


def _class(name: str, status: Any) -> RequestClass:
    counted = {str(one): count for one, count in Counter(status.tolist()).items() if one > 0}
    missing = int((status == 0).sum())
    dropped = int((status < 0).sum())
    failures = {"reset": missing} if missing else {}
    size = len(status)
    return RequestClass(name, size, size - dropped, dropped, sum(counted.values()), counted, failures, "", "")


def judged(load: LoadRun, **base: Any) -> Finding:
    return no_regression(load, settings(latency={"rate": 120, "p99_ms": 250}, base={"command": "x {port}", **base}))


def test_a_version_against_itself_passes() -> None:
    found = judged(run())
    assert found.status is Status.PASS
    assert found.summary.startswith("not slower than the base: p95 ")
    assert [one.split()[0] for one in found.details] == ["p50", "p95", "p99"]
    assert found.measurement is not None
    assert found.measurement.n == COUNT / 2


@pytest.mark.parametrize(
    ("slower", "quantile"),
    [
        (np.where(HEAD & (RNG.random(COUNT) < 0.6), 1.6, 1.0), "p50"),
        (np.where(HEAD & (RNG.random(COUNT) < 0.1), 4.0, 1.0), "p99"),
        (np.where(HEAD & (RNG.random(COUNT) < 0.02), 9.0, 1.0), "p99"),
    ],
    ids=["most calls", "one call in ten", "one call in fifty"],
)
def test_a_slower_head_fails_and_the_quantile_is_named(slower: Any, quantile: str) -> None:
    found = judged(run(TIMES * slower))
    assert found.status is Status.FAIL
    assert found.summary.startswith(f"slower than the base: {quantile} ")
    assert judged(run(TIMES / slower)).status is Status.PASS


def test_a_p99_that_so_few_requests_cannot_tell_does_not_keep_it_from_passing() -> None:
    load = run(TIMES * np.where((STAGE == 1) & (np.arange(COUNT) % SIZE < 25), 10.0, 1.0))
    few = {name: values[STAGE < 20] for name, values in load.series.items()}
    found = judged(replace(load, series=few), p50_ratio=1.5, tail_ratio=1.8)
    assert found.status is Status.PASS
    assert found.details[2].startswith("p99 ")
    assert "[0.00, 6.86], 1.80 allowed" in found.details[2]
    assert judged(load).status is Status.PASS


def test_fifteen_per_cent_in_the_tail_are_found_where_so_little_is_allowed() -> None:
    slower = run(TIMES * np.where(HEAD, 1.15, 1.0))
    assert judged(slower, tail_ratio=1.02, p50_ratio=1.3).status is Status.FAIL
    assert judged(slower, tail_ratio=1.5, p50_ratio=1.3).status is Status.PASS


def test_ratios_are_the_declared_ones() -> None:
    slower = run(TIMES * np.where(HEAD, 1.5, 1.0))
    assert judged(slower, p50_ratio=2.0, tail_ratio=2.5).status is Status.PASS


def test_less_than_a_millisecond_is_no_regression_whatever_the_ratio() -> None:
    fast = TIMES / 40
    assert judged(run(fast * np.where(HEAD, 2.5, 1.0))).status is Status.PASS
    assert judged(run(fast * np.where(HEAD, 12.0, 1.0))).status is Status.FAIL


def test_near_what_is_allowed_it_says_how_long_would_decide() -> None:
    found = judged(run(TIMES * np.where(HEAD, 1.17, 1.0)))
    assert found.status is Status.INCONCLUSIVE
    assert " s would decide" in found.summary


def test_the_generators_lateness_is_no_answers_time() -> None:
    late = np.where(HEAD, 0.05, 0.0)
    assert judged(run(late_s=late)).status is Status.PASS
    assert judged(run(late_s=late, queued=True, generator=replace(QUIET, connections=64))).status is Status.FAIL


def test_a_starved_generator_says_nothing() -> None:
    starved = replace(QUIET, lateness_p50_s=0.05, lateness_p99_s=0.2)
    slower = TIMES * np.where(HEAD, 2.0, 1.0)
    for load in (run(slower, generator=starved), run(slower, np.where(np.arange(COUNT) % 40 == 0, -1, 200))):
        found = judged(load)
        assert found.status is Status.INCONCLUSIVE
        assert "the load generator had trouble of its own" in found.summary


def test_a_head_that_refuses_quickly_is_not_fast() -> None:
    assert judged(run(status=np.where(HEAD & (np.arange(COUNT) % 20 == 0), 503, 200))).status is Status.FAIL


def test_a_base_that_fails_is_nothing_to_compare_with() -> None:
    found = judged(run(status=np.where(HEAD, 200, 422)))
    assert found.status is Status.INCONCLUSIVE
    assert "the base failed 3600 of 3600 requests: 3600 × 422" in found.summary


def test_too_few_blocks_with_requests_say_so() -> None:
    load = run()
    few = {name: values[STAGE < 14] for name, values in load.series.items()}
    found = judged(replace(load, series=few))
    assert found.status is Status.INCONCLUSIVE
    assert "7 pairs of blocks had requests, 8 are needed" in found.summary
