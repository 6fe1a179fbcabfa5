"""How fast a run spends an error budget: burn rates, of the whole run and in windows.

An availability objective of 99.9% allows 0.1% of the requests to fail: the error budget. The burn rate is the share
that failed, divided by the share allowed; at 1 the budget lasts exactly for its period (Beyer et al., The Site
Reliability Workbook, O'Reilly 2018, chapter 5, "Alerting on SLOs").
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_mlready.measure.proportions import Word, judge_rate

PERIOD_S = 30 * 86400.0
"""The workbook's period of an objective, in seconds."""


@dataclass(frozen=True)
class ErrorBudget:
    """What a run says about an availability objective.

    `failed` of `n` requests failed where `allowed` (a share) may. `availability` and `burn_rate` come with the
    one-sided bounds of `proportions.judge_rate`, each wrong at most alpha. `verdict` says whether the service burns
    at most its budget (pass), more (fail), or that `n_needed` requests would tell. `spent` is the part of the whole
    period's budget that the run would have used up, and `lasts_s` how many seconds a full budget lasts at this rate
    (infinite without failures).
    """

    verdict: Word
    objective: float
    n: int
    failed: int
    allowed: float
    availability: float
    availability_interval: tuple[float, float]
    burn_rate: float
    burn_rate_interval: tuple[float, float]
    n_needed: int | None
    spent: float
    lasts_s: float


@dataclass(frozen=True)
class Window:
    """An alert on a burn rate: both the long and the short window (seconds) must burn faster than `burn_rate`.

    The long one keeps blips from alerting, the short one ends the alert soon after the cause.
    """

    long_s: float
    short_s: float
    burn_rate: float
    severity: str


SRE_WINDOWS = (
    Window(3600, 300, 14.4, "page"),
    Window(6 * 3600, 1800, 6, "page"),
    Window(3 * 86400, 6 * 3600, 1, "ticket"),
)
"""The workbook's windows for a period of 30 days (table 5-8): 2%, 5% and 10% of the budget."""


@dataclass(frozen=True)
class WindowBurn:
    """Burn rates of one window over a run.

    `highest_long` and `highest_short` are the highest at any request; `alerted_at_s` is when both were first beyond
    the window's burn rate, `alerted_s` for how long in all. `judged` is False where the run is shorter than the long
    window: no alert then says nothing, and the burn rates are NaN.
    """

    window: Window
    judged: bool
    highest_long: float
    highest_short: float
    alerted_at_s: float | None
    alerted_s: float


def judge_budget(
    failed: int, n: int, objective: float, *, duration_s: float, period_s: float = PERIOD_S, alpha: float = 0.05
) -> ErrorBudget:
    """`failed` of `n` independent requests against an availability `objective` such as 0.999, for a period of time.

    Raises:
        ValueError: an objective outside (0, 1), no requests, counts that cannot be, or a duration or period that is
            not positive.
    """
    _check(objective, duration_s, period_s)
    if n <= 0:
        raise ValueError(f"a budget is spent by requests: needs n > 0, not {n!r}")
    allowed = 1 - objective
    seen = judge_rate(failed, n, allowed, alpha)
    low, high = seen.interval
    burn = seen.rate / allowed
    return ErrorBudget(
        verdict=seen.verdict,
        objective=objective,
        n=n,
        failed=failed,
        allowed=allowed,
        availability=1 - seen.rate,
        availability_interval=(1 - high, 1 - low),
        burn_rate=burn,
        burn_rate_interval=(low / allowed, high / allowed),
        n_needed=seen.n_needed,
        spent=burn * duration_s / period_s,
        lasts_s=period_s / burn if burn else math.inf,
    )


def scaled(windows: Iterable[Window], factor: float) -> tuple[Window, ...]:
    """The same alerts for a period `factor` times as long: a drill of an hour stands for 30 days at 1/720.

    Raises:
        ValueError: the factor is not positive.
    """
    if not factor > 0:
        raise ValueError(f"windows can be scaled by a positive factor only, not {factor!r}")
    return tuple(replace(one, long_s=one.long_s * factor, short_s=one.short_s * factor) for one in windows)


def burn_rates(
    at_s: ArrayLike,
    failed: ArrayLike,
    objective: float,
    *,
    duration_s: float,
    windows: Iterable[Window] = SRE_WINDOWS,
) -> tuple[WindowBurn, ...]:
    """Burn rates in sliding windows, looked at after every request.

    `at_s` are the times of the requests in seconds since the start of the run, in order, and `failed` whether each
    failed; both of shape (n,). A window is looked at once it lies within the run as a whole.

    Raises:
        ValueError: unequal shapes, times out of order or outside of the run, an objective outside (0, 1), or a window
            that is not positive or shorter than its short one.
    """
    at, bad = np.asarray(at_s, dtype=np.float64), np.asarray(failed, dtype=np.bool_)
    _check(objective, duration_s, 1.0)
    if at.ndim != 1 or at.shape != bad.shape:
        raise ValueError(f"needs one outcome for each time, not shapes {at.shape} and {bad.shape}")
    if at.size and not (at[0] >= 0 and at[-1] <= duration_s and (np.diff(at) >= 0).all()):
        raise ValueError(f"times must be in order and within the {duration_s:g} s of the run")
    return tuple(_window_burn(at, bad, 1 - objective, duration_s, one) for one in windows)


def _window_burn(
    at: NDArray[np.float64], bad: NDArray[np.bool_], allowed: float, duration_s: float, window: Window
) -> WindowBurn:
    if not 0 < window.short_s <= window.long_s:
        raise ValueError(f"a window needs 0 < short_s <= long_s, not {window.short_s!r} and {window.long_s!r}")
    first = int(np.searchsorted(at, window.long_s))
    if duration_s < window.long_s or first >= at.size:
        return WindowBurn(window, False, math.nan, math.nan, None, 0.0)
    long, short = (_trailing(at, bad, width)[first:] / allowed for width in (window.long_s, window.short_s))
    alert = (long > window.burn_rate) & (short > window.burn_rate)
    until_next = np.diff(at[first:], append=duration_s)
    return WindowBurn(
        window,
        judged=True,
        highest_long=float(long.max()),
        highest_short=float(short.max()),
        alerted_at_s=float(at[first:][alert][0]) if alert.any() else None,
        alerted_s=float(until_next[alert].sum()),
    )


def _trailing(at: NDArray[np.float64], bad: NDArray[np.bool_], width_s: float) -> NDArray[np.float64]:
    """Share of failures in the `width_s` seconds up to and with each request; shape (n,)."""
    cumulated = np.concatenate([[0], np.cumsum(bad)])
    after = np.arange(1, at.size + 1)
    before = np.searchsorted(at, at - width_s, side="right")
    share: NDArray[np.float64] = (cumulated[after] - cumulated[before]) / (after - before)
    return share


def _check(objective: float, duration_s: float, period_s: float) -> None:
    if not 0 < objective < 1:
        raise ValueError(f"an objective is a share of requests in (0, 1), such as 0.999, not {objective!r}")
    if not duration_s > 0 or not period_s > 0:
        raise ValueError(f"durations must be positive, not {duration_s!r} and {period_s!r}")
