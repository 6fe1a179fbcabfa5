"""Checks of what a running service tells of drift: quiet on its reference, loud when one feature moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from pytest_mlready.catalogue import check
from pytest_mlready.checks.contract_answers import golden as golden_answers
from pytest_mlready.finding import Finding, Measurement, Status, failed, inconclusive, passed
from pytest_mlready.records import DriftDrill, DriftLook, DriftReferenceTold, DriftTrial
from pytest_mlready.records.drift import QUIET_LOOKS

SHOWN = 20


@check(
    "drift.quiet",
    "must",
    remedy="Divide the rate of false alarms by the number of features and of looks, and demand an effect that matters "
    "beside a p-value.",
)
def quiet(drift_drill: DriftDrill) -> Finding:
    """On traffic drawn from its own reference the service tells of no drift, all features and looks together.

    A column at p < .05 cries wolf in 70 to 76% of clean data sets of 30 columns. An alarm that is always on is
    switched off by those whom it wakes, and the real one with it.
    """
    if (nothing := _silent(drift_drill)) is not None:
        return inconclusive(f"{nothing}: drift.detects says more")
    first, again = _alarms(drift_drill.quiet), _alarms(drift_drill.again)
    looks = len(drift_drill.quiet) + len(drift_drill.again)
    measured = Measurement(len(first) + len(again), "1", n=looks, limit=0)
    if first:
        what = f"tells of drift in {len(first) + len(again)} of {looks} looks at reference traffic: {_who(first[0])}"
        if not drift_drill.from_reference:
            return inconclusive(f"{what}; the rows may be unlike its reference: declare [drift.signal] rows", measured)
        return failed(what, measured) if again else inconclusive(f"{what}, and in a second phase in none", measured)
    told = sum(look.numbers > 0 for look in drift_drill.quiet)
    what = f"in {told} looks at {drift_drill.quiet[-1].rows} rows of {drift_drill.pool} of the reference"
    if told < QUIET_LOOKS:
        return inconclusive(f"quiet, but only {what}: {QUIET_LOOKS} are needed", measured)
    return passed(f"quiet {what}", measured)


@check(
    "drift.detects",
    "must",
    remedy="Let the monitor test every feature for itself, missing values and values out of range among them, on a "
    "window that forgets; export its verdict for each feature.",
)
def detects(drift_drill: DriftDrill) -> Finding:
    """When one feature moves the service tells of it and names it, and is quiet again when the feature is back.

    A monitor that never fires looks like one that has nothing to report. Only a planted shift tells them apart.
    """
    if (nothing := _silent(drift_drill)) is not None:
        return failed(nothing, details=tuple(f"there is {name}" for name in drift_drill.similar))
    if (unlabelled := next((look for look in drift_drill.quiet if look.samples and look.problem), None)) is not None:
        return failed(f"{_name(drift_drill)}: {unlabelled.problem}")
    if drift_drill.again and not drift_drill.trials:
        return inconclusive("it told of drift before any was planted: drift.quiet says more")
    trials = [one for one in drift_drill.trials if one.feature is not None]
    found = [one for one in trials if one.seen(drift_drill.within) and not one.stuck]
    shown = tuple(_trial(one, drift_drill.within) for one in drift_drill.trials)[:SHOWN]
    measured = Measurement(len(found), "1", n=len(trials), limit=len(trials))
    stuck = next((one for one in trials if one.stuck), None)
    missed = _missed_twice(trials, drift_drill.within)
    if stuck is not None or missed is not None:
        fault = _stuck(stuck) if stuck is not None else _missed(drift_drill, missed or trials[0])
        if not drift_drill.promised:
            return inconclusive(f"{fault}: declare [drift.signal] within", measured, details=shown)
        return failed(fault, measured, details=shown)
    kinds = {one.shift for one in found}
    lost = {one.shift for one in trials if one.refused is None} - kinds
    if lost or drift_drill.left_out or not found:
        doubt = ", ".join(
            [
                *(f"{one}: not told of, once" for one in lost),
                *(f"{one}: no room in 5,000 requests and 30 s" for one in drift_drill.left_out),
            ]
        )
        told = f"told of {len(found)} of {len(trials)} shifts; {doubt or 'none was taken'}"
        return inconclusive(told, measured, details=shown)
    late = max((_rows_until(one) for one in found), default=0)
    what = f"told of {len(found)} of {len(trials)} shifts of {len(kinds)} kinds within {late} rows"
    return passed(f"{what}, and was quiet again after each", measured, details=shown)


@check(
    "drift.reference_pinned",
    "must",
    remedy="Publish the reference with the model, under its version, load both together, and tell which is in use.",
)
def reference_pinned(drift_reference: DriftReferenceTold) -> Finding:
    """The service compares its traffic with the reference of the very version of the model that serves.

    A new model beside the reference of the old one makes the monitor tell of drift that is none, or miss what is.
    """
    told, version = drift_reference.told, drift_reference.version
    if told is None:
        return failed(f"it does not tell which reference it uses: {drift_reference.problem}")
    if version is None:
        return inconclusive(f"it uses reference {told!r}, but no answer names the version that serves")
    if drift_reference.agrees:
        return passed(f"version {version} serves and is compared with {drift_reference.file or 'its own reference'}")
    wanted = f", not {drift_reference.file} of sha256 {drift_reference.sha256}" if drift_reference.file else ""
    return failed(f"version {version} serves, and is compared with the reference {told!r}{wanted}")


@check(
    "drift.train_serve_parity",
    "must",
    remedy="Take means, scales and encodings from training and never from traffic; compare the features of a golden "
    "row that differs, as training and as the service computes them.",
    needs=("inputs.golden",),
)
def train_serve_parity(drift_drill: DriftDrill) -> Finding:
    """After traffic that had drifted, golden rows are answered as offline: nothing that serves has moved with it.

    A scaler that goes on learning online, or a cache or default that shifted rows have filled, passes every test on a
    fresh instance and serves other features than training had, the more the longer it runs.
    """
    if drift_drill.golden is None:
        reason = _silent(drift_drill) or "no golden rows were asked for"
        return inconclusive(f"{reason}: no shifted traffic was sent")
    found = golden_answers(drift_drill.golden)
    rows = sum(one.fire[-1].rows for one in drift_drill.trials if one.fire)
    if found.status is Status.PASS and not rows:
        return inconclusive(f"no shifted traffic was sent: {found.summary}", found.measurement)
    when = f"after {rows} rows that had drifted" if rows else "before any row had drifted"
    return replace(found, summary=f"{when}: {found.summary}")


def _silent(drill: DriftDrill) -> str | None:
    """Why there is no signal at all, as far as it is the metric's fault."""
    if drill.metric is None:
        return "it exports no metric of a known drift monitor: declare [drift.signal] metric"
    if any(look.numbers for look in drill.quiet):
        return None
    wanted = _name(drill)
    if any(look.samples for look in drill.quiet):
        return f"{wanted} is NaN in {len(drill.quiet)} looks at {drill.quiet[-1].rows} rows"
    problem = next((look.problem for look in drill.quiet if look.problem), None)
    return f"it exports no {wanted}, with which it is to tell of drift" + (f": {problem}" if problem else "")


