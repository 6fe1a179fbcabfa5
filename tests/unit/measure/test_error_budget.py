"""Burn rates on literal runs, and the workbook's arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_mlready.measure.error_budget import (
    PERIOD_S,
    SRE_WINDOWS,
    Window,
    WindowBurn,
    burn_rates,
    judge_budget,
    scaled,
)

DRILL = Window(60, 5, 10, "page")


@pytest.mark.parametrize(
    ("failed", "n", "verdict"),
    [(0, 1000, "inconclusive"), (0, 3000, "pass"), (3, 3000, "inconclusive"), (12, 3000, "fail"), (1, 1, "fail")],
)
def test_verdict(failed: int, n: int, verdict: str) -> None:
    assert judge_budget(failed, n, 0.999, duration_s=30).verdict == verdict


def test_a_burn_rate_is_the_share_that_failed_over_the_share_allowed() -> None:
    seen = judge_budget(30, 10_000, 0.999, duration_s=3600)
    assert seen.availability == pytest.approx(0.997)
    assert seen.burn_rate == pytest.approx(3)
    assert seen.lasts_s == pytest.approx(PERIOD_S / 3)
    assert seen.spent == pytest.approx(3 / 720)
    low, high = seen.burn_rate_interval
    assert low < 3 < high
    assert seen.availability_interval == pytest.approx((1 - high / 1000, 1 - low / 1000))
    assert seen.n_needed is None


def test_no_failure_is_no_proof_of_a_whole_budget() -> None:
    seen = judge_budget(0, 1000, 0.999, duration_s=10)
    assert (seen.burn_rate, seen.lasts_s, seen.spent) == (0, math.inf, 0)
    assert seen.burn_rate_interval == pytest.approx((0, 2.99), abs=0.01)
    assert seen.n_needed == pytest.approx(2995, abs=1)


@pytest.mark.parametrize(("window", "share"), list(zip(SRE_WINDOWS, (0.02, 0.05, 0.10), strict=True)))
def test_the_workbooks_windows_spend_2_5_and_10_percent_of_the_budget(window: Window, share: float) -> None:
    assert window.burn_rate * window.long_s / PERIOD_S == pytest.approx(share)
    assert window.short_s == window.long_s / 12


def test_scaled_windows_keep_their_burn_rates() -> None:
    page = scaled(SRE_WINDOWS, 1 / 60)[0]
    assert (page.long_s, page.short_s, page.burn_rate, page.severity) == (60, 5, 14.4, "page")
    with pytest.raises(ValueError, match="positive factor"):
        scaled(SRE_WINDOWS, 0)


def outage(start_s: float, end_s: float, share: float = 1.0) -> NDArray[np.bool_]:
    at = np.arange(0, 300, 0.1)
    failed: NDArray[np.bool_] = (at >= start_s) & (at < end_s) & (np.arange(at.size) % round(1 / share) == 0)
    return failed


def watched(failed: NDArray[np.bool_], window: Window = DRILL, objective: float = 0.99) -> WindowBurn:
    (seen,) = burn_rates(np.arange(0, 300, 0.1), failed, objective, duration_s=300, windows=[window])
    return seen


def test_an_outage_alerts_once_both_windows_burn_and_ends_with_the_short_one() -> None:
    seen = watched(outage(100, 120))
    assert seen.judged
    # 10% of the 60-s window: 60 failed requests, of 10 a second.
    assert seen.alerted_at_s == pytest.approx(106, abs=0.11)
    assert seen.highest_long == pytest.approx(100 / 3, rel=0.01)
    assert seen.highest_short == pytest.approx(100)
    # The 5-s window burns below 10% from 4.5 s after the end of the outage.
    assert seen.alerted_s == pytest.approx(120 + 4.5 - 106, abs=0.3)


def test_a_blip_does_not_alert() -> None:
    seen = watched(outage(100, 104))
    assert seen.highest_short == pytest.approx(80, rel=0.03)
    assert seen.alerted_at_s is None
    assert seen.alerted_s == 0


def test_a_steady_burn_at_the_rate_does_not_alert_and_above_it_does() -> None:
    assert watched(outage(0, 300, share=0.1), Window(60, 5, 10.5, "page")).alerted_at_s is None
    assert watched(outage(0, 300, share=0.1), Window(60, 5, 9.5, "page")).alerted_at_s == pytest.approx(60, abs=0.11)


def test_a_run_shorter_than_the_window_is_not_judged() -> None:
    seen = watched(outage(0, 300), Window(301, 5, 1, "page"))
    assert not seen.judged
    assert math.isnan(seen.highest_long)
    assert seen.alerted_at_s is None


def test_windows_count_requests_and_not_seconds() -> None:
    at = [0.0, 1, 2, 3, 3.5, 3.75, 4]
    (seen,) = burn_rates(at, [0, 0, 0, 0, 1, 1, 0], 0.5, duration_s=4, windows=[Window(2, 1, 1, "page")])
    # The windows at 4 hold 3, 3.5, 3.75 and 4; 3.5, 3.75 and 4: a window is open at its start. At 3.75: 3, 3.5, 3.75.
    assert seen.highest_long == pytest.approx(2 * 2 / 4)
    assert seen.highest_short == pytest.approx(2 * 2 / 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": 1.0}, "objective"),
        ({"objective": 0.0}, "objective"),
        ({"n": 0}, "n > 0"),
        ({"failed": 11}, "k <= n"),
        ({"duration_s": 0.0}, "positive"),
        ({"period_s": -1.0}, "positive"),
    ],
)
def test_bad_counts_are_refused(change: dict[str, float], message: str) -> None:
    arguments: dict[str, float] = {
        "failed": 1,
        "n": 10,
        "objective": 0.99,
        "duration_s": 1.0,
        "period_s": 1.0,
        **change,
    }
    with pytest.raises(ValueError, match=message):
        judge_budget(
            int(arguments["failed"]),
            int(arguments["n"]),
            arguments["objective"],
            duration_s=arguments["duration_s"],
            period_s=arguments["period_s"],
        )


@pytest.mark.parametrize(
    ("at", "failed", "window", "message"),
    [
        ([0.0, 1.0], [True], DRILL, "one outcome for each time"),
        ([1.0, 0.0], [True, True], DRILL, "in order"),
        ([0.0, 11.0], [True, True], DRILL, "within the 10 s"),
        ([0.0, 1.0], [True, True], Window(1, 2, 1, "page"), "short_s <= long_s"),
    ],
)
def test_bad_series_are_refused(at: list[float], failed: list[bool], window: Window, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        burn_rates(at, failed, 0.99, duration_s=10, windows=[window])
