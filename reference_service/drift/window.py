"""The newest rows that were answered, and when they deserve a look."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from reference_service.columns import Row

LOOKS_A_WINDOW = 10


class Window:
    """A bounded number of rows; the oldest fall out. A look is due each time a tenth of it is new.

    Args:
        size: rows; 0 keeps none and never asks for a look.
    """

    def __init__(self, size: int) -> None:
        self.rows: deque[Row] = deque(maxlen=size)
        self.every = max(1, size // LOOKS_A_WINDOW)
        self.new = 0

    def observe(self, rows: Sequence[Row]) -> None:
        """Add rows. This is on the way of every request: it must cost nothing."""
        self.rows.extend(rows)
        self.new += len(rows)

    def due(self) -> bool:
        """Whether enough is new."""
        return self.new >= self.every and bool(self.rows)

    def take(self) -> list[Row]:
        """All rows, for a look."""
        self.new = 0
        return list(self.rows)

    def clear(self) -> None:
        """Forget all."""
        self.rows.clear()
        self.new = 0
