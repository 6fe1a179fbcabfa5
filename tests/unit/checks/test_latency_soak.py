"""What changes while the load stays the same, on literal records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_mlready.checks.latency_soak import soak
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import Generator, LoadRun, RequestClass, Use
from tests.unit.records_made import settings

RATE, DURATION = 100.0, 90.0
COUNT = int(RATE * DURATION)
INTENDED = np.arange(COUNT) / RATE
QUIET = Generator(0.0002, 0.0012, 0.004, cpu_s=2.0, wall_s=90.0, connections=60, processes=1)
LOOKS = np.arange(0.0, DURATION, 0.25)
RNG = np.random.default_rng(9)
TIMES = 0.010 * np.exp(0.3 * RNG.standard_normal(COUNT))
LATE = RNG.exponential(2e-4, COUNT)
LATER = INTENDED / DURATION
"""From 0 at the beginning to 1 at the end."""


def run(times: Any = TIMES, status: Any = 200, *, files: Any = 20, late_s: Any = LATE, **made: Any) -> LoadRun:
    """Ninety seconds at 100 requests a second."""
    statuses = np.broadcast_to(np.asarray(status), COUNT)
    series = {
        "intended_s": INTENDED,
        "sent_s": INTENDED + late_s,
        "service_s": times,
        "response_s": times + late_s,
        "status": statuses,
        "queued": np.zeros(COUNT, dtype=bool),
    }
    kind = RequestClass("predict", COUNT, COUNT, 0, COUNT, {"200": COUNT}, {}, "", "")
    opened = np.broadcast_to(np.asarray(files), LOOKS.shape).tolist()
    used = tuple(Use(at, 0.0, 0, int(count)) for at, count in zip(LOOKS.tolist(), opened, strict=True))
    return replace(LoadRun("steady", RATE, DURATION, "poisson", 7, 0.0, (kind,), QUIET, series, used), **made)


def judged(load: LoadRun) -> Finding:
    return soak(load, settings(latency={"rate": RATE, "p99_ms": 250}))


@pytest.mark.parametrize(
    "load",
    [
        run(),
        run(TIMES * (1 + 0.2 * LATER)),
        run(TIMES * (2 - LATER)),
        run(TIMES / 40 * np.where(LATER > 0.5, 2, 1)),
        run(status=np.where(RNG.random(COUNT) < 0.002, 500, 200)),
        run(files=20 + RNG.integers(0, 30, LOOKS.size)),
        run(files=np.where(LOOKS > 50, 300, 20)),
        run(used=()),
    ],
    ids=["level", "a little", "faster", "below 1 ms", "rare failures", "connections", "one burst", "not ours"],
)
def test_what_stays_or_hardly_changes_passes(load: LoadRun) -> None:
    found = judged(load)
    assert found.status is Status.PASS, found.summary


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (run(TIMES * (1 + 3 * LATER)), "latency rose: p"),
        (run(status=np.where(RNG.random(COUNT) < 0.1 * LATER, 500, 200)), "failures rose from "),
        (run(files=20 + LOOKS * 10), "open files grew by "),
        (run(TIMES * (1 + 3 * LATER), files=20 + LOOKS * 10), "open files grew by "),
    ],
    ids=["growing delay", "failures", "files", "files are the cause"],
)
def test_what_rises_fails(load: LoadRun, words: str) -> None:
    found = judged(load)
    assert found.status is Status.FAIL
    assert found.summary.startswith(words)


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (run(TIMES * (1 + 3 * LATER), late_s=0.004 * LATER**2), "a busier machine?"),
        (run(TIMES * (1 + 0.75 * LATER)), "a longer run would decide"),
        (run(generator=replace(QUIET, lateness_p50_s=0.1)), "the load generator had trouble of its own"),
        (run(status=np.where(INTENDED < 25, 200, 200) * (INTENDED % 30 < 5)), "a longer run would decide"),
    ],
    ids=["busy machine", "near", "starved", "few answers"],
)
def test_what_cannot_be_told_is_inconclusive(load: LoadRun, words: str) -> None:
    found = judged(load)
    assert found.status is Status.INCONCLUSIVE, found.summary
    assert words in found.summary
