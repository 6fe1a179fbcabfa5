"""Which versions an answer may come from, by nothing but the times of messages."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Switch:
    """One order that moves from whatever serves to `version`, given between `began_s` and `ended_s`.

    `certain`: it was acknowledged; else nobody knows whether it was carried out.
    """

    version: int
    began_s: float
    ended_s: float
    certain: bool = True


class Timeline:
    """A sequence of switches, none of which was begun before the one before it had ended; `first` serves before all."""

    def __init__(self, first: int, switches: Sequence[Switch]) -> None:
        self._began = [one.began_s for one in switches]
        self._ended = [one.ended_s for one in switches]
        self._possible = [frozenset({first})]
        for one in switches:
            self._possible.append(frozenset({one.version}) if one.certain else self._possible[-1] | {one.version})

    def allowed(self, began_s: float, ended_s: float) -> frozenset[int]:
        """The versions that may have made an answer whose request was begun, and which had arrived, at these times.

        From the one that was in force when the last acknowledgement before the request arrived, to the last one that
        was ordered before the answer had come.
        """
        first = bisect_right(self._ended, began_s)
        last = bisect_left(self._began, ended_s)
        return frozenset().union(*self._possible[first : max(first, last) + 1])

    def latest(self, began_s: float) -> int:
        """How many switches had ended before a request was begun."""
        return bisect_right(self._ended, began_s)

    def since_last(self, began_s: float) -> float:
        """Seconds from the last acknowledgement before a request to its beginning; infinite if there was none."""
        at = self.latest(began_s)
        return began_s - self._ended[at - 1] if at else float("inf")
