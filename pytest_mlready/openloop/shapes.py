"""Load shapes in words: what people write on a command line, as stages of a plan."""

from __future__ import annotations

import math
import re

from pytest_mlready.openloop.plan import Stage

_TIMESPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def stairs(rates: tuple[float, ...], step_s: float) -> tuple[Stage, ...]:
    """Each of `rates` (requests/s) for `step_s` seconds."""
    return tuple((one, step_s) for one in rates)


def spike(base: float, peak: float, around_s: float, spike_s: float) -> tuple[Stage, ...]:
    """`peak` requests/s for `spike_s` seconds, suddenly; `base` for half of `around_s` before it and half after."""
    return (base, around_s / 2), (peak, spike_s), (base, around_s / 2)


def steady(rate: float, rate_to: float, duration_s: float) -> tuple[Stage, ...]:
    """`rate` requests/s throughout, or linearly from it to `rate_to`, where that is not 0."""
    return ((rate, rate_to, duration_s),) if rate_to else ((rate, duration_s),)


def positive(text: str) -> float:
    """A number above 0. Raises ValueError."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise ValueError(f"must be a number above 0, not {text!r}")
    return value


def whole(text: str, least: int = 1) -> int:
    """A whole number from `least` (0 or more). Raises ValueError."""
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"must be a whole number, {least} or more, not {text!r}")
    return int(text)


def share(text: str) -> float:
    """A share above 0 and below 1. Raises ValueError."""
    value = _number(text)
    if not 0 < value < 1:
        raise ValueError(f"must be a share above 0 and below 1, such as 0.01, not {text!r}")
    return value


def rate_list(text: str) -> tuple[float, ...]:
    """Rates with commas between them. Raises ValueError."""
    try:
        return tuple(positive(one) for one in text.split(","))
    except ValueError:
        raise ValueError(f"must be rates above 0 with commas between them, such as 10,50,100, not {text!r}") from None


def seconds(text: str) -> float:
    """Seconds above 0: a number, or a timespan as Locust writes it (90s, 10m, 1h30m). Raises ValueError."""
    match = _TIMESPAN.fullmatch(text)
    hours, minutes, rest = (int(one or 0) for one in match.groups()) if match else (0, 0, 0)
    value = 3600.0 * hours + 60 * minutes + rest if match else _number(text)
    if not 0 < value < math.inf:
        raise ValueError(f"must be seconds above 0, or such as 90s, 10m or 1h30m, not {text!r}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
