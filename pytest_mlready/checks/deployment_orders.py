"""Checks of orders to change versions: which are refused, which are kept, and what is remembered of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise

from pytest_mlready.catalogue import check
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.records import Attempt, Change, Crowd, DeploymentState, Kill, RollbackDrill
from pytest_mlready.settings import Settings


@check(
    "deployment.admin_guarded",
    "must",
    needs=("deployment.token_env",),
    reads=("refusals",),
    remedy="Ask for the admin's right on every route that changes what serves, before anything else is looked at.",
)
def admin_guarded(rollback_drill: RollbackDrill) -> Finding:
    """Who has no right to change versions is refused, and has changed nothing.

    An open admin route lets anybody on the network replace the model by an older one, whose weakness is known.
    """
    return _all_refused(_of(rollback_drill, "no right"), "without the right")


@check(
    "deployment.unknown_version_refused",
    "must",
    reads=("refusals",),
    remedy="Find and verify a version before anything is changed; answer 404 for one that is not there.",
)
def unknown_version_refused(rollback_drill: RollbackDrill) -> Finding:
    """Promoting or rolling back to a version that does not exist is refused, and changes nothing.

    A mistyped version in a script must not take the service down, nor make it serve "the latest" instead.
    """
    return _all_refused(_of(rollback_drill, "unknown version"), "to a version that does not exist")


@check(
    "deployment.corrupt_artifact_refused",
    "must",
    needs=("service.kill", "deployment.registry"),
    reads=("kills",),
    remedy="Compare the artefact's digest with a signed manifest before it is loaded; keep the old version until the "
    "new one has answered its golden rows.",
)
def corrupt_artifact_refused(rollback_drill: RollbackDrill) -> Finding:
    """A version whose artefact is not what was published is refused, and the one that serves goes on serving.

    One flipped bit in a model file changes answers without any error, and a file that somebody put there runs code.
    """
    attempts = _of(rollback_drill, "corrupt artefact")
    if not attempts and any(one.problem for one in rollback_drill.kills):
        return inconclusive("it did not come up again after SIGKILL: see deployment.survives_kill")
    return _all_refused(attempts, "to a spoiled artefact")


@check(
    "deployment.survives_kill",
    "must",
    needs=("service.kill",),
    reads=("kills",),
    remedy="Make a change durable before it is acknowledged: one transaction, or a temporary file, fsync and rename.",
)
def survives_kill(rollback_drill: RollbackDrill) -> Finding:
    """Killed right after an acknowledgement and started again, the service serves the acknowledged version.

    A node that restarts at night must not bring back the model that was rolled back in the afternoon. In the profile
    full it is killed in the middle of orders, too, and started on copies of its state as it was at moments before in
    which a file was as it never is between orders: what a kill at that very moment would have left.
    """
    if not rollback_drill.kills:
        return inconclusive("it was not killed")
    for kill in rollback_drill.kills:
        if kill.order.outcome != "acknowledged":
            return inconclusive(f"{kill.order.text} before the kill was {kill.order.outcome}: {kill.order.said}")
        killed = f"after SIGKILL {kill.moment}"
        if kill.late and kill.empty_s is None:
            return inconclusive(f"{killed} it was not ready again within {kill.restarted_s:.0f} s, nor a new one")
        if kill.late:
            said = f"it was not ready again within {kill.restarted_s:.0f} s, but on an empty state within"
            return failed(f"{killed} {said} {kill.empty_s:.1f} s", details=(kill.problem or "",))
        if kill.problem is not None:
            return failed(f"{killed}: {kill.problem}")
        state = kill.after
        if (state.serving, state.answers) != (kill.expected, kill.expected):
            said = f"{state.serving} serves and {state.answers} answers"
            return failed(f"{kill.order.text} was acknowledged; {killed} {said}")
        if kill.kept is False:
            return failed(f"{killed} the history has lost the acknowledged {kill.order.text}")
    kills = rollback_drill.kills
    middle = sum(one.moment != Kill.moment for one in kills)
    when = f", {middle} of them in the middle of orders" if middle else f" {Kill.moment}"
    return passed(
        f"{len(kills)} × SIGKILL{when}: what was acknowledged came up",
        Measurement(max(one.restarted_s for one in kills), "s", n=len(kills)),
        details=tuple(f"{one.moment}: ready after {one.restarted_s:.1f} s" for one in kills),
    )


@check(
    "deployment.left_as_found",
    "should",
    reads=(),
    remedy="Let the version that was found serve again, by the command named here; then see why the service would not.",
)
def left_as_found(rollback_drill: RollbackDrill) -> Finding:
    """After the drill the target serves the version that it served before.

    A check that leaves another model in production than it found there would be worse than none.
    """
    left = rollback_drill.left
    if left.problem is not None:
        now = left.serving or "nobody knows what"
        return failed(f"{left.found} served before the drill, {now} now: {left.problem}", replay=left.restore)
    if rollback_drill.fresh:
        return passed("the drill had an instance of its own; the target was not touched")
    return passed(f"{left.serving} serves, as before")


@check(
    "deployment.concurrent_changes_serialise",
    "should",
    reads=("crowd",),
    remedy="Make changes one after the other, under one lock for all workers, each decided on the state it changes.",
)
def concurrent_changes_serialise(rollback_drill: RollbackDrill) -> Finding:
    """Orders given at the same time end in one state, which the history explains change by change.

    Two people roll back in the same minute of an incident: a lost update leaves a state that nobody ordered.
    """
    crowd = rollback_drill.crowd
    if crowd is None or any(one.outcome == "unanswered" for one in crowd.orders):
        said = next((one.said for one in crowd.orders if one.outcome == "unanswered"), "") if crowd else "none was made"
        return inconclusive(f"not every order was answered: {said}")
    acknowledged = [one for one in crowd.orders if one.outcome == "acknowledged"]
    measured = Measurement(len(acknowledged), "1", n=len(crowd.orders))
    if (fault := _unexplained(crowd)) is not None:
        return failed(f"after {len(crowd.orders)} orders at once {fault}", measured)
    added = f"{len(crowd.added)} changes" if crowd.added is not None else "no history"
    return passed(f"{len(crowd.orders)} orders at once, {added}, {crowd.after.serving} serves", measured)


@check(
    "deployment.idempotent",
    "should",
    reads=(),
    remedy="Let an order name the state that is wanted; do nothing where it is there already. Roll back along the "
    "history of promotions, not to whatever served last.",
)
def idempotent(rollback_drill: RollbackDrill) -> Finding:
    """Promoting what serves changes nothing, and rolling back twice does not bring back what was undone.

    Whoever gets no answer in an incident presses the button again.
    """
    again, twice = _of(rollback_drill, "same again"), _of(rollback_drill, "back twice")
    if not again:
        return inconclusive("nothing was ordered twice")
    for one in again:
        if not _same(one.before, one.after):
            return failed(f"{one.case}, which served already: {_moved(one)}")
        if one.before.tip is not None and one.after.tip != one.before.tip:
            return failed(
                f"{one.case}, which served already, is one more change in the history: {_line(one.after.tip)}"
            )
    for one in twice:
        if one.after.serving == rollback_drill.versions[1]:
            return failed(f"rolled back twice, {one.after.serving} serves again, which the first rollback undid")
    return passed(f"{len(again) + len(twice)} repeated orders had no second effect")


@check(
    "deployment.history_complete",
    "should",
    needs=("deployment.history",),
    reads=("swaps",),
    remedy="Write who, when, from and to with the change itself, in the same transaction.",
)
def history_complete(rollback_drill: RollbackDrill) -> Finding:
    """Every acknowledged change is in the history, in order, with who, when, from and to.

    The first question in an incident is what changed; a history with gaps answers it wrongly.
    """
    swaps = [one for one in rollback_drill.swaps if one.outcome == "acknowledged" and one.changed is not False]
    if rollback_drill.history is None or not swaps:
        return inconclusive("there is no history to read, or no change was made")
    expected: list[str | None] = [to for to, _ in groupby(one.version for one in swaps)]
    kept = list(reversed(rollback_drill.history[: len(expected)]))
    missing = (Counter(expected) - Counter(one.after for one in kept)).total()
    measured = Measurement(missing, "1", n=len(expected), limit=0)
    if missing:
        return failed(f"{missing} of {len(expected)} acknowledged changes are not in the history", measured)
    if [one.after for one in kept] != expected:
        return failed(f"the history has {len(expected)} changes in another order than they were made", measured)
    for old, new in pairwise(kept):
        if new.before != old.after:
            return failed(f"the history has a gap: {_line(new)} came after {_line(old)}", measured)
    silent = [one for one in kept if not (one.at and one.actor)]
    if silent:
        return failed(f"{len(silent)} of {len(expected)} changes say not who and when: {_line(silent[0])}", measured)
    return passed(f"{len(expected)} changes with who, when, from and to", measured)


@check(
    "deployment.auto_rollback",
    "should",
    needs=("service.kill", "deployment.feedback"),
    reads=("automatic",),
    remedy="Compare live quality and errors with their declared bounds, and restore the version before when they are "
    "provably beyond.",
)
def auto_rollback(rollback_drill: RollbackDrill, settings: Settings) -> Finding:
    """A version that proves bad by its labels is undone by the service itself within the declared time.

    A threshold that nothing reads is a promise to be woken up at night.
    """
    bound = settings.deployment.undone_s if settings.deployment is not None else 0.0
    seen = rollback_drill.automatic
    if seen is None:
        return inconclusive("no version was made to look bad")
    if not seen.labels:
        return inconclusive(f"no label was taken: {seen.refused}")
    if seen.undone_s is None:
        waited = Measurement(seen.waited_s, "s", n=seen.labels, limit=bound)
        return failed(
            f"{seen.labels} wrong predictions, and {seen.waited_s:.1f} s later the version still serves", waited
        )
    measured = Measurement(seen.undone_s, "s", n=seen.labels, limit=bound)
    return passed(f"undone {seen.undone_s:.2f} s after {seen.labels} wrong predictions were known", measured)


def _of(drill: RollbackDrill, kind: str) -> list[Attempt]:
    return [one for one in drill.attempts if one.kind == kind]


def _all_refused(attempts: Sequence[Attempt], what: str) -> Finding:
    """Each attempt was refused, and what served before it serves after it."""
    measured = Measurement(sum(one.order.outcome != "refused" for one in attempts), "1", n=len(attempts), limit=0)
    for one in attempts:
        named = (
            f"{one.order.action} {what} ({one.case})" if one.case != one.order.action else f"{one.order.action} {what}"
        )
        if one.order.outcome == "acknowledged":
            return failed(f"{named} was carried out: {_moved(one)}", measured)
        if one.after.problem is not None or not _same(one.before, one.after):
            return failed(f"{named} was refused ({one.order.said[:60]}), but: {_moved(one)}", measured)
        if one.order.outcome == "unanswered":
            return inconclusive(f"{named} got no answer: {one.order.said}", measured)
    if not attempts:
        return inconclusive(f"nothing was tried {what}")
    said = ", ".join(sorted({one.order.said.partition(":")[0] for one in attempts}))
    return passed(f"{len(attempts)} attempts {what} were refused ({said}) and changed nothing", measured)


def _same(before: DeploymentState, after: DeploymentState) -> bool:
    return (before.serving, before.answers) == (after.serving, after.answers)


def _moved(attempt: Attempt) -> str:
    before, after = attempt.before, attempt.after
    if after.problem is not None:
        return f"what serves cannot be said any more: {after.problem}"
    return f"{before.serving} served and {before.answers} answered, now {after.serving} and {after.answers}"


def _unexplained(crowd: Crowd) -> str | None:
    """What of the state after a crowd of orders the history does not explain."""
    before, after = crowd.before, crowd.after
    if after.problem is not None:
        return f"what serves cannot be said any more: {after.problem}"
    if after.answers != after.serving:
        return f"{after.serving} is said to serve, and {after.answers} answers"
    numbers = [one.generation for one in crowd.orders if one.changed and one.generation is not None]
    if len(set(numbers)) != len(numbers):
        return f"two acknowledged changes have the same number: {sorted(numbers)}"
    if crowd.added is None:
        return None
    changed = sum(one.changed is True for one in crowd.orders)
    if any(one.changed is not None for one in crowd.orders) and changed != len(crowd.added):
        return f"{changed} changes were acknowledged, and {len(crowd.added)} are in the history"
    versions = [before.serving, *(one.after for one in reversed(crowd.added))]
    for old, change in zip(versions, reversed(crowd.added), strict=False):
        if change.before is not None and change.before != old:
            return f"the history has a gap: {_line(change)} came after {old}"
    if versions[-1] != after.serving:
        return f"{after.serving} serves, and the history ends with {versions[-1]}"
    return None


def _line(change: Change | None) -> str:
    if change is None:
        return "nothing"
    return f"{change.action or 'change'} from {change.before} to {change.after} at {change.at} by {change.actor}"
