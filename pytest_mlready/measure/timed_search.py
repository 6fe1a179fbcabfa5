"""A search for capacity that has so many seconds: which rate is tried next for how long, and when to stop."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pytest_mlready.measure.capacity import CapacitySearch
from pytest_mlready.measure.proportions import Word
from pytest_mlready.measure.trial import shortest_s

Ended = Literal["found", "out of time", "generator"]

WARMUP_S = 0.2
OVERHEAD_S = 0.15
"""What a trial takes beside its schedule and its warm-up, at least."""
_TRIES = 2
"""So often a rate is tried at which the generator has trouble of its own: a neighbour may be gone the next time."""


@dataclass(frozen=True)
class Tried:
    """What came of a trial; `troubled`: by the generator's own doing."""

    verdict: Word
    quantile_s: float | None
    troubled: bool = False


def searched(
    finder: CapacitySearch,
    limit_s: float,
    seconds: float,
    elapsed_s: Callable[[], float],
    attempt: Callable[[float, float, int], Tried],
) -> Ended:
    """Have `attempt(rate, seconds, length)` made until `finder` is content or `seconds` are over; says which.

    `elapsed_s` tells how many seconds the search has taken. "generator": no rate failed because none could be sent.
    """
    unsure, in_time = Counter[float](), True
    while finder.next_rate() is not None:
        chosen = affordable(finder, limit_s, seconds, seconds - elapsed_s() - WARMUP_S - OVERHEAD_S)
        if chosen is None or chosen[0] != finder.next_rate():
            in_time = False
        if chosen is None:
            break
        rate, length = chosen
        tried = attempt(rate, length * shortest_s(rate, limit_s, seconds), length)
        if tried.verdict == "inconclusive" and tried.troubled:
            unsure[rate] += 1
            if unsure[rate] < _TRIES:
                continue
            # It stays undecided, and higher rates would be more so: the search goes on below.
            finder.highest, length = rate, finder.longest
        finder.observe(rate, tried.verdict, length=length, quantile_s=tried.quantile_s)
    if math.isinf(finder.result().interval[1]) and math.isfinite(finder.highest):
        return "generator"
    return "found" if in_time else "out of time"


def affordable(finder: CapacitySearch, limit_s: float, seconds: float, left_s: float) -> tuple[float, int] | None:
    """The next rate and how long to try it (in shortest trials); where time is short, an end that is to be confirmed.

    None where there is no time even for that.
    """
    asked = finder.next_rate()
    choices = [] if asked is None else [(asked, finder.length)]
    choices += [(rate, 1) for rate in finder.unconfirmed]
    return next((one for one in choices if one[1] * shortest_s(one[0], limit_s, seconds) <= left_s), None)
