"""Freezes in literal and simulated runs: seen as long as they are, and not where the client stood still itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_mlready.measure.stalls import Stalls, stalls

RATE, SECONDS = 100, 20.0
DUE = np.arange(int(RATE * SECONDS)) / RATE
Times = NDArray[np.float64]


def thawed(times: Times, begin: float, length: float) -> Times:
    """Nothing ends within a freeze; what would have ended does so right after it."""
    inside = (times > begin) & (times <= begin + length)
    return np.where(inside, begin + length + (times - begin) / 1000, times)


def seen(sent: Times, done: Times, threshold_s: float = 0.25) -> Stalls:
    return stalls(sent, done, np.isfinite(done), threshold_s=threshold_s, duration_s=SECONDS)


def frozen(*spans: tuple[float, float], took_s: float = 0.005) -> Times:
    done = DUE + took_s
    for begin, length in spans:
        done = thawed(done, begin, length)
    return done


def test_a_healthy_run_has_none() -> None:
    found = seen(DUE, frozen())
    assert (found.lengths_s, found.share, found.interval, found.longest_s) == ((), 0.0, (0.0, 1.0), 0.0)


def test_each_is_as_long_as_it_was() -> None:
    found = seen(DUE, frozen((2.0, 0.3), (9.0, 0.8)))
    assert found.lengths_s == pytest.approx((0.3, 0.8), abs=0.02)
    assert found.share == pytest.approx(1.1 / SECONDS, abs=0.002)
    assert found.interval[0] < found.share < found.interval[1]


def test_one_below_the_threshold_is_only_the_longest() -> None:
    found = seen(DUE, frozen((2.0, 0.2)))
    assert found.lengths_s == ()
    assert found.longest_s == pytest.approx(0.2, abs=0.02)


def test_a_service_that_never_answers_again_stands_still_to_the_end() -> None:
    done = np.where(DUE < 15, DUE + 0.005, np.inf)
    assert seen(DUE, done).lengths_s == pytest.approx((5.0,), abs=0.02)


def test_a_client_that_stood_still_itself_sees_none() -> None:
    sent = thawed(DUE, 5.0, 1.0)
    assert seen(sent, sent + 0.005).lengths_s == ()


def test_two_slow_requests_while_nobody_else_asks_are_none() -> None:
    sent = DUE[(DUE < 4) | (DUE > 6) | (np.abs(DUE - 5) < 0.011)]
    done = np.where(np.abs(sent - 5) < 0.009, 6.0, sent + 0.005)
    assert seen(sent, done).lengths_s == ()


def test_a_slow_service_is_no_frozen_one() -> None:
    sent = np.arange(0, SECONDS, 0.05)
    at_once = np.ceil(sent / 0.4) * 0.4 + 0.4
    found = seen(sent, at_once)
    assert found.threshold_s > 0.8
    assert found.lengths_s == ()


def test_refusals_at_once_are_no_waiting() -> None:
    down = (DUE > 5) & (DUE < 7)
    found = stalls(DUE, DUE + 0.001, ~down, threshold_s=0.25, duration_s=SECONDS)
    assert found.lengths_s == ()


def test_requests_that_were_never_sent_say_nothing() -> None:
    sent = np.where(DUE > 10, np.inf, DUE)
    assert seen(sent, sent + 0.005).longest_s == 0.0


def test_no_request_at_all() -> None:
    nothing = np.empty(0)
    assert stalls(nothing, nothing, nothing, threshold_s=0.25, duration_s=1.0).lengths_s == ()


def test_the_lower_bound_is_wrong_at_most_one_time_in_twenty() -> None:
    """Freezes of 0.26 to 0.6 s that take 1% of the time, at random: 400 runs at 5% give more than 33 in 0.2%."""
    rng = np.random.default_rng(7)
    rate, wrong = 0.01 / 0.43, 0
    for _ in range(400):
        starts = np.sort(rng.uniform(0, 200, rng.poisson(rate * 200)))
        done = np.arange(4000) / 20 + 0.005
        sent = done - 0.005
        for start in starts:
            done = thawed(done, float(start), float(rng.uniform(0.26, 0.6)))
        found = stalls(sent, done, np.isfinite(done), threshold_s=0.25, duration_s=200)
        wrong += found.interval[0] > 0.01
    assert wrong <= 33
