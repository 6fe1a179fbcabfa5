"""Paired comparison of latencies: literal cases, then how often it is wrong (a part of benchmarks/latency_rules.py)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_mlready.measure.regression import QuantileRatio, compare_quantile, judge_regression

Array = NDArray[np.float64]
Rng = np.random.Generator
Blocks = list[Array]

RATE, PAIRS, SIZE = 120, 30, 120
RUNS = 150
# 150 runs at a true rate of 5% give more than 16 with a probability of 0.2%.
AT_MOST_5_PERCENT = 16


def independent(rng: Rng, n: int) -> Array:
    latency: Array = 0.01 * np.exp(0.5 * rng.standard_normal(n))
    return latency


def autoregressive(rng: Rng, n: int, correlation: float = 0.95) -> Array:
    """Log-latencies an AR(1) process in the order of requests, over both versions: the machine's own load."""
    noise = rng.standard_normal(n) * math.sqrt(1 - correlation**2)
    level, levels = float(rng.standard_normal()), np.empty(n)
    for index, one in enumerate(noise.tolist()):
        level = correlation * level + one
        levels[index] = level
    latency: Array = 0.01 * np.exp(0.5 * levels)
    return latency


def stalls(rng: Rng, n: int, every_s: float = 10.0, stall_s: float = 0.3) -> Array:
    """Freezes at random times, of whichever version is then measured."""
    at, latency = np.arange(n) / RATE, 0.01 * np.exp(0.3 * rng.standard_normal(n))
    for start in rng.uniform(-stall_s, at[-1], rng.poisson((at[-1] + stall_s) / every_s)):
        first, last = np.searchsorted(at, [start, start + stall_s])
        latency[first:last] = np.maximum(latency[first:last], start + stall_s - at[first:last])
    slowed: Array = latency
    return slowed


def interleaved(times: Array, ratio: float, size: int = SIZE) -> tuple[Blocks, Blocks]:
    """Alternate blocks of a series: the baseline's, and the candidate's made slower by `ratio`."""
    blocks = times.reshape(-1, 2, size)
    return list(blocks[:, 0]), list(blocks[:, 1] * ratio)


def compared(ratio: float, q: float = 0.5, allowed: float = 1.2, seed: int = 1) -> QuantileRatio:
    times = independent(np.random.default_rng(seed), 2 * PAIRS * SIZE)
    return compare_quantile(*interleaved(times, ratio), q, allowed)


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
@pytest.mark.parametrize(("ratio", "verdict"), [(0.8, "no regression"), (1.0, "no regression"), (1.6, "regression")])
def test_clear_cases(q: float, ratio: float, verdict: str) -> None:
    seen = compared(ratio, q)
    assert seen.verdict == verdict
    assert seen.interval[0] <= seen.ratio <= seen.interval[1]
    assert seen.ratio == pytest.approx(ratio, rel=0.15)
    assert seen.candidate_s / seen.baseline_s == pytest.approx(seen.ratio)


def test_at_the_boundary_it_does_not_tell() -> None:
    assert compared(1.2).verdict == "inconclusive"
    assert judge_regression(*interleaved(independent(np.random.default_rng(1), 7200), 1.2), {0.5: 1.2}).verdict == (
        "inconclusive"
    )


def test_a_change_of_units_changes_nothing() -> None:
    base, head = interleaved(independent(np.random.default_rng(2), 7200), 1.1)
    seconds = compare_quantile(base, head, 0.9, 1.2)
    milliseconds = compare_quantile([1000 * one for one in base], [1000 * one for one in head], 0.9, 1.2)
    assert milliseconds.interval == pytest.approx(seconds.interval, rel=1e-3)
    swapped = compare_quantile(head, base, 0.9, 1.2)
    assert swapped.interval == pytest.approx((1 / seconds.interval[1], 1 / seconds.interval[0]), rel=1e-3)


