"""Rates that rise in steps: at which of them does the service stop keeping its objectives?"""

from __future__ import annotations

from pathlib import Path

from pytest_mlready.openloop.user import Kind, OpenLoopUser, Stage, shapes


class Stairs(OpenLoopUser):
    """Single rows at each rate of `--stairs` for `--step-duration`; each step is judged apart, too."""

    rows_file = Path(__file__).with_name("rows.csv")

    def stages(self) -> tuple[Stage, ...]:
        """One a rate."""
        return shapes.stairs(shapes.rate_list(self.options.stairs), self.options.step_duration)

    def kinds(self) -> tuple[Kind, ...]:
        """One class of requests: each row, in random order."""
        return (Kind("predict", 1, tuple(map(self.predict_request, self.rows()))),)
