"""Exact bounds against the binomial law itself, and the verdicts that follow."""

from __future__ import annotations

import pytest
from scipy import stats

from pytest_mlready.measure.proportions import clean_runs_needed, judge_rate, lower_bound, upper_bound


@pytest.mark.parametrize(("k", "n"), [(1, 10), (5, 1800), (36, 1800), (199, 200)])
def test_bounds_are_where_the_binomial_tail_is_alpha(k: int, n: int) -> None:
    assert stats.binom.sf(k - 1, n, lower_bound(k, n)) == pytest.approx(0.05, rel=1e-6)
    assert stats.binom.cdf(k, n, upper_bound(k, n)) == pytest.approx(0.05, rel=1e-6)


def test_zero_of_n_proves_only_three_in_n() -> None:
    assert lower_bound(0, 300) == 0.0
    assert upper_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert upper_bound(0, 300) == pytest.approx(3 / 300, rel=0.01)
    assert upper_bound(7, 7) == 1.0


@pytest.mark.parametrize(("p", "n"), [(0.05, 59), (0.01, 299), (0.001, 2995)])
def test_clean_runs_needed_are_the_published_ones(p: float, n: int) -> None:
    assert clean_runs_needed(p) == n
    assert upper_bound(0, n) <= p < upper_bound(0, n - 1)


@pytest.mark.parametrize(
    ("k", "n", "budget", "verdict"),
    [
        (0, 2995, 0.001, "pass"),
        (0, 2994, 0.001, "inconclusive"),
        (30, 1800, 0.001, "fail"),
        (2, 1800, 0.001, "inconclusive"),
        (0, 0, 0.001, "inconclusive"),
        (1, 1800, 0.0, "fail"),
        (0, 1800, 0.0, "inconclusive"),
    ],
)
def test_verdict(k: int, n: int, budget: float, verdict: str) -> None:
    assert judge_rate(k, n, budget).verdict == verdict


def test_says_what_would_decide() -> None:
    assert judge_rate(0, 1800, 0.001).n_needed == 2995
    assert judge_rate(0, 2995, 0.001).n_needed is None
    needed = judge_rate(3, 1800, 0.001).n_needed
    assert needed is not None
    assert judge_rate(round(3 * needed / 1800), needed, 0.001).verdict == "fail"


def test_a_rate_exactly_at_its_budget_is_never_decided() -> None:
    assert judge_rate(10, 1000, 0.01).n_needed is None


@pytest.mark.parametrize(("k", "n"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="0 <= k <= n"):
        upper_bound(k, n)
