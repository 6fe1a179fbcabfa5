"""More than a service can take, on literal counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_mlready.measure.overload import at_least, goodput, recovery, refusal
from pytest_mlready.records import Overload
from tests.unit.records_made import overload, trial

SHEDS = overload()


@pytest.mark.parametrize(
    ("interval", "word"), [((7, 9), "pass"), ((6, 8), "inconclusive"), ((5, 6.9), "fail"), ((7, 7), "pass")]
)
def test_an_interval_is_judged_three_ways(interval: tuple[float, float], word: str) -> None:
    assert at_least(interval, 7) == word


@pytest.mark.parametrize(
    ("good", "word"),
    [
        ((0, 0, 0, 0, *[95, 105] * 6), "pass"),  # the first quarter fills the queue
        ((200, 200, 200, 200, *[40, 45] * 6), "fail"),
        ((100,) * 4 + (5, 95) * 6, "inconclusive"),
        ((100,) * 4 + (0,) * 12, "fail"),
    ],
    ids=["kept", "less", "unsteady", "collapsed"],
)
def test_goodput_is_compared_with_that_at_capacity(good: tuple[int, ...], word: str) -> None:
    found = goodput(replace(SHEDS, good=good))
    assert found.word == word
    assert found.blocks == 12
    assert found.wanted == pytest.approx(0.5 * 200)


def test_a_machine_that_has_become_slower_is_not_the_services_fault() -> None:
    slower = replace(SHEDS, good=(40,) * 16)
    assert goodput(slower).word == "fail"
    assert goodput(replace(slower, control=trial(good=150.0))).word == "pass"


@pytest.mark.parametrize(
    ("refused", "others", "word"),
    [
        ((150,) * 16, (20,) * 16, "pass"),
        ((0,) * 16, (170,) * 16, "fail"),
        ((60,) * 16, (110,) * 16, "fail"),
        ((0,) * 16, (0,) * 16, "pass"),
        ((20, 100) * 8, (60,) * 16, "inconclusive"),
    ],
    ids=["refuses", "holds", "holds most", "took it all", "half"],
)
def test_what_is_too_much_is_refused(refused: tuple[int, ...], others: tuple[int, ...], word: str) -> None:
    assert refusal(replace(SHEDS, refused=refused, others=others)).word == word


@pytest.mark.parametrize(
    ("after", "gap_s", "word"),
    [
        (((60, 60),) * 12, 0.0, "pass"),
        (((0, 60),) * 6 + ((60, 60),) * 6, 0.0, "pass"),
        (((0, 60),) * 7 + ((60, 60),) * 5, 0.0, "pass"),
        (((0, 60),) * 10 + ((60, 60),) * 2, 0.0, "inconclusive"),
        (((0, 60),) * 12, 0.0, "fail"),
        (((50, 60),) * 12, 0.0, "fail"),
        (((0, 60),) * 4 + ((60, 60),) * 4, 1.0, "pass"),
        (((1, 1),) * 12, 0.0, "inconclusive"),
        (((0, 0),) * 12, 0.0, "inconclusive"),
        ((), 0.0, "inconclusive"),
    ],
    ids=["at once", "in 3 s", "in 3.5 s", "late", "never", "not quite", "a gap counts", "few", "none", "nothing"],
)
def test_the_usual_rate_is_served_again(after: tuple[tuple[int, int], ...], gap_s: float, word: str) -> None:
    assert recovery(replace(SHEDS, after=after, gap_s=gap_s)).word == word


def test_what_was_seen_is_said() -> None:
    seen: Overload = replace(SHEDS, after=((60, 60),) * 12)
    assert goodput(seen).said == "200 good answers/s at 400 requests/s, 200 at capacity"
    assert refusal(seen).said == "1140 refused, 60 late, broken or held"
    assert recovery(seen).said == "360 of 360 good at 120 requests/s from 3 s after it"
