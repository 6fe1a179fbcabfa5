"""Load and canaries of a team's own test, each in a turn of its own at the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_mlready.checks.canary import judged
from pytest_mlready.evidence.canary_run import compare
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.steady_load import drive
from pytest_mlready.records import Label, LoadRun
from pytest_mlready.schedule import SCHEDULE

if TYPE_CHECKING:
    from pytest_mlready.measure.canary import CanaryVerdict
    from pytest_mlready.run import Run
    from pytest_mlready.service.target import Target


def driven(run: Run, rate: float, duration_s: float) -> LoadRun:
    """Drive open-loop load of predict requests at the service: `rate` requests a second for so many seconds.

    Raises:
        Unavailable: there is no service to ask.
        NotAllowed: load is not allowed there.
    """
    target = _allowed(run)
    with run.turn(exclusive=True) as turn_fd:
        return drive(target, run.rows, rate=rate, duration_s=duration_s, seed=run.seed, turn_fd=turn_fd)


def compared(run: Run, candidate: str, control: str, labels: Sequence[Label], points: int) -> CanaryVerdict:
    """Ask two versions, or the URLs of two instances, for the same rows in turns, and judge the candidate.

    Raises: as `driven`.
    """
    target = _allowed(run)
    budget_s = SCHEDULE.evidence["canary_run"].budget_s("quick")
    context = Context(target, run.settings, run.rows, run.seed, budget_s)
    with run.turn(exclusive=True):
        return judged(compare(context, candidate, control, labels, points))


def _allowed(run: Run) -> Target:
    target = run.require_target()
    target.require("load")
    run.refuse_lost()
    return target
