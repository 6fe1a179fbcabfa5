"""Gaps between groups: the published interval, the two levels, and groups that are equal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from pytest_mlready.measure.gaps import apart, gaps, judge_gaps

Z = float(special.ndtri(0.975))


def test_the_interval_is_that_of_agresti_and_caffo() -> None:
    """56/70 and 48/80: 0.0531 to 0.3361 by their formula, as statsmodels' `agresti-caffo` computes it."""
    found = apart((56, 70), (48, 80), Z, Z)
    assert (found.lower, found.upper) == pytest.approx((0.0525, 0.3358), abs=1e-3)
    assert found.value == pytest.approx(56 / 70 - 48 / 80)
    assert found.n == 70


def test_which_group_is_first_does_not_matter() -> None:
    assert apart((10, 40), (30, 50), Z, Z) == apart((30, 50), (10, 40), Z, Z)


def test_lower_bounds_hold_together_upper_ones_each() -> None:
    two = gaps({"rate": {"a": (30, 100), "b": (60, 100)}})[0].apart
    many = gaps({"rate": {"a": (30, 100), "b": (60, 100), "c": (45, 100), "d": (45, 100)}})
    same = next(one for one in many if (one.first, one.second) == ("a", "b")).apart
    assert len(many) == 6
    assert same.upper == two.upper
    assert same.lower < two.lower


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [((300, 1000), (310, 1000), "pass"), ((300, 1000), (600, 1000), "fail"), ((30, 100), (35, 100), "inconclusive")],
)
def test_verdicts_at_a_gap_of_a_tenth(first: tuple[int, int], second: tuple[int, int], word: str) -> None:
    assert judge_gaps(gaps({"rate": {"a": first, "b": second}}), 0.1) == word


def test_one_provable_gap_fails_whatever_the_others() -> None:
    found = gaps({"rate": {"a": (300, 1000), "b": (310, 1000), "c": (900, 1000)}})
    assert judge_gaps(found, 0.1) == "fail"
    assert "c" in {found[0].first, found[0].second}


def test_one_group_is_compared_with_nobody() -> None:
    assert gaps({"rate": {"a": (3, 10), "b": (0, 0)}}) == []
    assert judge_gaps([], 0.1) == "inconclusive"


def test_equal_groups_are_never_blamed() -> None:
    rng = np.random.default_rng(3)
    sizes = [200, 100, 66, 50, 40, 33]
    for _ in range(200):
        groups = {str(n): (int(rng.binomial(n, 0.3)), n) for n in sizes}
        assert judge_gaps(gaps({"rate": groups}), 0.1) != "fail"
