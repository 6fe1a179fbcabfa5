from __future__ import annotations

import numpy as np
from pytest import mark

from pytest_mlready.measure.drift.cells import CELLS, SIDE, cell_of, counted, folded, value_in


def test_cells_are_in_the_order_of_values() -> None:
    values = np.concatenate([-np.logspace(8, -8, 500), [0.0], np.logspace(-8, 8, 500)]) + 50
    cells = [cell_of(float(value), 50, 10) for value in values]
    assert cells == sorted(cells)
    assert (cells[0], cells[-1]) == (0, CELLS - 1)


def test_no_cell_of_a_normal_column_holds_more_than_one_percent() -> None:
    counts, missing, infinite = counted(np.random.default_rng(1).normal(50, 10, 200_000), 50, 10)
    assert (missing, infinite, int(counts.sum())) == (0, 0, 200_000)
    assert counts.max() < 0.01 * counts.sum()


def test_missing_and_infinite_values_have_no_cell_but_huge_ones_do() -> None:
    counts, missing, infinite = counted(np.array([np.nan, np.inf, -np.inf, 1e300, -1e300, 1.0]), 0, 1)
    assert (missing, infinite) == (1, 2)
    assert (counts[0], counts[CELLS - 1], counts.sum()) == (1, 1, 3)


def test_a_value_is_counted_in_its_cell() -> None:
    size = np.logspace(-4, 6, 3000)
    values = np.concatenate([-size, [0.0], size]) + 50
    cells = [cell_of(float(value), 50, 10) for value in values]
    assert counted(values, 50, 10)[0].tolist() == np.bincount(cells, minlength=CELLS).tolist()


def test_both_zeros_are_one_value() -> None:
    assert cell_of(-0.0, 0.0, 1.0) == cell_of(0.0, 0.0, 1.0) == SIDE


@mark.parametrize("kind", ["float32", "int64", "int8"])
def test_the_kind_of_number_does_not_matter(kind: str) -> None:
    values = np.arange(-100, 100, dtype=kind)
    assert counted(values, 3, 7)[0].tolist() == counted(values.astype(float), 3, 7)[0].tolist()


def test_folding_counts_distances_from_the_centre() -> None:
    values = np.random.default_rng(2).normal(50, 10, 5000)
    away = counted(np.abs(values - 50), 0, 10)[0][SIDE:]
    assert folded(counted(values, 50, 10)[0]).tolist() == away.tolist()


def test_a_value_in_a_cell_lies_in_it() -> None:
    assert all(cell_of(value_in(cell, 50, 10), 50, 10) == cell for cell in range(1, CELLS) if cell != SIDE - 1)
