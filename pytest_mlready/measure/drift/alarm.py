"""What a drift test says: a difference with its size, floor and probability, or a hard error without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Test = Literal[
    "ks",
    "wilcoxon",
    "spread ks",
    "spread wilcoxon",
    "missing",
    "range",
    "atom",
    "levels",
    "level",
    "unseen level",
    "correlation",
    "schema",
    "type",
    "all missing",
    "constant",
    "infinite",
]
HARD: frozenset[Test] = frozenset({"schema", "type", "all missing", "constant", "infinite"})


@dataclass(frozen=True)
class Alarm:
    """One difference that is significant and large enough to matter; of a hard error `p` and `effect` are None.

    `effect` and `floor` are differences of shares, distances between distribution functions, areas under the curve
    less a half, or correlations: pure numbers from 0 to 1 (a correlation's to 2).
    """

    column: str
    test: Test
    text: str
    effect: float | None = None
    floor: float | None = None
    p: float | None = None

    @property
    def shown(self) -> str:
        """One line for people."""
        if self.p is None:
            return f"{self.column}: {self.text}"
        return f"{self.column}: {self.text} ({self.test} {self.effect:.3f}, floor {self.floor:g}, p {self.p:.1g})"


@dataclass(frozen=True)
class Level:
    """The level of one test in a panel, and how many rows count as one for it.

    `together` rows that resemble each other (of one session, say) count as one.
    """

    alpha: float
    together: float = 1.0

    def thinned(self, k: int, n: int) -> tuple[int, int]:
        """A count of a number of rows, as of independent ones."""
        if self.together == 1:
            return k, n
        whole = int(n / self.together)
        return min(whole, round(k / self.together)), whole
