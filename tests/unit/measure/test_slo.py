"""The latency verdict on literal series."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_mlready.measure.slo import SloVerdict, judge_share, quantile_interval

RATE, FAST, SLOW, LIMIT = 120, 0.005, 0.3, 0.05


def series(seconds: float, slow: NDArray[np.intp] | list[int]) -> NDArray[np.float64]:
    values = np.full(int(seconds * RATE), FAST)
    values[slow] = SLOW
    return values


def judged(seconds: float, slow: NDArray[np.intp] | list[int], stall_s: float = 0.05) -> SloVerdict:
    return judge_share(series(seconds, slow), LIMIT, duration_s=seconds, longest_stall_s=stall_s)


@pytest.mark.parametrize(
    ("seconds", "slow", "verdict"),
    [
        (15, [], "pass"),
        (15, [100, 400, 900, 1500], "pass"),
        (15, np.arange(0, 1800, 50), "fail"),
        (20, np.arange(0, 2400, 50), "fail"),
        (15, np.arange(0, 1800, 100), "inconclusive"),
        (15, np.arange(0, 1800, 2), "fail"),
        (1, [], "inconclusive"),
    ],
    ids=["clean", "0.2%", "2% in 15 s", "2% in 20 s", "exactly 1%", "half", "too short"],
)
def test_verdict(seconds: float, slow: list[int], verdict: str) -> None:
    assert judged(seconds, slow).verdict == verdict


def test_one_stall_is_one_event_and_not_forty() -> None:
    stalled = judged(20, np.arange(1000, 1040))
    spread = judged(20, np.arange(0, 2400, 60))
    assert stalled.over == spread.over == 40
    assert spread.verdict == "fail"
    assert stalled.verdict == "inconclusive"
    assert stalled.design_effect > 20
    assert spread.design_effect == 1


def test_a_pass_needs_a_run_that_would_have_shown_the_declared_stall() -> None:
    assert judged(15, [], stall_s=0.05).verdict == "pass"
    short = judged(15, [], stall_s=0.3)
    assert short.verdict == "inconclusive"
    assert short.duration_needed_s == pytest.approx(90)
    assert short.n_needed == pytest.approx(90 * RATE, abs=1)
    assert "too short" in short.reason
    assert short.unseen_stall_s == pytest.approx(0.05)


def test_a_fail_needs_no_minimal_length() -> None:
    assert judged(3, np.arange(0, 360, 3), stall_s=0.3).verdict == "fail"


def test_says_how_long_a_run_would_decide() -> None:
    open_end = judged(15, np.arange(0, 1800, 150))
    assert open_end.verdict == "inconclusive"
    assert open_end.n_needed is not None
    assert open_end.duration_needed_s is not None
    longer = math.ceil(1.25 * open_end.duration_needed_s)
    assert judged(longer, np.arange(0, longer * RATE, 150)).verdict == "pass"
    assert judged(15, []).n_needed is None


def test_unanswered_requests_are_over_any_limit() -> None:
    values = series(15, [])
    values[::20] = math.inf
    verdict = judge_share(values, 1e6, duration_s=15, longest_stall_s=0.05)
    assert verdict.verdict == "fail"
    assert verdict.quantile_s == math.inf


def test_a_value_at_the_limit_keeps_it() -> None:
    assert judge_share(np.full(1800, LIMIT), LIMIT, duration_s=15, longest_stall_s=0.05).over == 0


def test_the_quantile_agrees_with_the_share() -> None:
    verdict = judged(20, np.arange(0, 2400, 50))
    assert verdict.share == pytest.approx(0.02)
    assert verdict.quantile_s == SLOW
    assert verdict.quantile_interval_s == (SLOW, SLOW)
    assert verdict.share_interval[0] < 0.02 < verdict.share_interval[1]


def test_clusters_widen_the_interval_of_the_quantile() -> None:
    rng = np.random.default_rng(5)
    spread = rng.exponential(0.01, 12_000)
    bursts = spread.copy()
    for start in rng.integers(0, 11_900, 6):
        bursts[start : start + 30] += np.linspace(0.25, 0.05, 30)
    independent, clustered = quantile_interval(rng.permutation(bursts), 0.99), quantile_interval(bursts, 0.99)
    assert clustered[1] - clustered[0] > 1.5 * (independent[1] - independent[0])


def test_looking_early_costs_power_and_never_reverses() -> None:
    values = series(15, np.arange(0, 1800, 70))
    early = judge_share(values, LIMIT, duration_s=15, longest_stall_s=0.05, planned=False)
    assert early.verdict == "inconclusive"
    clear = judge_share(series(15, np.arange(0, 1800, 20)), LIMIT, duration_s=15, longest_stall_s=0.05, planned=False)
    assert clear.verdict == "fail"


@pytest.mark.parametrize("budget", [0.0, 1.0])
def test_a_budget_that_cannot_be_judged_is_refused(budget: float) -> None:
    with pytest.raises(ValueError, match="budget"):
        judge_share([0.1], 1.0, duration_s=1, longest_stall_s=0, budget=budget)
