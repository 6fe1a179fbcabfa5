from __future__ import annotations

import numpy as np
from pytest import approx, mark
from scipy import stats

from pytest_mlready.measure.drift.tails import (
    beta_binomial_tail,
    both_tails,
    hypergeometric_tail,
    ks_tail,
    skewed_tail,
)


@mark.parametrize(
    ("k", "total", "marked", "drawn"),
    [(3, 50_200, 3, 200), (10, 400, 30, 200), (0, 10, 5, 5), (600, 2_000_000, 1000, 1_000_000), (5, 10, 8, 7)],
)
def test_hypergeometric_tail_is_scipys(k: int, total: int, marked: int, drawn: int) -> None:
    expected = stats.hypergeom(total, marked, drawn).sf(k - 1)
    assert hypergeometric_tail(k, total, marked, drawn) == approx(float(expected), rel=1e-6)


def test_a_tail_beyond_what_is_possible_is_zero() -> None:
    assert hypergeometric_tail(4, 100, 3, 50) == 0.0


def test_fisher_is_scipys_but_for_the_doubling() -> None:
    _, one_sided = stats.fisher_exact(np.array([[12, 188], [500, 49_500]]), alternative="greater")
    assert both_tails(12, 200, 500, 50_000) == approx(2 * float(one_sided))
    assert both_tails(10, 1000, 10, 1000) == 1.0


@mark.parametrize(("k", "n", "a", "b"), [(10, 200, 100, 49_901), (1, 5, 2, 19), (300, 100_000, 2, 999), (0, 5, 2, 9)])
def test_beta_binomial_tail_is_scipys(k: int, n: int, a: float, b: float) -> None:
    assert beta_binomial_tail(k, n, a, b) == approx(
        float(stats.betabinom(n, a, b).pmf(np.arange(k, n + 1)).sum()), rel=1e-6
    )


def test_ks_tail_bounds_the_exact_one_closely() -> None:
    one, other = np.arange(200) / 200, np.arange(200) / 200 + 0.25
    exact = stats.ks_2samp(one, other, method="exact")
    bound = ks_tail(np.array([exact.statistic]), np.array([200.0]), np.array([200.0]))[0]
    assert exact.pvalue <= bound < 2 * exact.pvalue


def test_the_tail_of_a_mean_of_rare_ones_is_that_of_their_count() -> None:
    """2% ones: 13 among 200 is a matter of 2e-4, which a normal tail takes for 4e-6."""
    z = (13 - 0.5 - 4) / np.sqrt(200 * 0.02 * 0.98)
    p = skewed_tail(np.array([0.0, 1.0]), np.array([0.98, 0.02]), 200, z)
    assert p == approx(float(stats.binom(200, 0.02).sf(12)), rel=0.5)
    assert p > 20 * float(stats.norm.sf(z))


@mark.parametrize("z", [0.0, 1.0, 4.3, -4.3])
def test_without_ties_it_is_nearly_normal(z: float) -> None:
    p = skewed_tail(np.arange(500.0), np.ones(500), 400, z)
    assert p == approx(float(stats.norm.sf(abs(z))), rel=0.1)


def test_a_mean_beyond_the_largest_score_cannot_be() -> None:
    assert skewed_tail(np.array([0.0, 1.0]), np.array([0.5, 0.5]), 20, 5) == 0.0
