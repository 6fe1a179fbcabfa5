"""The Universal Scalability Law: exact curves are found again, noisy ones within their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_mlready.measure.usl import Scalability, fit_usl

CLIENTS = np.array([1.0, 2, 4, 8, 12, 16, 24, 32])
SINGLE, CONTENTION, COHERENCY = 100.0, 0.03, 0.0015


def law(n: NDArray[np.float64], g: float, a: float, b: float) -> NDArray[np.float64]:
    curve: NDArray[np.float64] = g * n / (1 + a * (n - 1) + b * n * (n - 1))
    return curve


def noisy(seed: int, relative: float = 0.03) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).standard_normal(CLIENTS.size)
    return law(CLIENTS, SINGLE, CONTENTION, COHERENCY) * (1 + relative * noise)


def test_an_exact_curve_is_found_again() -> None:
    fit = fit_usl(CLIENTS, law(CLIENTS, SINGLE, CONTENTION, COHERENCY))
    knee = math.sqrt((1 - CONTENTION) / COHERENCY)
    assert (fit.single, fit.contention, fit.coherency) == pytest.approx((SINGLE, CONTENTION, COHERENCY))
    assert fit.knee == pytest.approx(knee)
    assert fit.peak == pytest.approx(law(np.array([knee]), SINGLE, CONTENTION, COHERENCY)[0])
    assert fit.peak == pytest.approx(law(np.linspace(1, 60, 6000), SINGLE, CONTENTION, COHERENCY).max(), rel=1e-6)
    assert fit.knee_interval == pytest.approx((knee, knee))
    assert fit.throughput(CLIENTS) == pytest.approx(law(CLIENTS, SINGLE, CONTENTION, COHERENCY))
    assert fit.knee_was_measured


@pytest.mark.parametrize(
    ("a", "b", "knee", "peak"),
    [(0.05, 0.0, math.inf, 2000.0), (0.0, 0.0, math.inf, math.inf), (0.0, 0.001, math.sqrt(1000), None)],
    ids=["contention only", "linear", "coherency only"],
)
def test_coefficients_of_zero(a: float, b: float, knee: float, peak: float | None) -> None:
    fit = fit_usl(CLIENTS, law(CLIENTS, 100, a, b))
    assert fit.contention == pytest.approx(a, abs=1e-9)
    assert fit.coherency == pytest.approx(b, abs=1e-9)
    if fit.coherency == 0:
        assert (fit.knee, fit.peak) == pytest.approx((knee, peak))


def test_coefficients_are_never_negative() -> None:
    fit = fit_usl(CLIENTS, 100 * CLIENTS**1.1)
    assert (fit.contention, fit.coherency) == (0, 0)
    assert (fit.knee, fit.peak) == (math.inf, math.inf)


def test_throughput_that_only_falls_has_its_peak_at_one_client() -> None:
    fit = fit_usl(CLIENTS, law(CLIENTS, 100, 1.5, 0.01))
    assert fit.knee == 1
    assert fit.peak == pytest.approx(100)


def intervals_of(fit: Scalability) -> list[tuple[float, tuple[float, float]]]:
    knee = math.sqrt((1 - CONTENTION) / COHERENCY)
    peak = float(law(np.array([knee]), SINGLE, CONTENTION, COHERENCY)[0])
    ends = (fit.contention_interval, fit.coherency_interval, fit.knee_interval, fit.peak_interval)
    return list(zip((CONTENTION, COHERENCY, knee, peak), ends, strict=True))


def test_intervals_cover_the_truth_19_times_of_20() -> None:
    missed = np.zeros(4, dtype=np.int64)
    for seed in range(200):
        fit = fit_usl(CLIENTS, noisy(seed), resamples=400, seed=seed)
        missed += [not low <= truth <= high for truth, (low, high) in intervals_of(fit)]
    # Of 200 at a true rate of 5% more than 20 have a probability of 0.1%; fewer than 1 at 3%, of 0.2%.
    assert (missed <= 20).all(), missed
    assert (missed >= 1).all(), missed


def test_the_peak_is_better_known_than_the_knee() -> None:
    fit = fit_usl(CLIENTS, noisy(3))
    knee, peak = fit.knee_interval, fit.peak_interval
    assert knee[1] / knee[0] > 1.5 * peak[1] / peak[0]


def test_a_knee_beyond_what_was_measured_is_called_extrapolated() -> None:
    fit = fit_usl(CLIENTS[:6], law(CLIENTS[:6], SINGLE, CONTENTION, COHERENCY))
    assert not fit.knee_was_measured
    assert "outside of the 1 to 16 that were measured, extrapolated" in fit.summary
    assert "extrapolated" not in fit_usl(CLIENTS, noisy(1)).summary


def test_four_times_the_measurements_give_half_the_interval() -> None:
    once = [np.diff(fit_usl(CLIENTS, noisy(seed)).peak_interval)[0] for seed in range(20)]
    repeats = [np.concatenate([noisy(seed) for seed in range(first, first + 4)]) for first in range(0, 20, 4)]
    often = [np.diff(fit_usl(np.tile(CLIENTS, 4), one).peak_interval)[0] for one in repeats]
    assert np.mean(often) == pytest.approx(np.mean(once) / 2, rel=0.25)


def test_the_seed_decides_the_intervals() -> None:
    assert fit_usl(CLIENTS, noisy(1), seed=5) == fit_usl(CLIENTS, noisy(1), seed=5)
    assert fit_usl(CLIENTS, noisy(1), seed=5) != fit_usl(CLIENTS, noisy(1), seed=6)


def test_four_loads_leave_the_knee_wide_open() -> None:
    chosen = [0, 2, 4, 7]
    few, all_loads = fit_usl(CLIENTS[chosen], noisy(2)[chosen]), fit_usl(CLIENTS, noisy(2))
    assert few.knee_interval[0] < all_loads.knee_interval[0] < all_loads.knee_interval[1] < few.knee_interval[1]


@pytest.mark.parametrize(
    ("clients", "throughput", "message"),
    [
        ([1, 2, 4], [1, 2, 3], "at least 4 distinct loads, not 3"),
        ([1, 2, 4, 4], [1, 2, 3, 3], "at least 4 distinct loads, not 3"),
        ([0, 1, 2, 3], [1, 2, 3, 4], "every load must be positive"),
        ([1, 2, 3, 4], [1, 2, 0, 4], "every throughput must be positive"),
        ([1, 2, 3, 4], [1, 2, math.nan, 4], "every throughput must be positive and finite"),
        ([1, 2, 3, math.inf], [1, 2, 3, 4], "every load must be positive and finite"),
        ([1, 2, 3, 4], [1, 2, 3], "one throughput for each load"),
    ],
)
def test_bad_input_is_refused(clients: list[float], throughput: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_usl(clients, throughput)
