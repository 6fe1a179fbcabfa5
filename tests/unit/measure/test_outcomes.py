"""Outcomes of experiments: what an interval covers, what decides, and what must not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pytest_mlready.measure.outcomes import MINIMUM, compare, differences

RNG = np.random.default_rng(11)


def normal(n: int, mean: float = 0.0) -> list[float]:
    return list(RNG.normal(mean, 1, n))


def rows(control: Sequence[float | None], treated: Sequence[float | None]) -> list[dict[str, Any]]:
    return [{"variant": "a", "sale": value} for value in control] + [{"variant": "b", "sale": v} for v in treated]


def test_a_clear_difference_is_shown_with_its_sign() -> None:
    found = compare(normal(1000), normal(1000, -0.5))
    assert found.verdict == "lower"
    assert found.interval[0] < -0.5 < found.interval[1] < 0
    assert compare(normal(1000), normal(1000, 0.5)).verdict == "higher"


def test_the_interval_is_wider_than_that_of_one_look_but_not_twice() -> None:
    a, b = normal(1000), normal(1000)
    low, high = compare(a, b).interval
    once = 1.96 * math.sqrt(np.var(a, ddof=1) / 1000 + np.var(b, ddof=1) / 1000)
    assert 1.2 < (high - low) / 2 / once < 1.9


def test_fewer_than_the_minimum_decide_nothing() -> None:
    found = compare(normal(MINIMUM - 1), normal(5000, 9))
    assert (found.verdict, found.decided) == ("too few", False)
    assert compare([], [1.0]).interval == (-math.inf, math.inf)
    assert compare(normal(MINIMUM), normal(MINIMUM, 9)).decided


def test_missing_values_are_left_out_and_counted() -> None:
    gone = [math.nan] * 50
    found = compare([5 + x for x in normal(400)] + gone, [5 + x for x in normal(400)] + gone)
    assert (found.n, found.missing) == ((400, 400), (50, 50))
    assert abs(found.difference) < 0.3


def test_who_is_missing_in_one_variant_only_is_no_accident() -> None:
    assert compare(normal(400), [*normal(300, 2), *[math.nan] * 100]).verdict == "missing differs"


def test_metrics_and_variants_share_alpha() -> None:
    mean, n = 0.29, 350
    told = rows(list(np.linspace(-1.7, 1.7, n)), list(np.linspace(-1.7, 1.7, n) + mean))
    assert differences(told, ["sale"], "a") == {"sale": True}
    assert differences(told, ["sale", *map(str, range(20))], "a")["sale"] is False


def test_a_metric_that_is_absent_is_missing_and_not_zero() -> None:
    told = rows([5 + x for x in normal(300)], [None] * 300)
    assert differences(told, ["sale", "visits"], "a") == {"sale": False, "visits": False}


@pytest.mark.parametrize("alpha", [0, 1])
def test_alpha_is_a_share(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        compare([1], [2], alpha=alpha)


def test_twenty_looks_are_wrong_no_more_often_than_alpha() -> None:
    rng, wrong, runs = np.random.default_rng(5), 0, 300
    for _ in range(runs):
        a, b = rng.exponential(1, 2000), rng.exponential(1, 2000)
        wrong += any(compare(a[:n], b[:n]).decided for n in range(100, 2001, 100))
    assert wrong <= 0.05 * runs
