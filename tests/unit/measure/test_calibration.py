"""Calibration: what chance makes of a perfect model, and models that are off."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_mlready.measure.calibration import calibration, spiegelhalter_z

Array = NDArray[np.float64]


def perfect(n: int, seed: int) -> tuple[Array, Array]:
    """Probabilities, and outcomes that are drawn with them."""
    rng = np.random.default_rng(seed)
    said = rng.beta(0.5, 0.5, n)
    return said, (rng.random(n) < said).astype(float)


def test_spiegelhalters_statistic_by_hand() -> None:
    """Two rows of 0.8: one came true. (1 - .8)(-.6) + (0 - .8)(-.6) = .36; variance 2 * .36 * .16."""
    assert spiegelhalter_z(np.array([0.8, 0.8]), np.array([1.0, 0.0])) == pytest.approx(0.36 / np.sqrt(0.1152))


def test_certainty_that_is_wrong_is_infinitely_unlikely() -> None:
    assert spiegelhalter_z(np.array([1.0, 0.0]), np.array([0.0, 0.0])) == np.inf
    assert spiegelhalter_z(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0.0


def test_the_seen_error_of_a_perfect_model_is_explained() -> None:
    """0.1 at 100 rows: the naive rule calls that miscalibrated."""
    found = [calibration(*perfect(100, seed)) for seed in range(40)]
    assert np.mean([one.seen for one in found]) > 0.05
    assert np.mean([one.error.value for one in found]) < 0.03
    assert all(one.at_most(0.05) != "fail" for one in found)
    assert sum(one.p_bootstrap < 0.01 for one in found) <= 3


def test_enough_rows_of_a_perfect_model_pass() -> None:
    assert calibration(*perfect(5000, 1)).at_most(0.05) == "pass"


@pytest.mark.parametrize("n", [200, 3000])
def test_always_very_sure_fails(n: int) -> None:
    right = np.arange(n) % 4 > 0
    found = calibration(np.full(n, 0.99), right)
    assert found.at_most(0.05) == "fail"
    assert found.error.value == pytest.approx(0.24, abs=0.02)
    assert [(one.n, one.came) for one in found.bins] == [(n, 0.75)]


def test_a_small_error_on_many_rows_is_significant_and_allowed() -> None:
    rng = np.random.default_rng(4)
    truth = rng.uniform(0.2, 0.8, 100_000)
    found = calibration(truth + 0.02, rng.random(truth.size) < truth)
    assert found.p_bootstrap < 0.01
    assert found.at_most(0.05) == "pass"
    assert found.error.lower <= 0.02 <= found.error.upper


def test_equal_probabilities_share_a_bin_whatever_the_order_of_the_rows() -> None:
    said = np.repeat([0.2, 0.7], 50)
    came = np.concatenate([np.repeat([1, 0], [10, 40]), np.repeat([1, 0], [35, 15])])
    found = calibration(said, came)
    assert [(one.n, one.came) for one in found.bins] == [(50, 0.2), (50, 0.7)]
    assert found.seen == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("said", "came"), [([], []), ([0.5], [1, 0]), ([1.2], [1]), ([float("nan")], [1])])
def test_what_is_no_probability_is_refused(said: list[float], came: list[float]) -> None:
    with pytest.raises(ValueError, match="needs probabilities"):
        calibration(said, came)


def test_rows_counted_again_say_no_more() -> None:
    said, came = perfect(400, 2)
    again = np.repeat(np.arange(400), 8)
    alone, naive = calibration(said, came), calibration(said[again], came[again])
    honest = calibration(said[again], came[again], clusters=again)
    assert honest.seen == pytest.approx(alone.seen)
    assert abs(honest.z) == pytest.approx(abs(alone.z), rel=0.05)
    assert abs(naive.z) > 2 * abs(alone.z)
    assert honest.error.upper - honest.error.lower == pytest.approx(alone.error.upper - alone.error.lower, rel=0.15)
    assert naive.error.upper < honest.error.upper
    assert naive.p_bootstrap < honest.p_bootstrap
