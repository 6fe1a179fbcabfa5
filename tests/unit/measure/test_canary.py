"""Canary metrics: the interval against known series, three verdicts, and how often a healthy canary fails."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pytest_mlready.measure.canary import Array, CanaryVerdict, judge_canary, mean_interval, memory_bound, points_needed

STEADY = [100.0, 101.0, 99.0] * 20


def series(rng: np.random.Generator, n: int, memory: float) -> Array:
    """A stationary first-order series with unit variance."""
    found = np.empty(n)
    found[0] = rng.standard_normal()
    for at in range(1, n):
        found[at] = memory * found[at - 1] + math.sqrt(1 - memory**2) * rng.standard_normal()
    return found


def judged(factor: float, **given: Any) -> CanaryVerdict:
    return judge_canary({"latency": [factor * one for one in STEADY]}, {"latency": STEADY[::-1]}, **given)


@pytest.mark.parametrize(
    ("factor", "worse", "verdict"),
    [
        (1.0, "higher", "pass"),
        (1.05, "higher", "pass"),
        (1.25, "higher", "fail"),
        (0.75, "higher", "pass"),
        (0.75, "lower", "fail"),
        (0.75, "either", "fail"),
        (1.25, "either", "fail"),
        (1.25, "lower", "pass"),
    ],
)
def test_what_is_worse_by_more_than_its_limit_fails(factor: float, worse: str, verdict: str) -> None:
    found = judged(factor, worse={"latency": worse})
    assert found.verdict == verdict
    assert found.metrics[0].limit == pytest.approx(10.0)
    assert found.points_needed is None


def test_a_limit_of_its_own() -> None:
    assert judged(1.25, limits={"latency": 0.3}).verdict == "pass"
    assert judged(1.05, limits={"latency": 0.01}).verdict == "fail"


def test_an_undecided_metric_says_how_long_it_would_take() -> None:
    rng = np.random.default_rng(4)
    noisy = {"latency": (100 + 40 * series(rng, 40, 0.0)).tolist()}
    found = judge_canary(noisy, {"latency": (100 + 40 * series(rng, 40, 0.0)).tolist()})
    assert found.verdict == "inconclusive"
    assert found.points_needed is not None
    assert 400 < found.points_needed < 2000


def test_the_window_that_is_asked_for_suffices() -> None:
    rng = np.random.default_rng(5)
    short = series(rng, 60, 0.5)
    points = points_needed(short, 0.001, 0.8)
    assert points is not None
    widths = [(high - low) / 2 for low, high, _ in (mean_interval(series(rng, points, 0.5), 0.001) for _ in range(30))]
    assert float(np.median(widths)) == pytest.approx(0.4, rel=0.4)
    assert points_needed(short, 0.001, 0.0) is None
    assert points_needed(short, 0.001, 100.0) == 60


def test_the_metric_that_decides_comes_first() -> None:
    good, bad = STEADY, [1.5 * one for one in STEADY]
    found = judge_canary({"a": good, "b": bad, "c": good}, {"a": good, "b": good, "c": good})
    assert (found.metrics[0].metric, found.metrics[0].verdict) == ("b", "fail")


def test_the_memory_of_a_series_is_bounded_from_above() -> None:
    rng = np.random.default_rng(1)
    for memory in (0.0, 0.5, 0.8):
        bounds = [memory_bound(series(rng, 200, memory)) for _ in range(200)]
        assert sum(one >= memory for one in bounds) >= 180
    assert memory_bound(np.ones(50)) < 0.25


def test_independent_points_get_students_interval_nearly() -> None:
    rng = np.random.default_rng(2)
    widths = [(high - low) / 2 for low, high, _ in (mean_interval(series(rng, 400, 0.0), 0.05) for _ in range(50))]
    assert 1.0 <= float(np.mean(widths)) / (1.6486 / math.sqrt(400)) <= 1.15


def test_a_healthy_canary_whose_points_resemble_their_neighbours_seldom_fails() -> None:
    """All of ten metrics at a lag-1 correlation of .8: at most 1%; Mann-Whitney fails nearly all of these."""
    rng = np.random.default_rng(3)
    failed = 0
    for _ in range(100):
        found = judge_canary(
            {str(at): (100 + 10 * series(rng, 60, 0.8)).tolist() for at in range(10)},
            {str(at): (100 + 10 * series(rng, 60, 0.8)).tolist() for at in range(10)},
        )
        failed += found.verdict == "fail"
    assert failed <= 3  # more than 3 of 100 has a chance of 2% where 1% fail


@pytest.mark.parametrize(
    ("candidate", "control", "words"),
    [
        ({}, {}, "the same metrics, at least one"),
        ({"a": STEADY}, {"b": STEADY}, "the same metrics"),
        ({"a": STEADY}, {"a": STEADY[1:]}, "a: expected as many points of both, at least 30; got 60 of the candidate"),
        ({"a": STEADY[:29]}, {"a": STEADY[:29]}, "at least 30"),
        ({"a": [math.nan] * 60}, {"a": STEADY}, "a: every point must be a finite number"),
    ],
)
def test_what_cannot_be_judged(candidate: Any, control: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        judge_canary(candidate, control)
