"""Metrics against scikit-learn, and their bounds: exact ones, near 1, of entities, of differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics

from pytest_mlready.measure import performance, ranks, resampling, tails
from pytest_mlready.measure.estimates import Estimate, share
from pytest_mlready.measure.proportions import lower_bound, upper_bound
from pytest_mlready.measure.scored import METRICS, Scored

Array = NDArray[np.float64]
N = 300


def classified(n: int = N, seed: int = 0, skill: float = 1.0) -> Scored:
    """Two classes, and probabilities that know something of them."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n).astype(float)
    share_of_second = 1 / (1 + np.exp(-skill * (truth - 0.5) * 3 - rng.normal(size=n)))
    probabilities = np.column_stack([1 - share_of_second, share_of_second])
    return Scored(truth, (share_of_second > 0.5).astype(float), ("no", "yes"), probabilities, 1)


def numbers(n: int = N, seed: int = 0, noise: float = 5.0) -> Scored:
    rng = np.random.default_rng(seed)
    truth = rng.normal(1000, 10, n)
    return Scored(truth, truth + rng.normal(0, noise, n))


def of(metric: str) -> Scored:
    return numbers() if performance.needs(metric) == "numbers" else classified()


@pytest.mark.parametrize(
    ("metric", "theirs"),
    [
        ("accuracy", lambda one: metrics.accuracy_score(one.truth, one.predicted)),
        ("balanced_accuracy", lambda one: metrics.balanced_accuracy_score(one.truth, one.predicted)),
        ("f1", lambda one: metrics.f1_score(one.truth, one.predicted)),
        ("roc_auc", lambda one: metrics.roc_auc_score(one.truth, one.found)),
        ("log_loss", lambda one: metrics.log_loss(one.truth, one.probabilities)),
        ("brier", lambda one: metrics.brier_score_loss(one.truth, one.found)),
        ("mae", lambda one: metrics.mean_absolute_error(one.truth, one.predicted)),
        ("rmse", lambda one: metrics.root_mean_squared_error(one.truth, one.predicted)),
        ("r2", lambda one: metrics.r2_score(one.truth, one.predicted)),
    ],
)
def test_values_are_those_of_scikit_learn(metric: str, theirs: object) -> None:
    assert callable(theirs)
    assert performance.value(metric, of(metric)) == pytest.approx(theirs(of(metric)), rel=1e-12)


def test_areas_count_ties_half() -> None:
    said = np.round(classified().found, 1)
    truth = classified().truth
    assert ranks.area(said, truth == 1) == pytest.approx(metrics.roc_auc_score(truth, said))


@pytest.mark.parametrize("metric", performance.NAMES)
def test_the_value_is_between_its_bounds_and_entities_make_them_wider(metric: str) -> None:
    scored = of(metric)
    alone = performance.estimate(metric, scored)
    assert alone.lower < alone.value < alone.upper
    twice = scored.of(np.repeat(np.arange(N), 4))
    naive = performance.estimate(metric, twice)
    honest = performance.estimate(metric, twice, np.repeat(np.arange(N), 4))
    assert naive.upper - naive.lower < 0.75 * (honest.upper - honest.lower)
    assert honest.upper - honest.lower == pytest.approx(alone.upper - alone.lower, rel=0.15)


def test_accuracy_has_exact_bounds() -> None:
    scored = classified()
    k = int(scored.right.sum())
    found = performance.estimate("accuracy", scored, alpha=0.05, alpha_upper=0.01)
    assert (found.lower, found.upper) == (lower_bound(k, N, 0.05), upper_bound(k, N, 0.01))


def test_f1_of_all_right_is_not_certain() -> None:
    """The share behind it has so many rows as are positive or called so."""
    truth = (np.arange(60) < 20).astype(float)
    found = performance.estimate("f1", Scored(truth, truth, ("no", "yes"), None, 1))
    low = lower_bound(20, 20)
    assert (found.value, found.upper) == (1.0, 1.0)
    assert found.lower == pytest.approx(2 * low / (1 + low))


