"""A constant stream of single predictions: does the service keep its p99 at the declared rate?"""

from __future__ import annotations

from pathlib import Path

from pytest_mlready.openloop.user import Kind, OpenLoopUser


class Steady(OpenLoopUser):
    """Single rows at `--rate` for `--duration`."""

    rows_file = Path(__file__).with_name("rows.csv")

    def kinds(self) -> tuple[Kind, ...]:
        """One class of requests: each row, in random order."""
        return (Kind("predict", 1, tuple(map(self.predict_request, self.rows()))),)
