"""The usual rate for a long time: stalls too rare for a short run show here."""

from __future__ import annotations

from pathlib import Path

from pytest_mlready.openloop.user import Kind, OpenLoopUser, Stage, shapes


class Soak(OpenLoopUser):
    """Single rows at `--rate` for `--soak-duration`."""

    rows_file = Path(__file__).with_name("rows.csv")

    def stages(self) -> tuple[Stage, ...]:
        """One, long."""
        return shapes.steady(self.options.rate, 0, self.options.soak_duration)

    def kinds(self) -> tuple[Kind, ...]:
        """One class of requests: each row, in random order."""
        return (Kind("predict", 1, tuple(map(self.predict_request, self.rows()))),)
