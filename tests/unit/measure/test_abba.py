"""Blocks that alternate."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlready.measure import abba


def test_the_order_alternates_within_pairs_and_between_them() -> None:
    assert "".join(abba.sequence("A", "B", 4)) == "ABBAABBA"


@pytest.mark.parametrize(
    ("duration_s", "shortest_s", "pairs"), [(10, 0.5, 10), (10.4, 0.5, 10), (10, 2.0, 8), (1, 0.5, 8), (40, 0.5, 40)]
)
def test_so_many_pairs_fit_and_never_too_few(duration_s: float, shortest_s: float, pairs: int) -> None:
    assert abba.pairs_in(duration_s, shortest_s) == pairs


def test_blocks_are_told_apart_by_the_order_they_were_made_in() -> None:
    made = np.array([ord(one) for one in abba.sequence("A", "B", 4) for _ in range(3)], dtype=float)
    before, after = abba.blocks(np.repeat(np.arange(8), 3), made)
    assert [set(one) for one in before] == 4 * [{ord("A")}]
    assert [set(one) for one in after] == 4 * [{ord("B")}]


def test_blocks_stay_in_pairs_and_a_pair_without_requests_is_left_out() -> None:
    at = np.array([0, 1, 1, 2, 4, 5, 6, 7])
    before, after = abba.blocks(at, at.astype(float))
    assert [one.tolist() for one in before] == [[0.0], [4.0], [7.0]]
    assert [one.tolist() for one in after] == [[1.0, 1.0], [5.0], [6.0]]


def test_nothing_has_no_blocks() -> None:
    assert abba.blocks(np.empty(0, dtype=int), np.empty(0)) == ([], [])
