"""Quantiles against the published ranks and against their definition."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_mlready.measure.quantiles import order_statistic_interval, quantile


@pytest.mark.parametrize(
    ("n", "q", "value"),
    [(100, 0.99, 99), (100, 0.5, 50), (101, 0.5, 51), (1, 0.99, 1), (10, 1.0, 10), (1000, 0.999, 999)],
)
def test_quantile_is_the_smallest_value_that_enough_do_not_exceed(n: int, q: float, value: float) -> None:
    assert quantile(np.arange(n, 0, -1), q) == value


def test_at_most_the_complement_exceeds_the_quantile() -> None:
    values = np.random.default_rng(1).exponential(size=777)
    for q in (0.5, 0.9, 0.95, 0.99):
        assert (values > quantile(values, q)).mean() <= 1 - q < (values >= quantile(values, q)).mean()


def test_an_unanswered_request_is_slower_than_any_other() -> None:
    assert quantile([0.1] * 98 + [math.inf] * 2, 0.99) == math.inf
    assert quantile([0.1] * 99 + [math.inf], 0.99) == 0.1


@pytest.mark.parametrize(
    ("n", "q", "ranks"),
    [(1000, 0.99, (983, 997)), (10_000, 0.99, (9880, 9920)), (1000, 0.95, (936, 964)), (100_000, 0.99, (98938, 99063))],
)
def test_interval_ranks_are_those_of_the_binomial(n: int, q: float, ranks: tuple[int, int]) -> None:
    low, high = order_statistic_interval(np.arange(1, n + 1), q)
    assert low == pytest.approx(ranks[0], abs=2)
    assert high == pytest.approx(ranks[1], abs=2)


def test_few_values_bound_a_high_quantile_from_below_only() -> None:
    low, high = order_statistic_interval(np.arange(1, 101), 0.99)
    assert 90 < low < 99
    assert high == math.inf


def test_interval_covers_the_true_quantile_of_independent_values() -> None:
    rng = np.random.default_rng(3)
    truth = -math.log(0.05)
    intervals = [order_statistic_interval(rng.exponential(size=400), 0.95) for _ in range(1000)]
    covered = sum(low <= truth <= high for low, high in intervals)
    assert 935 <= covered <= 985


@pytest.mark.parametrize(("values", "q"), [([], 0.5), ([1.0, math.nan], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_what_has_no_quantile_is_refused(values: list[float], q: float) -> None:
    with pytest.raises(ValueError, match=r"quantile|NaN|q must"):
        quantile(values, q)
