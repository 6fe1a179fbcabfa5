"""Growth with every request, on series whose growth is known."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlready.measure.growth import Growth, growth

N, EACH = 96, 25.0
AT = np.arange(N) * EACH
RNG = np.random.default_rng(5)


def grown(values: object, warmup: float = 1 / 3) -> Growth:
    seen = growth(AT, values, warmup)  # type: ignore[arg-type]
    assert seen is not None
    return seen


def test_what_grows_evenly_is_measured() -> None:
    seen = grown(1e8 + 4096 * AT)
    assert seen.each == pytest.approx(4096)
    assert seen.interval == pytest.approx((4096, 4096))
    assert seen.total == pytest.approx(4096 * seen.requests)
    assert seen.requests == (N - 1 - N // 3) * EACH


def test_noise_around_a_leak_widens_its_interval() -> None:
    low, high = grown(4096 * AT + RNG.normal(0, 200_000, N)).interval
    assert 0 < low < 4096 < high < 8192


def test_what_grew_while_it_warmed_up_does_not_count() -> None:
    values = np.where(np.arange(N) < N // 3, 1e6 * np.arange(N), 1e6 * (N // 3))
    assert grown(values).interval == (0.0, 0.0)
    assert grown(values, warmup=0.0).each > 1000


@pytest.mark.parametrize(
    "values",
    [
        np.full(N, 1e8),
        np.where(np.arange(N) < 60, 0.0, 6e7),
        np.where(np.arange(N) == 70, 6e7, 0.0),
        np.where(np.arange(N) // 12 % 2, 6e6, 0.0),
        1e6 * np.log1p(np.arange(N)) * (np.arange(N) < 50) + 1e6 * np.log1p(50) * (np.arange(N) >= 50),
    ],
    ids=["level", "one jump", "one peak", "saw", "saturates"],
)
def test_what_does_not_go_on_is_no_growth(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    assert grown(values).interval[0] <= 0


def test_a_wandering_level_is_seldom_taken_for_growth() -> None:
    """A random walk has a slope in any line fitted to it; the bound is wrong at most 1% of the time a side."""
    walks = np.cumsum(RNG.normal(0, 1e6, (2000, N)), axis=1)
    wrong = sum(grown(one).interval[0] > 0 for one in walks)
    assert wrong <= 40


@pytest.mark.parametrize(
    ("requests", "values"), [(AT[:9], AT[:9]), (np.zeros(N), AT), ([], [])], ids=["few looks", "no answers", "nothing"]
)
def test_too_little_is_none(requests: object, values: object) -> None:
    assert growth(requests, values) is None  # type: ignore[arg-type]


def test_each_number_of_requests_needs_its_value() -> None:
    with pytest.raises(ValueError, match="a value for each number of requests"):
        growth(AT, AT[1:])
