"""Differences of models: each metric's, where little or nothing differs, where few rows carry it, and of entities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_mlready.measure import gains, paired, performance
from pytest_mlready.measure.entities import design_effect
from pytest_mlready.measure.scored import METRICS, Scored
from tests.unit.measure.test_performance import N, classified, numbers, of

Array = NDArray[np.float64]
CLASSES = ("accuracy", "balanced_accuracy", "f1")


@pytest.mark.parametrize("metric", performance.NAMES)
def test_a_better_model_is_better_by_every_metric(metric: str) -> None:
    numeric = performance.needs(metric) == "numbers"
    good, poor = (numbers(noise=2.0), numbers(noise=9.0)) if numeric else (classified(skill=3), classified(skill=0.3))
    assert gains.gain(metric, good, poor).at_least(0) == "pass"
    assert gains.gain(metric, poor, good).at_least(0) == "fail"
    clusters = np.arange(N) // 3
    assert gains.gain(metric, good, poor, clusters).at_least(0) == "pass"


@pytest.mark.parametrize("metric", performance.NAMES)
def test_a_model_is_no_better_than_itself(metric: str) -> None:
    found = gains.gain(metric, of(metric), of(metric))
    assert found.value == 0
    assert found.lower < 0 < found.upper  # rows on which they differ may have been missed


@pytest.mark.parametrize("metric", performance.NAMES)
def test_the_value_is_the_difference_of_the_values(metric: str) -> None:
    numeric = performance.needs(metric) == "numbers"
    new, old = (numbers(noise=2.0), numbers(noise=9.0)) if numeric else (classified(seed=1), classified(skill=0.3))
    new = new if numeric else replace(new, truth=old.truth)
    sign = 1 if performance.greater_is_better(metric) else -1
    apart = performance.value(metric, new) - performance.value(metric, old)
    assert gains.gain(metric, new, old).value == pytest.approx(sign * apart)


def with_right(*rows: int, n: int = 100) -> tuple[Scored, Scored]:
    """Two classes by turns; the old answers are wrong in every tenth row, the new ones not in these."""
    truth = (np.arange(n) % 2).astype(float)
    wrong = np.where(np.arange(n) % 10 == 0, 1 - truth, truth)
    share = 0.1 + 0.8 * wrong
    old = Scored(truth, wrong, ("no", "yes"), np.column_stack([1 - share, share]), 1)
    told, at = wrong.copy(), list(rows)
    told[at], share[at] = truth[at], 0.1 + 0.8 * truth[at]
    return replace(old, predicted=told, probabilities=np.column_stack([1 - share, share])), old


@pytest.mark.parametrize("entities", [None, np.arange(100)], ids=["rows", "entities"])
@pytest.mark.parametrize("metric", [*CLASSES, "roc_auc", "brier", "log_loss"])
def test_rows_that_were_only_gained_do_not_exclude_that_others_are_lost(
    metric: str, entities: NDArray[np.intp] | None
) -> None:
    """If 2% of all rows are lost, none of a hundred shows it in 13% of all samples."""
    new, old = with_right(10)
    found = gains.gain(metric, new, old, entities)
    assert found.value > 0
    assert found.lower < -0.01
    assert gains.gain(metric, old, new, entities).upper > 0.01


@pytest.mark.parametrize("metric", ["mae", "rmse", "r2"])
def test_numbers_that_were_only_gained_do_not_either(metric: str) -> None:
    old = numbers()
    new = replace(old, predicted=np.where(np.arange(N) < 3, old.truth, old.predicted))
    resampled = gains._resampled(METRICS[metric], new, old, None)
    assert resampled.lower >= 0
    assert gains.gain(metric, new, old).lower < -0.005


def separated(ones: int, zeros: int) -> tuple[Scored, Scored]:
    """Every positive row above every other one, beside a constant."""
    truth = (np.arange(ones + zeros) < ones).astype(float)
    share = np.linspace(0.9, 0.1, truth.size)
    new = Scored(truth, truth, ("no", "yes"), np.column_stack([1 - share, share]), 1)
    return new, replace(new, probabilities=np.full((truth.size, 2), 0.5))


@pytest.mark.parametrize(("ones", "zeros"), [(2, 2), (2, 40), (4, 40)])
def test_few_rows_that_are_ranked_rightly_prove_nothing(ones: int, zeros: int) -> None:
    """Two and two are so by chance one time in six."""
    found = gains.gain("roc_auc", *separated(ones, zeros))
    assert found.value == 0.5
    assert found.at_least(0.02) == "inconclusive"


def test_many_rows_that_are_ranked_rightly_do() -> None:
    assert gains.gain("roc_auc", *separated(60, 60)).at_least(0.4) == "pass"
    assert gains.gain("roc_auc", *separated(60, 60), np.arange(120) // 12).at_least(0.4) == "inconclusive"


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_what_few_rows_may_carry_is_bounded_as_its_tail(metric: str) -> None:
    """A row that is far off is one of more that were not drawn."""
    old = numbers()
    new = replace(old, predicted=old.predicted + np.random.default_rng(4).standard_t(2.5, N) * 3)
    resampled = gains._resampled(METRICS[metric], new, old, None)
    assert gains.gain(metric, new, old).lower < resampled.lower - 0.2 * (resampled.value - resampled.lower)


@pytest.mark.parametrize("metric", performance.NAMES)
def test_rows_counted_again_say_no_more(metric: str) -> None:
    numeric = performance.needs(metric) == "numbers"
    new, old = (numbers(noise=5.0), numbers(noise=6.0)) if numeric else (classified(skill=1.2), classified())
    again, clusters = np.repeat(np.arange(N), 4), np.repeat(np.arange(N), 4)
    alone, naive = gains.gain(metric, new, old), gains.gain(metric, new.of(again), old.of(again))
    honest = gains.gain(metric, new.of(again), old.of(again), clusters)
    assert honest.upper - honest.lower == pytest.approx(alone.upper - alone.lower, rel=0.15)
    assert naive.upper - naive.lower < 0.75 * (honest.upper - honest.lower)


@pytest.mark.parametrize("metric", CLASSES)
def test_few_entities_say_nothing(metric: str) -> None:
    found = gains.gain(metric, classified(skill=3), classified(skill=0.3), np.arange(N) // 20)
    assert (found.lower, found.upper) == (-np.inf, np.inf)


def test_f1_needs_a_row_of_the_class() -> None:
    none = Scored(np.zeros(50), (np.arange(50) % 2).astype(float), ("no", "yes"), None, 1)
    with pytest.raises(ValueError, match="no row is of the positive class"):
        gains.gain("f1", none, none)


def test_accuracy_of_own_entities_is_compared_as_of_rows() -> None:
    new, old = classified(skill=3), classified(skill=1)
    alone, apart = gains.gain("accuracy", new, old), gains.gain("accuracy", new, old, np.arange(N))
    assert (apart.lower, apart.upper) == pytest.approx((alone.lower, alone.upper), abs=2e-3)
    assert alone.lower == paired.difference(
        int(np.sum(new.right & ~old.right)), int(np.sum(old.right & ~new.right)), N
    ).lower  # fmt: skip


def test_the_design_effect_is_that_of_rows_that_are_alike() -> None:
    values = np.random.default_rng(1).normal(size=400)
    assert design_effect(values, None) == 1
    assert design_effect(np.repeat(values, 4), np.repeat(np.arange(400), 4)) == pytest.approx(4, rel=0.01)
    assert 1 <= design_effect(values, np.arange(400) // 4) < 1.3
    assert design_effect(np.ones(400), np.arange(400) // 4) == 4
