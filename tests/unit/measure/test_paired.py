"""Tango's interval against published figures and against the likelihood itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from pytest_mlready.measure.paired import ALPHA_FAIL, ALPHA_PASS, difference, score, score_bounds


@pytest.mark.parametrize(
    ("gained", "lost", "n", "alpha", "bounds"),
    [(28, 25, 618, 0.05, (-0.0148, 0.0247)), (1, 7, 21, 0.025, (-0.517, -0.026))],
    ids=["PropCIs::scoreci.mp", "ratesci::scorepair"],
)
def test_bounds_are_those_of_other_programs(
    gained: int, lost: int, n: int, alpha: float, bounds: tuple[float, float]
) -> None:
    assert score_bounds(gained, lost, n, alpha) == pytest.approx(bounds, abs=6e-4)


@pytest.mark.parametrize(("gained", "lost", "n"), [(3, 9, 100), (0, 5, 60), (12, 0, 80)])
@pytest.mark.parametrize("assumed", [-0.2, -0.01, 0.05])
def test_the_statistic_has_the_most_likely_share_under_the_assumption(
    gained: int, lost: int, n: int, assumed: float
) -> None:
    """The closed form is where the likelihood is greatest, as a search finds it."""

    def minus_log_likelihood(only_second: float) -> float:
        shares = np.array([only_second + assumed, only_second, 1 - 2 * only_second - assumed])
        return -float(np.array([gained, lost, n - gained - lost]) @ np.log(np.maximum(shares, 1e-300)))

    ends = (max(0, -assumed) + 1e-12, (1 - assumed) / 2 - 1e-12)
    found = optimize.minimize_scalar(minus_log_likelihood, bounds=ends, method="bounded", options={"xatol": 1e-12})
    deviation = np.sqrt(n * (2 * found.x + assumed * (1 - assumed)))
    assert score(gained, lost, n, assumed) == pytest.approx((gained - lost - n * assumed) / deviation, rel=1e-3)


def test_swapping_the_models_mirrors_the_bounds() -> None:
    low, high = score_bounds(4, 9, 300, 0.05)
    assert score_bounds(9, 4, 300, 0.05) == pytest.approx((-high, -low))


def test_no_row_that_differs_proves_little() -> None:
    low, high = score_bounds(0, 0, 100, 0.05)
    assert low == pytest.approx(-high)
    assert high == pytest.approx(1.6449**2 / (100 + 1.6449**2), rel=1e-3)


def test_all_rows_gained_ends_at_one() -> None:
    assert score_bounds(21, 0, 21, 0.05)[1] == 1.0
    assert score_bounds(0, 21, 21, 0.05)[0] == -1.0


@pytest.mark.parametrize(
    ("gained", "lost", "n", "word"),
    [(30, 30, 20_000, "pass"), (9, 9, 300, "inconclusive"), (0, 40, 1000, "fail"), (0, 5, 1000, "inconclusive")],
)
def test_a_margin_of_one_point(gained: int, lost: int, n: int, word: str) -> None:
    assert difference(gained, lost, n).at_least(-0.01) == word


def test_the_rows_that_are_needed_pass_nine_times_in_ten() -> None:
    """By simulation of models that are equally good and differ as often."""
    needed = difference(9, 9, 300).needed(-0.01)
    assert needed == 7811
    rng = np.random.default_rng(1)
    drawn = rng.multinomial(needed, [0.03, 0.03, 0.94], size=400)
    passed = sum(difference(int(gained), int(lost), needed).at_least(-0.01) == "pass" for gained, lost, _ in drawn)
    assert stats.binom.ppf(0.001, 400, 0.9) <= passed <= stats.binom.ppf(0.999, 400, 0.9)


def test_a_model_that_is_worse_by_the_margin_hardly_ever_passes() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.multinomial(1000, [0.025, 0.035, 0.94], size=1000)
    words = [difference(int(gained), int(lost), 1000).at_least(-0.01) for gained, lost, _ in drawn]
    assert words.count("pass") <= stats.binom.ppf(0.999, 1000, ALPHA_PASS)
    assert words.count("fail") <= stats.binom.ppf(0.999, 1000, ALPHA_FAIL)


@pytest.mark.parametrize(("gained", "lost", "n"), [(-1, 0, 10), (6, 5, 10), (0, 0, 0)])
def test_counts_that_cannot_be(gained: int, lost: int, n: int) -> None:
    with pytest.raises(ValueError, match="needs 0 <= gained"):
        difference(gained, lost, n)
