"""More and more, and then in between: what is the highest rate at which the service keeps its p99?"""

from __future__ import annotations

from pathlib import Path

from pytest_mlready.openloop.capacity_user import CapacityUser, Kind


class Capacity(CapacityUser):
    """Single rows, from `--rate` on, for at most `--capacity-duration`."""

    rows_file = Path(__file__).with_name("rows.csv")

    def kinds(self) -> tuple[Kind, ...]:
        """One class of requests: each row, in random order."""
        return (Kind("predict", 1, tuple(map(self.predict_request, self.rows()))),)