def test_an_area_of_one_is_not_certain() -> None:
    truth = np.arange(40) >= 20
    said = np.where(truth, 0.6, 0.1)
    found = ranks.area_bounds(said, truth, 0.05)
    assert (found.value, found.upper) == (1.0, 1.0)
    assert 0.85 < found.lower < 0.98
    fewer = ranks.area_bounds(said, truth, 0.05, np.arange(40) // 4)
    assert fewer.lower < found.lower


def test_one_class_has_no_area() -> None:
    scored = classified()
    with pytest.raises(ValueError, match="rows of both kinds"):
        performance.estimate("roc_auc", scored.of(scored.is_positive))
    assert np.isnan(performance.value("roc_auc", scored.of(scored.is_positive)))


@pytest.mark.parametrize("metric", ["mae", "log_loss"])
def test_few_rows_say_nothing_of_what_is_resampled(metric: str) -> None:
    found = performance.estimate(metric, of(metric).of(np.arange(12)))
    assert (found.lower, found.upper) == (-np.inf, np.inf)
    assert found.at_least(0) == "inconclusive"


@pytest.mark.parametrize(
    ("k", "n", "limit", "needed"),
    [(95, 100, 0.9, 108), (94, 100, 0.9, 165), (100, 100, 0.99, 299), (90, 100, 0.9, None)],
)
def test_rows_that_would_decide_a_share(k: int, n: int, limit: float, needed: int | None) -> None:
    found = share(k, n)
    assert found.at_least(limit) == "inconclusive"
    rows = found.needed(limit)
    if needed is None:
        assert rows is None
        return
    assert rows is not None
    assert rows == pytest.approx(needed, rel=0.05)
    assert share(k / n * rows, rows).at_least(limit) == "pass"


def test_rows_that_would_decide_an_estimate() -> None:
    assert Estimate(0.5, 0.25, 0.75, 64).needed(0.375) == 256
    assert Estimate(0.5, 0.25, 0.625, 64).needed(0.5625) == 256
    assert Estimate(0.5, 0.25, 0.75, 64).needed(0.5) is None
    assert Estimate(0.5, -np.inf, np.inf, 10).needed(0.4) is None


def test_what_is_at_most_is_the_other_way_round() -> None:
    found = Estimate(0.5, 0.4, 0.6, 10)
    assert [found.at_most(limit) for limit in (0.6, 0.5, 0.39)] == ["pass", "inconclusive", "fail"]
    assert [found.at_least(limit) for limit in (0.4, 0.5, 0.61)] == ["pass", "inconclusive", "fail"]


def squares_of(errors: Array) -> Scored:
    truth = np.random.default_rng(3).normal(0, 2 * errors.std(), errors.size)
    return Scored(truth, truth - errors)


@pytest.mark.parametrize("metric", ["r2", "rmse"])
def test_a_heavy_tail_keeps_a_bound_from_being_near(metric: str) -> None:
    """Few rows with most of the squares: as many more may be where nobody has looked."""
    rng = np.random.default_rng(4)
    light, heavy = (performance.estimate(metric, squares_of(one)) for one in (rng.normal(size=N), rng.standard_t(3, N)))
    near, far = (abs((one.lower if metric == "r2" else one.upper) - one.value) for one in (light, heavy))
    assert far > 2 * near


def test_the_bound_of_a_tail_shrinks_with_the_rows() -> None:
    found = [performance.estimate("rmse", squares_of(np.random.default_rng(5).normal(size=n))) for n in (50, 200, 1000)]
    apart = [one.upper / one.value - 1 for one in found]
    assert apart[0] > 3 * apart[1] > 6 * apart[2]


def test_what_is_not_at_the_side_of_the_tail_stays_as_it_was() -> None:
    scored = squares_of(np.random.default_rng(6).standard_t(3, N))
    terms, made = scored_terms("rmse", scored)
    assert performance.estimate("rmse", scored).lower == resampling.bounds(terms, made, 0.05).lower


def scored_terms(metric: str, scored: Scored) -> tuple[Array, Callable[[Array], Array]]:
    return METRICS[metric].terms(scored), METRICS[metric].of


@pytest.mark.parametrize("wrong", [0, 1, 2, 3])
def test_a_few_rows_that_are_wrong_at_all(wrong: int) -> None:
    """Zeros have no tail; of a few values the tail is what they leave open."""
    errors = np.zeros(100)
    errors[:wrong] = np.arange(1.0, wrong + 1)
    terms, made = scored_terms("mae", Scored(errors, np.zeros(100)))
    bound = tails.tail_bound(terms, 0, made, 0.95)
    if wrong < 2:
        assert bound is None
    else:
        assert bound is not None
        assert bound > errors.mean()


def test_rows_of_one_entity_have_one_tail() -> None:
    errors = np.abs(np.random.default_rng(8).standard_t(3, N))
    terms, made = scored_terms("mae", Scored(errors, np.zeros(N)))
    alone = tails.tail_bound(terms, 0, made, 0.95)
    assert tails.tail_bound(np.repeat(terms, 4, axis=0), 0, made, 0.95, np.repeat(np.arange(N), 4)) == alone
