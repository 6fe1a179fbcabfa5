"""Ups and downs of a queue: how many a trial has seen, and how seldom a lucky one passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_mlready.measure.slo import judge_share
from pytest_mlready.measure.spells import enough_seen, spells
from pytest_mlready.measure.trial import SETTLING, judged_times
from tests.unit.measure.test_capacity import Queue

LIMIT = 0.25


def test_independent_values_are_as_many_spells_as_values() -> None:
    assert spells(np.random.default_rng(1).random(4096)) > 1500
    assert spells(np.full(500, 0.25)) == 500


@pytest.mark.parametrize("block", [16, 64])
def test_values_that_stay_the_same_for_a_while_are_so_many_spells_fewer(block: int) -> None:
    values = np.repeat(np.random.default_rng(2).random(256), block)
    assert spells(values) == pytest.approx(256, rel=0.5)


QUICK = np.random.default_rng(3).exponential(0.005, 600)
RISING = np.linspace(0.0, 0.2, 600)
"""A queue that grows without end and has not yet reached the limit."""


def bursts(of: float, each: int = 100, long: int = 30) -> NDArray[np.float64]:
    return np.where(np.arange(600) % each < long, of, QUICK)


@pytest.mark.parametrize(
    ("times", "enough"),
    [
        (QUICK, True),
        (np.full(600, LIMIT), True),
        (np.full(600, 0.005 * LIMIT), True),
        (np.repeat(0.1 * QUICK, 10)[:600], True),
        (RISING, False),
        (bursts(0.8 * LIMIT), False),
        (np.where(np.arange(600) % 50 == 0, 0.8 * LIMIT, QUICK), True),
        (np.where(np.arange(600) % 50 == 0, np.inf, QUICK), False),
        (np.where(np.arange(600) < 6, np.inf, QUICK), False),
    ],
    ids=[
        "far below",
        "just within",
        "all the same",
        "ups and downs that do not matter",
        "a queue that grows",
        "bursts of nearly slow ones",
        "nearly slow ones apart",
        "too many unanswered",
        "one burst unanswered",
    ],
)
def test_whether_slow_ones_are_shown_to_be_rare(times: NDArray[np.float64], enough: bool) -> None:
    assert enough_seen(times, LIMIT) is enough


QUEUES = {
    "M/D/8": (Queue(0.004, 8, 0.02), 2.0),
    "M/D/4": (Queue(0.01, 4, 0.05), 4.0),
    "M/D/4, a long limit": (Queue(0.02, 4, 0.25), 5.0),
}
RUNS = 60


def passes(queue: Queue, part: float, seconds: float) -> tuple[int, int]:
    """How many of the trials at this part of the capacity pass, by the rule and by the shares alone."""
    rng, rate, found, alone = np.random.default_rng(4), part * queue.capacity, 0, 0
    for _ in range(RUNS):
        n = int(rng.poisson(rate * seconds))
        times = queue.responses(rng, rate, n)[int(SETTLING * n) :]
        found += judged_times(times, queue.limit_s, seconds).verdict == "pass"
        alone += judge_share(times, queue.limit_s, duration_s=seconds, longest_stall_s=0).verdict == "pass"
    return found, alone


@pytest.mark.parametrize(("queue", "seconds"), QUEUES.values(), ids=QUEUES)
def test_a_short_trial_at_capacity_seldom_passes_and_one_well_below_does(queue: Queue, seconds: float) -> None:
    found, alone = passes(queue, 1.0, seconds)
    assert found <= 0.3 * RUNS < 0.5 * RUNS < alone
    assert passes(queue, 0.5, seconds)[0] >= 0.9 * RUNS


def test_a_longer_trial_at_capacity_passes_more_seldom_still() -> None:
    found, alone = passes(QUEUES["M/D/8"][0], 1.0, 12.0)
    assert found <= 0.25 * RUNS < 0.4 * RUNS < alone


def test_what_was_not_enough_is_said() -> None:
    seen = judged_times(RISING, LIMIT, 2.0)
    assert (seen.verdict, seen.reason[-29:]) == ("inconclusive", "too few ups and downs to tell")
    alone = judge_share(RISING, LIMIT, duration_s=2.0, longest_stall_s=0)
    assert replace(alone, verdict="inconclusive", reason=seen.reason) == seen
