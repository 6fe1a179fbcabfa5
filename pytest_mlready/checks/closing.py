"""Checks of the run itself, judged when it closes."""

from __future__ import annotations

from pytest_mlready.catalogue import check
from pytest_mlready.finding import Finding, failed, inconclusive, passed
from pytest_mlready.records import Closing


@check(
    "harness.target_pinned",
    "must",
    remedy="Keep deployments away from the target while it is judged, and run again. A version that a drill could not "
    "put back has to be, by the command named.",
)
def target_pinned(closing: Closing) -> Finding:
    """The same target answers at the end of the run as at its beginning.

    Evidence of two different deployments proves nothing about either of them.
    """
    if (left := closing.left) is not None:
        return failed(f"{left.found} served before a drill on the target, and {left.problem}", replay=left.restore)
    if closing.before is None or closing.after is None:
        end = "before" if closing.before is None else "after"
        return inconclusive(f"the target could not be asked who it is {end} the run")
    changed = [key for key in closing.before if closing.after.get(key) != closing.before[key]]
    if changed:
        became = [f"{key}: {closing.before[key]} became {closing.after.get(key, 'absent')}" for key in changed]
        return inconclusive(f"the target changed during the run: {became[0]}", details=tuple(became))
    return passed(f"{len(closing.before)} facts that identify the target are unchanged")


@check(
    "harness.plan_complete",
    "must",
    remedy="Look for what ended the run early, and run the missing checks again.",
)
def plan_complete(closing: Closing) -> Finding:
    """Every planned check ended in a verdict.

    A gate that forgets a check passes whatever that check would have found.
    """
    missing = [check for check in closing.planned if check not in closing.judged]
    if closing.problem is not None:
        return failed(closing.problem)
    if not closing.planned:
        return failed("no check was planned")
    planned = len(closing.planned)
    if missing:
        return failed(f"{len(missing)} of {planned} planned checks never ended in a verdict", details=tuple(missing))
    return passed(f"{planned} of {planned} planned checks ended in a verdict")
