"""Memory and CPU time under load, on literal records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_mlready.checks.latency_resources import memory_stable, resource_budget
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import Generator, LoadRun, Use
from tests.unit.records_made import settings

MIB, KIB = 1024 * 1024, 1024
RATE, DURATION = 120.0, 20.0
COUNT = int(RATE * DURATION)
LOOKS = np.arange(-1.0, DURATION + 1.5, 0.25)
SENT = np.clip(LOOKS, 0, DURATION) * RATE
QUIET = Generator(0.0002, 0.0012, 0.004, cpu_s=2.0, wall_s=26.0, connections=6, processes=1)
RNG = np.random.default_rng(2)
NOISE = RNG.normal(0, 100 * KIB, LOOKS.size)


def run(rss: Any = 0.0, cpu_s: Any = 0.0, status: Any = 200) -> LoadRun:
    """`rss` bytes beyond 200 MiB and so many seconds of CPU time, one for each look."""
    intended, statuses = np.arange(COUNT) / RATE, np.broadcast_to(np.asarray(status), COUNT)
    series = {"intended_s": intended, "response_s": np.full(COUNT, 0.004), "status": statuses}
    sizes, times = np.broadcast_to(200 * MIB + np.asarray(rss), LOOKS.shape), np.broadcast_to(cpu_s, LOOKS.shape)
    used = tuple(Use(at, cpu, int(size), 20) for at, cpu, size in zip(LOOKS.tolist(), times, sizes, strict=True))
    return LoadRun("steady", RATE, DURATION, "poisson", 7, 0.0, (), QUIET, series, used)


@pytest.mark.parametrize(
    ("rss", "status", "words"),
    [
        (0.0, Status.PASS, "0.0 KiB each"),
        (NOISE, Status.PASS, "a leak of more than"),
        (300 * SENT, Status.PASS, "0.3 KiB each"),
        (8 * MIB * (LOOKS > 12), Status.PASS, "8.0 MiB"),
        (np.where(LOOKS < 6, 5 * MIB * LOOKS, 30 * MIB), Status.PASS, "0.0 MiB"),
        (NOISE + 2 * KIB * SENT, Status.INCONCLUSIVE, "it may be filling up; "),
        (200 * MIB * (LOOKS > 12), Status.INCONCLUSIVE, "too uneven"),
        (NOISE + 8 * KIB * SENT, Status.FAIL, "without a pause: 33"),
        (16 * KIB * SENT, Status.FAIL, "16.0 KiB each [16.0, 16.0], without a pause: 6750 MiB an hour"),
    ],
    ids=["level", "noise", "small", "jump", "warm-up", "may fill up", "large jump", "leak", "large leak"],
)
def test_memory_that_grows_with_every_request_fails(rss: Any, status: Status, words: str) -> None:
    found = memory_stable(run(rss))
    assert found.status is status, found.summary
    assert words in found.summary


def test_how_long_would_decide_is_said() -> None:
    assert memory_stable(run(3 * KIB * SENT)).summary.endswith("it may be filling up; 34 s would decide")


def judged(load: LoadRun, **declared: float) -> Finding:
    return resource_budget(load, settings(latency={"rate": RATE, "p99_ms": 250, **declared}))


@pytest.mark.parametrize(
    ("each_ms", "status"), [(2.0, Status.PASS), (2.9, Status.PASS), (3.0, Status.INCONCLUSIVE), (3.4, Status.FAIL)]
)
def test_cpu_time_is_held_against_the_limit_by_its_interval(each_ms: float, status: Status) -> None:
    uneven = np.cumsum(RNG.normal(0, 0.002, LOOKS.size))
    found = judged(run(cpu_s=5 + each_ms / 1000 * SENT + uneven), cpu_ms_per_request=3)
    assert found.status is status
    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(each_ms / 1000, rel=0.1)
    assert "3 ms declared" in found.summary


@pytest.mark.parametrize(("limit", "status"), [(230, Status.PASS), (215, Status.FAIL)])
def test_memory_is_held_against_the_limit_at_its_peak(limit: float, status: Status) -> None:
    found = judged(run(20 * MIB * (LOOKS.round(2) == 7.0)), rss_mib=limit)
    assert found.status is status
    assert "at most 220 MiB resident" in found.summary


@pytest.mark.parametrize(
    ("gpu", "status", "words"),
    [
        (1200 * MIB, Status.PASS, "at most 1200 MiB on GPUs, 1500 MiB declared"),
        (1600 * MIB, Status.FAIL, "at most 1600 MiB on GPUs"),
        (None, Status.INCONCLUSIVE, "nvidia-smi is not there"),
    ],
)
def test_memory_on_gpus_is_held_against_the_limit_where_it_is_known(gpu: Any, status: Status, words: str) -> None:
    load = run()
    used = tuple(replace(one, gpu_bytes=gpu if one.at_s == 7.0 else gpu and 800 * MIB) for one in load.used)
    found = judged(replace(load, used=used), gpu_mib=1500)
    assert found.status is status
    assert words in found.summary


def test_requests_that_are_shed_cost_nothing_and_are_not_counted() -> None:
    shed = run(cpu_s=0.002 * SENT, status=np.where(np.arange(COUNT) % 2, 503, 200))
    assert judged(shed, cpu_ms_per_request=3).status is Status.FAIL


def test_the_worse_of_both_is_told_first() -> None:
    load = run(cpu_s=0.002 * SENT)
    found = judged(load, cpu_ms_per_request=1, rss_mib=300)
    assert found.status is Status.FAIL
    assert found.summary.startswith("2.00 ms of CPU a request")
    assert found.details == ("at most 200 MiB resident in 90 looks, 300 MiB declared",)
    assert judged(load, cpu_ms_per_request=1, rss_mib=100).summary.startswith("at most 200 MiB")


def test_a_service_that_is_not_ours_cannot_be_watched() -> None:
    theirs = replace(run(), used=())
    for found in (memory_stable(theirs), judged(theirs, rss_mib=1)):
        assert found.status is Status.NOT_APPLICABLE
        assert "was not started by the run" in found.summary


def test_too_few_looks_decide_nothing() -> None:
    short = replace(run(), used=run().used[:10])
    assert memory_stable(short).status is Status.INCONCLUSIVE
    assert judged(short, cpu_ms_per_request=1).status is Status.INCONCLUSIVE
