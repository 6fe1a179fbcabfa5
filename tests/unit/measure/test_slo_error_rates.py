"""How often the latency verdict is wrong, by seeded simulation (a small part of benchmarks/latency_rules.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_mlready.measure.slo import judge_share

RATE, LIMIT, RUNS = 120, 0.05, 400

# 400 runs at a true rate of 5% give more than 33 with a probability of 0.2%: a test that a right rule passes.
AT_MOST_5_PERCENT = 33

Rng = np.random.Generator


def independent(rng: Rng, seconds: float, share: float) -> NDArray[np.float64]:
    """Each request is slow with the same probability."""
    values = rng.exponential(0.003, int(seconds * RATE))
    values[rng.random(values.size) < share] = 0.3
    return values


def frozen(rng: Rng, seconds: float, share: float, stall_s: float = 0.3) -> NDArray[np.float64]:
    """A server that freezes at random times so often that `share` of the requests wait longer than the limit."""
    at = np.arange(int(seconds * RATE)) / RATE
    values = rng.exponential(0.003, at.size)
    rate = share / (stall_s - LIMIT)
    for start in rng.uniform(-stall_s, seconds, rng.poisson(rate * (seconds + stall_s))):
        first, last = np.searchsorted(at, [start, start + stall_s])
        values[first:last] = np.maximum(values[first:last], start + stall_s - at[first:last])
    return values


def verdicts(make: Callable[[Rng], NDArray[np.float64]], seconds: float, stall_s: float) -> Counter[str]:
    rng = np.random.default_rng(20261121)
    return Counter(
        judge_share(make(rng), LIMIT, duration_s=seconds, longest_stall_s=stall_s).verdict for _ in range(RUNS)
    )


@pytest.mark.parametrize("seconds", [15, 20])
def test_independent_latencies_exactly_at_the_limit(seconds: float) -> None:
    counts = verdicts(lambda rng: independent(rng, seconds, 0.01), seconds, 0.05)
    assert counts["pass"] <= AT_MOST_5_PERCENT
    assert counts["fail"] <= AT_MOST_5_PERCENT


@pytest.mark.parametrize("seconds", [20, 90])
def test_stalls_exactly_at_the_limit(seconds: float) -> None:
    counts = verdicts(lambda rng: frozen(rng, seconds, 0.01), seconds, 0.3)
    assert counts["pass"] <= AT_MOST_5_PERCENT
    assert counts["fail"] <= AT_MOST_5_PERCENT


@pytest.mark.parametrize("share", [0.0, 0.001, 0.003])
def test_a_healthy_service_passes_in_15_seconds(share: float) -> None:
    counts = verdicts(lambda rng: independent(rng, 15, share), 15, 0.05)
    assert counts["fail"] == 0
    assert counts["pass"] >= 0.94 * RUNS


@pytest.mark.parametrize(("seconds", "least"), [(15, 0.91), (20, 0.95)])
def test_a_sleep_on_two_percent_of_calls_is_found(seconds: float, least: float) -> None:
    counts = verdicts(lambda rng: independent(rng, seconds, 0.02), seconds, 0.05)
    assert counts["pass"] == 0
    assert counts["fail"] >= least * RUNS


def test_frequent_stalls_are_found() -> None:
    counts = verdicts(lambda rng: frozen(rng, 20, 0.12), 20, 0.3)
    assert counts["pass"] == 0
    assert counts["fail"] >= 0.9 * RUNS
