"""Many times the usual rate, from one moment to the next: does the service survive it, and recover?"""

from __future__ import annotations

from pathlib import Path

from pytest_mlready.openloop.user import Kind, OpenLoopUser, Stage, shapes


class Spike(OpenLoopUser):
    """Single rows at `--rate`, at `--spike-rate` for `--spike-duration`, and at `--rate` again; each judged apart, too.

    `--duration` is divided between the time before and after.
    """

    rows_file = Path(__file__).with_name("rows.csv")

    def stages(self) -> tuple[Stage, ...]:
        """Base, spike, base."""
        options = self.options
        peak = options.spike_rate or 4 * options.rate
        return shapes.spike(options.rate, peak, options.duration, options.spike_duration)

    def kinds(self) -> tuple[Kind, ...]:
        """One class of requests: each row, in random order."""
        return (Kind("predict", 1, tuple(map(self.predict_request, self.rows()))),)