def test_noise_that_both_share_is_cancelled() -> None:
    base, head = interleaved(independent(np.random.default_rng(3), 7200), 1.3)
    slow = np.repeat(np.random.default_rng(4).choice([1.0, 3.0], PAIRS // 2), 2)
    shared = compare_quantile(
        [a * b for a, b in zip(base, slow, strict=True)], [a * b for a, b in zip(head, slow, strict=True)], 0.5, 1.1
    )
    unpaired = compare_quantile(
        [a * b for a, b in zip(base, slow, strict=True)],
        [a * b for a, b in zip(head, slow[::-1], strict=True)],
        0.5,
        1.1,
    )
    assert shared.verdict == "regression"
    assert unpaired.verdict == "inconclusive"


@pytest.mark.parametrize(("lost", "verdict"), [(0.05, "regression"), (0.0, "no regression")])
def test_unanswered_requests_are_slower_than_any(lost: float, verdict: str) -> None:
    base, head = interleaved(independent(np.random.default_rng(5), 7200), 1.0)
    for block in head:
        block[: int(lost * SIZE)] = math.inf
    seen = compare_quantile(base, head, 0.99, 1.5)
    assert seen.verdict == verdict
    assert math.isinf(seen.ratio) == bool(lost)


def test_constant_latencies_have_an_exact_ratio() -> None:
    seen = compare_quantile([np.full(10, 0.1)] * 8, [np.full(10, 0.12)] * 8, 0.5, 1.1)
    assert seen.verdict == "regression"
    assert seen.interval == pytest.approx((1.2, 1.2), rel=1e-3)
    assert compare_quantile([np.full(10, 0.1)] * 8, [np.full(10, 0.1)] * 8, 0.5, 1.1).verdict == "no regression"


def test_too_few_requests_above_a_quantile_say_nothing_of_it() -> None:
    base, head = interleaved(independent(np.random.default_rng(6), 2 * 8 * 60), 50, size=60)
    assert compare_quantile(base, head, 0.5, 1.2).verdict == "regression"
    rare = compare_quantile(base, head, 0.99, 1.2)
    assert rare.verdict == "inconclusive"
    assert rare.interval == (0, math.inf)


def test_one_bad_quantile_is_a_regression_and_every_one_must_be_good() -> None:
    base, head = interleaved(independent(np.random.default_rng(7), 7200), 1.0)
    for block in head:
        block[np.argsort(block)[-6:]] *= 4
    seen = judge_regression(base, head, {0.5: 1.2, 0.99: 1.2})
    assert [one.verdict for one in seen.ratios] == ["no regression", "regression"]
    assert seen.verdict == "regression"
    assert seen.worst.q == 0.99
    undecided = compare_quantile(base, head, 0.8, 1.2).ratio
    half = judge_regression(base, head, {0.5: 1.2, 0.8: undecided})
    assert [one.verdict for one in half.ratios] == ["no regression", "inconclusive"]
    assert half.verdict == "inconclusive"
    assert judge_regression(base, head, {0.5: 1.2}).verdict == "no regression"


def test_pairs_that_resemble_their_neighbours_count_as_fewer() -> None:
    base, head = interleaved(independent(np.random.default_rng(8), 64 * 2 * SIZE), 1.2)
    assert 50 < compare_quantile(base, head, 0.5, 1.2).effective_pairs <= 64
    drifting = np.repeat(np.random.default_rng(9).choice([0.5, 2.0], 8), 8)
    head = [one * two for one, two in zip(head, drifting, strict=True)]
    assert 2 <= compare_quantile(base, head, 0.5, 1.2).effective_pairs <= 12


def test_a_version_with_a_memory_longer_than_its_blocks_is_rarely_judged_wrongly() -> None:
    rng, counts = np.random.default_rng(10), Counter[str]()
    for _ in range(RUNS):
        base, head = (list(autoregressive(rng, 30 * 60, 0.99).reshape(30, 60)) for _ in range(2))
        counts[compare_quantile(base, [1.2 * one for one in head], 0.5, 1.2).verdict] += 1
    assert counts["regression"] <= AT_MOST_5_PERCENT
    assert counts["no regression"] <= AT_MOST_5_PERCENT


@pytest.mark.parametrize("make", [independent, autoregressive, stalls])
@pytest.mark.parametrize("q", [0.5, 0.99])
def test_rarely_wrong_at_the_boundary(make: Callable[[Rng, int], Array], q: float) -> None:
    rng = np.random.default_rng(20261121)
    counts = Counter(compare_quantile(*interleaved(make(rng, 2 * 16 * SIZE), 1.2), q, 1.2).verdict for _ in range(RUNS))
    assert counts["regression"] <= AT_MOST_5_PERCENT
    assert counts["no regression"] <= AT_MOST_5_PERCENT


@pytest.mark.parametrize(
    ("blocks", "q", "allowed", "message"),
    [
        (([[0.1]] * 7, [[0.1]] * 7), 0.5, 1.1, "at least 8, not 7 and 7"),
        (([[0.1]] * 8, [[0.1]] * 9), 0.5, 1.1, "not 9 and 8"),
        (([[0.1]] * 7 + [[]], [[0.1]] * 8), 0.5, 1.1, "block 7 has none"),
        (([[0.1]] * 8, [[0.0]] * 8), 0.5, 1.1, "positive number of seconds"),
        (([[0.1]] * 8, [[math.nan]] * 8), 0.5, 1.1, "positive number of seconds"),
        (([[0.1]] * 8, [[0.1]] * 8), 1.0, 1.1, r"in \(0, 1\)"),
        (([[0.1]] * 8, [[0.1]] * 8), 0.5, 0.0, "ratio is positive"),
    ],
)
def test_bad_input_is_refused(
    blocks: tuple[list[list[float]], list[list[float]]], q: float, allowed: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compare_quantile(*blocks, q, allowed)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one quantile"):
        judge_regression([[0.1]] * 8, [[0.1]] * 8, {})
