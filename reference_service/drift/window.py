"""The newest rows that were answered, and when they deserve a look."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from reference_service.model.columns import Row

LOOKS_A_WINDOW = 10
Batch = tuple[float, list[Row]]
"""Rows, and the time by which they had come."""


class Window:
    """A bounded number of rows; the oldest fall out. A look is due each time a tenth of it is new.

    Args:
        size: rows; 0 keeps none and never asks for a look.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows: deque[Row] = deque(maxlen=size)
        self.taken: deque[tuple[float, int]] = deque(maxlen=LOOKS_A_WINDOW)
        self.every = max(1, size // LOOKS_A_WINDOW)
        self.new = 0

    def observe(self, rows: Sequence[Row]) -> None:
        """Add rows. This is on the way of every request: it must cost nothing."""
        self.rows.extend(rows)
        self.new += len(rows)

    def due(self) -> bool:
        """Whether enough is new."""
        return self.new >= self.every and bool(self.rows)

    def take(self, now: float) -> list[Batch]:
        """All rows, for a look, newest first, in the batches in which they were first taken."""
        if self.new:
            self.taken.appendleft((now, self.new))
            self.new = 0
        rows, batches = list(self.rows), []
        for at, count in self.taken:
            if rows:
                batches.append((at, rows[-count:]))
                rows = rows[:-count]
        return batches

    def clear(self) -> None:
        """Forget all."""
        self.rows.clear()
        self.taken.clear()
        self.new = 0


def newest(batches: Iterable[Batch], size: int) -> list[Row]:
    """The newest rows of several windows, as many as fit in one."""
    return [row for _, rows in sorted(batches, key=lambda batch: batch[0]) for row in rows][-size:]