def _name(drill: DriftDrill) -> str:
    if drill.metric is None:
        return ""
    return drill.metric.name + "".join(f" {name}={value!r}" for name, value in drill.metric.labels.items())


def _alarms(looks: Sequence[DriftLook]) -> list[DriftLook]:
    return [look for look in looks if look.firing]


def _who(look: DriftLook) -> str:
    names = [name for name in look.firing if name]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more} first" if names else f"first after {look.rows} rows"


def _missed_twice(trials: Sequence[DriftTrial], within: int) -> DriftTrial | None:
    """A shift that was made twice, and seen in time neither time: once may be chance."""
    for one, other in pairwise(trials):
        same = (one.shift, one.feature) == (other.shift, other.feature)
        if same and one.missed_within(within) and other.missed_within(within):
            return one
    return None


def _missed(drill: DriftDrill, trial: DriftTrial) -> str:
    """What a shift that was not seen in time says of the monitor."""
    what, rows = f"{trial.shift}, {trial.feature!r}", trial.fire[-1].rows if trial.fire else 0
    if trial.seen():
        return f"{what}: told of it after {rows} rows, {drill.within} are promised"
    others = sorted({name for look in trial.fire for name in look.firing if name})
    if others:
        return f"{what}: told of drift of {', '.join(map(repr, others[:5]))} instead"
    looks = [look for phase in (drill.quiet, *(one.fire for one in drill.trials)) for look in phase]
    if not any(look.numbers for look in trial.fire):
        return f"{what}: the metric is NaN for {rows} rows"
    if len({look.extreme for look in looks}) == 1:
        return f"{what}: not told of in {rows} rows; the metric stood at {looks[0].extreme:g} at all {len(looks)} looks"
    *single, last = drill.trials
    if last.feature is None and last.seen() and not any(one.seen() for one in single):
        return f"{what}: not told of in {rows} rows; it tells only when many features move at once"
    return f"{what}: not told of in {rows} rows, {drill.within} are promised"


def _stuck(trial: DriftTrial) -> str:
    last = trial.recover[-1]
    return f"{trial.shift}, {trial.feature!r}: still tells of drift after {last.rows} rows of reference traffic"


def _rows_until(trial: DriftTrial) -> int:
    return trial.fire[-1].rows if trial.fire else 0


def _trial(trial: DriftTrial, within: int) -> str:
    what = trial.shift if trial.feature is None else f"{trial.shift}, {trial.feature}"
    if trial.refused is not None:
        return f"{what}: refused with {trial.refused.outcome}"
    told = f"told after {_rows_until(trial)} rows" if trial.seen() else f"not told in {_rows_until(trial)} rows"
    back = trial.recover[-1].rows if trial.recover else 0
    return f"{what}: {told}, {'never quiet in' if trial.stuck else 'quiet after'} {back} more"
