"""One trial, on literal runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_mlready.measure.trial import good, judged_trial, outcomes, shortest_s
from pytest_mlready.records import Generator, LoadRun, RequestClass

RATE, COUNT, LIMIT = 100.0, 1000, 0.25
QUIET = Generator(0.0002, 0.0008, 0.004, cpu_s=2.0, wall_s=10.0, connections=40, processes=1)


def run(response_s: Any = 0.005, status: Any = 200, *, late_s: Any = 0.0, queued: Any = False, **given: Any) -> LoadRun:
    """Ten seconds at 100 requests/s."""
    statuses = np.broadcast_to(np.asarray(status), COUNT)
    response = np.broadcast_to(np.asarray(response_s, dtype=float), COUNT)
    intended = np.arange(COUNT) / RATE
    series = {
        "class": np.zeros(COUNT, dtype=int),
        "intended_s": intended,
        "sent_s": np.where(statuses < 0, np.inf, intended + late_s),
        "response_s": np.where(statuses < 0, np.inf, response),
        "service_s": np.where(statuses < 0, np.inf, response - late_s),
        "status": statuses,
        "queued": np.broadcast_to(np.asarray(queued), COUNT),
    }
    counted = Counter(statuses.tolist())
    dropped, unanswered = counted.pop(-1, 0), counted.pop(0, 0)
    kind = RequestClass(
        name="predict",
        offered=COUNT,
        sent=COUNT - dropped,
        dropped=dropped,
        completed=sum(counted.values()),
        statuses={str(one): count for one, count in counted.items()},
        failures={"deadline": unanswered} if unanswered else {},
        response_hdr="",
        service_hdr="",
    )
    return LoadRun("trial", RATE, COUNT / RATE, "poisson", 7, 0.0, (kind,), given.get("generator", QUIET), series)


def every(nth: int, value: float, otherwise: float) -> np.ndarray[Any, Any]:
    return np.where(np.arange(COUNT) % nth == nth - 1, value, otherwise)


@pytest.mark.parametrize(
    ("tried", "verdict"),
    [
        (run(), "pass"),
        (run(every(20, 0.4, 0.005)), "fail"),
        (run(0.005, every(20, 503, 200)), "fail"),
        (run(0.005, every(20, 500, 200)), "fail"),
        (run(every(20, 5.0, 0.005), every(20, 0, 200)), "fail"),
        (run(0.005, every(20, -1, 200), queued=every(20, True, False)), "fail"),
        (run(every(100, 0.4, 0.005)), "inconclusive"),
        (run(np.where(np.arange(COUNT) < 90, 3.0, 0.005)), "pass"),
        (run(0.25), "pass"),
    ],
    ids=["fast", "slow", "shed", "errors", "unanswered", "held", "at the limit", "slow at first", "just in time"],
)
def test_at_most_one_in_a_hundred_may_not_be_good(tried: LoadRun, verdict: str) -> None:
    found = judged_trial(tried, LIMIT)
    assert (found.verdict, found.trouble) == (verdict, None)


STARVED = replace(QUIET, lateness_p50_s=0.02, lateness_p99_s=0.09)
LATE = replace(QUIET, lateness_p99_s=0.02)


@pytest.mark.parametrize(
    ("tried", "said"),
    [
        (run(0.4, generator=STARVED), "half of its requests were sent"),
        (run(0.4, generator=replace(QUIET, cpu_s=9.5)), "95% of a core"),
        (run(0.4, queued=True, generator=replace(QUIET, connections=20)), "its own 20 connections"),
        (run(0.005, every(20, -1, 200)), "45 requests found no free socket"),
        (run(0.4, late_s=0.3, generator=LATE), "answered fast from then on"),
    ],
    ids=["starved", "busy", "too few connections", "no sockets", "late"],
)
def test_trouble_of_its_own_never_fails_a_service(tried: LoadRun, said: str) -> None:
    found = judged_trial(tried, LIMIT)
    assert found.verdict == "inconclusive"
    assert found.trouble is not None
    assert said in found.trouble


def test_a_pass_stands_though_the_generator_was_late() -> None:
    assert judged_trial(run(generator=STARVED), LIMIT).verdict == "pass"


def test_slow_also_from_the_actual_sending_is_a_fail() -> None:
    assert judged_trial(run(0.6, late_s=0.05, generator=LATE), LIMIT).verdict == "fail"


def test_it_measures_rates_and_percentiles_after_the_first_tenth() -> None:
    slow_at_first = np.where(np.arange(COUNT) < 100, 2.0, every(2, 0.02, 0.01))
    found = judged_trial(run(slow_at_first, every(10, 503, 200)), LIMIT, length=2)
    assert (found.rate, found.seconds, found.length) == (RATE, 10.0, 2)
    assert found.offered == pytest.approx(100)
    assert found.good == pytest.approx(90)
    assert found.achieved == pytest.approx((810 + 90) / 9, abs=1)  # those of the first second were answered later
    assert found.in_flight == pytest.approx((100 * 1.5 + 900 * 0.015) / 9, rel=0.02)
    assert found.response["p50"].value_s == pytest.approx(0.01)
    assert found.response["p99"].value_s is None
    assert found.service["p99"].high_s is None
    assert found.statuses == {"200": 900, "503": 100}


def test_what_was_not_answered_is_counted_by_word() -> None:
    assert outcomes(run(5.0, np.repeat([200, 0, -1, 500], 250))) == (
        {"200": 250, "500": 250},
        {"deadline": 250, "dropped": 250},
    )


def test_good_is_answered_and_in_time() -> None:
    tried = run(every(4, 0.3, 0.1), every(2, 503, 200))
    assert good(tried.series, LIMIT).sum() == 500
    assert good(run(every(2, 0.3, 0.1)).series, LIMIT).sum() == 500


def test_nothing_offered_says_nothing() -> None:
    empty = run()
    found = judged_trial(replace(empty, series={name: one[:0] for name, one in empty.series.items()}), LIMIT)
    assert (found.verdict, found.trouble) == ("inconclusive", "nothing was offered")


@pytest.mark.parametrize(
    ("rate", "limit_s", "search_s", "seconds"),
    [
        (100, 0.25, 40, 5.0),  # enough requests
        (100_000, 0.1, 20, 0.75),  # long enough to be anything
        (100_000, 1.0, 40, 4.0),  # long against the limit
        (100_000, 0.1, 300, 10.0),  # more time, longer trials
        (1, 0.25, 40, 8.0),  # no more than a part of the search
    ],
)
def test_how_long_the_shortest_trial_is(rate: float, limit_s: float, search_s: float, seconds: float) -> None:
    assert shortest_s(rate, limit_s, search_s) == pytest.approx(seconds)
