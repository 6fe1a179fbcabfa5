"""A search with so many seconds, on verdicts and a clock that are made up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from pytest_mlready.measure.capacity import CapacitySearch
from pytest_mlready.measure.timed_search import Tried, affordable, searched
from pytest_mlready.measure.trial import shortest_s

LIMIT = 0.05


@dataclass
class Service:
    """Keeps the limit up to `capacity` requests/s; at more than `sendable` the generator has trouble of its own."""

    capacity: float
    sendable: float = math.inf
    spent_s: float = 0.0
    tried: list[tuple[float, int]] = field(default_factory=list)

    def attempt(self, rate: float, seconds: float, length: int) -> Tried:
        self.spent_s += seconds + 0.35
        self.tried.append((rate, length))
        if rate > self.sendable:
            return Tried("inconclusive", None, troubled=True)
        return Tried("pass" if rate <= self.capacity else "fail", None)

    def search(self, seconds: float, start: float = 100.0) -> tuple[str, CapacitySearch]:
        finder = CapacitySearch(start)
        return searched(finder, LIMIT, seconds, lambda: self.spent_s, self.attempt), finder


def test_with_time_enough_the_capacity_is_found() -> None:
    ended, finder = Service(730.0).search(100.0)
    low, high = finder.result().interval
    assert ended == "found"
    assert low <= 730 <= high <= 1.11 * low


@pytest.mark.parametrize("seconds", [4.0, 10.0, 20.0, 40.0, 55.0])
def test_no_more_time_is_taken_than_there_is(seconds: float) -> None:
    service = Service(730.0)
    _, finder = service.search(seconds)
    assert service.spent_s <= seconds
    assert finder.result().interval[0] <= 730 <= finder.result().interval[1]


def test_where_time_is_short_an_end_is_confirmed_by_a_short_trial() -> None:
    service = Service(150.0)
    ended, finder = service.search(24.0)
    assert ended == "out of time"
    assert service.tried[-1][1] == 1
    assert service.tried.count(service.tried[-1]) == 2
    assert finder.result().interval[0] > 0


def test_a_rate_that_cannot_be_sent_is_tried_twice_and_bounds_the_search() -> None:
    service = Service(math.inf, sendable=500.0)
    ended, finder = service.search(300.0)
    assert ended == "generator"
    assert [rate for rate, _ in service.tried].count(800.0) == 2
    assert finder.highest == 800.0
    assert finder.result().interval == (200.0, math.inf)


def test_what_is_affordable() -> None:
    finder = CapacitySearch(100.0)
    short = shortest_s(100.0, LIMIT, 55.0)
    assert affordable(finder, LIMIT, 55.0, short) == (100.0, 1)
    assert affordable(finder, LIMIT, 55.0, 0.99 * short) is None
    finder.observe(100.0, "pass")
    finder.observe(200.0, "fail")
    assert affordable(finder, LIMIT, 55.0, 55.0) == (math.sqrt(20_000), 1)
    assert affordable(finder, LIMIT, 55.0, shortest_s(200.0, LIMIT, 55.0)) == (200.0, 1)
