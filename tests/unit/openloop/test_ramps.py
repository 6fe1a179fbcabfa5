"""Rates that change linearly, against the closed form of the cumulative rate."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest

from pytest_mlready.openloop.plan import Stage
from pytest_mlready.openloop.schedule import due_times

SHAPES: dict[str, tuple[Stage, ...]] = {
    "up": ((20.0, 220.0, 10.0),),
    "down": ((220.0, 20.0, 10.0),),
    "from nothing": ((0.0, 240.0, 10.0),),
    "to nothing": ((240.0, 0.0, 10.0),),
    "hardly": ((120.0, 120.000001, 10.0),),
    "tent": ((0.0, 200.0, 6.0), (200.0, 0.0, 6.0)),
    "stairs and a ramp": ((10.0, 4.0), (10.0, 300.0, 5.0), (300.0, 1.0), (50.0, 3.0)),
}


def cumulative(stages: tuple[Stage, ...], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected arrivals before each of `times`: stage by stage the area of a trapezium."""
    total, begin = np.zeros_like(times), 0.0
    for stage in stages:
        first, last, seconds = stage[0], stage[-2], stage[-1]
        inside = np.clip(times - begin, 0.0, seconds)
        total += inside * (first + (first + (last - first) * inside / seconds)) / 2
        begin += seconds
    return total


def length(stages: tuple[Stage, ...]) -> float:
    return sum(stage[-1] for stage in stages)


@pytest.mark.parametrize("stages", SHAPES.values(), ids=SHAPES)
def test_constant_arrivals_come_when_the_cumulative_rate_is_whole(stages: tuple[Stage, ...]) -> None:
    due = due_times(stages, "constant", np.random.default_rng(0))
    expected = cumulative(stages, np.array([length(stages)]))[0]
    assert len(due) == np.ceil(expected - 1e-6)
    assert cumulative(stages, due) == pytest.approx(np.arange(len(due)), abs=1e-6)
    assert (np.diff(due) > 0).all()
    assert due[-1] < length(stages)


def test_the_square_root_of_a_ramp_from_nothing() -> None:
    due = due_times(((0.0, 100.0, 10.0),), "constant", np.random.default_rng(0))
    assert due == pytest.approx(np.sqrt(np.arange(500) / 5))


def test_a_stage_of_one_rate_is_a_ramp_from_it_to_itself() -> None:
    flat = due_times(((37.0, 20.0),), "poisson", np.random.default_rng(4))
    ramp = due_times(((37.0, 37.0, 20.0),), "poisson", np.random.default_rng(4))
    assert np.array_equal(flat, ramp)


@pytest.mark.parametrize("stages", SHAPES.values(), ids=SHAPES)
def test_poisson_arrivals_are_uniform_in_the_cumulative_rate(stages: tuple[Stage, ...]) -> None:
    total = cumulative(stages, np.array([length(stages)]))[0]
    units = np.concatenate(
        [cumulative(stages, due_times(stages, "poisson", np.random.default_rng(seed))) for seed in range(10)]
    )
    assert kstest(units / total, "uniform").pvalue > 0.005


@pytest.mark.parametrize("stages", SHAPES.values(), ids=SHAPES)
def test_poisson_counts_vary_as_much_as_their_mean(stages: tuple[Stage, ...]) -> None:
    edges = np.linspace(0, length(stages), 7)
    expected = np.diff(cumulative(stages, edges))
    counts = np.array(
        [np.histogram(due_times(stages, "poisson", np.random.default_rng(seed)), edges)[0] for seed in range(300)]
    )
    assert counts.mean(axis=0) == pytest.approx(expected, rel=0.05)
    # The variance of 300 counts over their mean: 1, give or take 0.08.
    assert counts.var(axis=0, ddof=1) / expected == pytest.approx(np.ones(6), abs=0.3)


def test_poisson_arrivals_ascend_within_the_schedule() -> None:
    for stages in SHAPES.values():
        due = due_times(stages, "poisson", np.random.default_rng(8))
        assert (np.diff(due) >= 0).all()
        assert due[0] >= 0
        assert due[-1] <= length(stages)


class Chosen(np.random.Generator):
    """Its "uniform" arrivals are those it is told."""

    def __init__(self, units: NDArray[np.float64]) -> None:
        super().__init__(np.random.PCG64(0))
        self._units = units

    def poisson(self, *_: object) -> int:  # type: ignore[override]
        return self._units.size

    def uniform(self, low: float, high: float, size: int) -> NDArray[np.float64]:  # type: ignore[override]
        assert size == self._units.size
        units: NDArray[np.float64] = np.clip(self._units, low, high)
        return units


def test_rounding_at_boundaries_neither_reorders_nor_leaves_the_schedule() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        rates, seconds = rng.uniform(0, 500, 20), rng.uniform(0.01, 30, 20)
        rates[rng.integers(0, 20, 8)] = 0.0
        stages: tuple[Stage, ...] = tuple(
            (first or 1.0, last, length_s)
            for first, last, length_s in zip(rates, np.roll(rates, 1), seconds, strict=True)
        )
        expected = [(first + last) / 2 * length_s for first, last, length_s in stages]
        edges = np.cumsum([0.0, *expected])
        around = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, np.inf)])
        ends = np.cumsum([0.0, *seconds])
        due = due_times(stages, "poisson", Chosen(around))
        assert (np.diff(due) >= 0).all()
        assert due[0] >= 0
        assert due[-1] <= ends[-1]
        assert due.reshape(-1, 3) == pytest.approx(np.repeat(ends, 3).reshape(-1, 3), abs=1e-4)


def test_arrivals_one_rounding_error_apart_stay_in_order() -> None:
    for number in range(50):
        units = 40.0 + number + np.arange(100) * np.spacing(100.0)
        due = due_times(((20.0, 220.0, 10.0),), "poisson", Chosen(units))
        assert (np.diff(due) >= 0).all()
