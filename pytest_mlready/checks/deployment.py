"""Checks of who answers while versions are changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_mlready.catalogue import check
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.agreement import difference
from pytest_mlready.measure.proportions import judge_rate, upper_bound
from pytest_mlready.measure.switching import Switch, Timeline
from pytest_mlready.records import FAILED, MIXED, OTHER, GoldenRound, RollbackDrill
from pytest_mlready.settings import Settings

OVERLOAD = frozenset({"429", "503", "504", "deadline"})
"""What a busy machine may bring forth without any swap: a fail only beyond `SHED`."""
SHED = 0.01
STRIKING = 100.0
"""So many times as long as the others a first answer must take to be anything but a busy machine's."""
WORDS = {OTHER: "of neither version", MIXED: "of both versions, row by row"}


@check(
    "deployment.version_routing",
    "must",
    reads=("swaps",),
    remedy="Hold each version as its own object and pass it along with the request; share no attribute between them.",
)
def version_routing(rollback_drill: RollbackDrill) -> Finding:
    """Whoever asks for a version by name gets its answers, and every answer names the version that made it.

    With two versions in one process, an attribute that both write to answers some requests by the wrong model, and
    only when they meet.
    """
    whole = [one for one in answers(rollback_drill, named=None) if one.made_by >= 0]
    named = [one for one in whole if one.named >= 0]
    telling = [one for one in whole if one.told >= 0]
    astray = [one for one in named if one.made_by != one.named]
    untrue = [one for one in telling if one.made_by != one.told]
    measured = Measurement(len(astray) + len(untrue), "1", n=len(whole), limit=0)
    first, second = rollback_drill.versions
    if astray:
        asked, got = ((first, second)[one] for one in (astray[0].named, astray[0].made_by))
        return failed(
            f"{len(astray)} of {len(named)} requests by name went astray: {got} answered for {asked}", measured
        )
    if untrue:
        said, got = ((first, second)[one] for one in (untrue[0].told, untrue[0].made_by))
        return failed(f"{len(untrue)} of {len(telling)} answers name {said} and are {got}'s", measured)
    if not named and not telling:
        return inconclusive("no version can be asked for by name, and no answer names its version", measured)
    return passed(f"{len(named)} requests by name and {len(telling)} answers that name theirs were right", measured)


@check(
    "deployment.all_workers_switch",
    "must",
    reads=("swaps",),
    remedy="Keep what is in force where every worker reads it for each request (a shared generation number beside a "
    "durable record), and acknowledge a change only after it is visible there.",
)
def all_workers_switch(rollback_drill: RollbackDrill, settings: Settings) -> Finding:
    """After a change is acknowledged, every worker answers with the new version, on kept and on fresh connections.

    A change that lives in the memory of the worker which took the order is one that most customers never get: one
    connection shows nothing of it, for it stays with one worker.
    """
    probes = [one for one in answers(rollback_drill) if one.probe]
    stale = [one for one in probes if one.stale]
    declared = settings.deployment.workers if settings.deployment is not None else None
    seen = len(rollback_drill.workers)
    measured = Measurement(len(stale), "1", n=len(probes), limit=0)
    if not probes:
        return inconclusive("no worker was asked after a change")
    if stale:
        split = {one.switches for one in probes if not one.stale} & {one.switches for one in stale}
        latest = max(one.after_s for one in stale)
        what = f"{len(stale)} of {len(probes)} requests begun after an acknowledgement were answered by the old version"
        what += f", up to {latest:.2f} s after it"
        if not split:
            return inconclusive(f"{what}, by all workers alike: see deployment.rollback_restores", measured)
        return failed(what, measured, details=_by_worker(rollback_drill, probes))
    if declared is not None and seen < declared:
        return inconclusive(f"{seen} of {declared} declared workers were seen on {len(probes)} connections", measured)
    if not seen:
        share = upper_bound(0, len(probes))
        known = f"which processes answered is not known; one with {share:.0%} of the connections would have shown"
    else:
        known = f"{seen} worker{'s' if seen > 1 else ''} each asked after {len(rollback_drill.swaps)} changes"
    return passed(f"all of {len(probes)} answers were the new version's; {known}", measured)


@check(
    "deployment.rollback_restores",
    "must",
    reads=("swaps",),
    remedy="Let a rollback load, verify and switch to the artefact that served before, and acknowledge it only then.",
)
def rollback_restores(rollback_drill: RollbackDrill, settings: Settings) -> Finding:
    """A rollback brings back the very answers of the version before, and is acknowledged within the declared bound.

    The rollback is the last resort in an incident: one that is acknowledged and changes nothing, or brings back
    something that only resembles the old model, prolongs it.
    """
    bound = settings.deployment.acknowledge_s if settings.deployment is not None else float("inf")
    before = next((one for one in rollback_drill.goldens if one.when == "before"), None)
    after = next((one for one in rollback_drill.goldens if one.when == "after the rollback"), None)
    if before is None or after is None:
        return inconclusive("no rollback was made")
    given = [one for one in (*rollback_drill.orders, *rollback_drill.swaps) if one.action == "rollback"]
    if (odd := next((one for one in given if one.outcome != "acknowledged"), None)) is not None:
        return failed(f"{odd.text} was {odd.outcome}: {odd.said}")
    slowest = max((one.ended_s - one.began_s for one in given), default=0.0)
    measured = Measurement(slowest, "s", n=len(given), limit=bound)
    if wrong := _differing(before, after):
        return failed(f"after the rollback to {before.version}, {wrong}", measured)
    promoted = next((one for one in rollback_drill.goldens if one.when == "after the promotion"), None)
    if promoted is not None and not _differing(_unnamed(before), _unnamed(promoted)):
        return failed(f"{promoted.version} was promoted, and the answers were {before.version}'s as before", measured)
    if slowest > bound:
        return failed(f"a rollback was acknowledged only after {slowest:.2f} s", measured)
    rows = len(before.answers)
    return passed(f"{rows} answers as before, {len(given)} rollbacks acknowledged within {slowest:.2f} s", measured)


@check(
    "deployment.rollback_under_load",
    "must",
    reads=("swaps",),
    remedy="Take one immutable snapshot of the model at the head of each request, load the new one beside the old, and "
    "switch by replacing one reference.",
)
def rollback_under_load(rollback_drill: RollbackDrill) -> Finding:
    """While versions are swapped no request fails, and each is answered wholly by one version: after it, the new one.

    Deployments happen in business hours: each dropped request is a customer's, and a batch that is half of one model
    and half of another is wrong in a way that nobody will ever find.
    """
    seen = answers(rollback_drill)
    n, swaps = len(rollback_drill.answers.get("began_s", ())), len(rollback_drill.swaps)
    odd = Counter(WORDS[one.made_by] for one in seen if one.made_by in WORDS)
    stale = [one for one in seen if one.stale]
    failures = Counter(rollback_drill.failures)
    hard = sum(count for word, count in failures.items() if word not in OVERLOAD)
    measured = Measurement(sum(odd.values()) + len(stale) + failures.total(), "1", n=n, limit=0)
    parts = [f"{count} {word}" for word, count in odd.items()]
    parts += [f"{len(stale)} of the old version though begun after the acknowledgement"] if stale else []
    parts += [f"{count} × {word}" for word, count in failures.most_common(3)]
    what = f"of {n} requests during {swaps} swaps: {', '.join(parts)}"
    if odd or stale or hard:
        return failed(what, measured)
    if failures and judge_rate(failures.total(), n, SHED).verdict == "fail":
        return failed(what, measured)
    if failures:
        return inconclusive(f"{what}: shed, perhaps for want of a quiet machine", measured)
    if not seen or not swaps:
        return inconclusive("no request was made while versions were swapped", measured)
    return passed(f"{n} requests during {swaps} swaps: none failed, mixed or late", measured)


@check(
    "deployment.ready_when_acknowledged",
    "should",
    reads=(),
    remedy="Load and warm a version before it is acknowledged as serving.",
)
def ready_when_acknowledged(rollback_drill: RollbackDrill, settings: Settings) -> Finding:
    """The first request after a promotion is answered about as fast as any.

    A version that is loaded by its first customer makes a stall of every deployment, and fails where nobody looks.
    """
    limit = settings.deployment.first_answer_s if settings.deployment is not None else float("inf")
    first = next((one for one in rollback_drill.goldens if one.when == "after the promotion"), None)
    if first is None:
        return inconclusive("no promotion was made")
    measured = Measurement(first.first_s, "s", n=1, limit=limit)
    what = (
        f"the first answer after the promotion took {first.first_s:.2f} s, the others {first.settled_s * 1000:.0f} ms"
    )
    if first.first_s <= limit:
        return passed(what, measured)
    if first.first_s < STRIKING * first.settled_s:
        return inconclusive(f"{what}: all of them are slow, perhaps for want of a quiet machine", measured)
    return failed(f"{what}: it is loaded only then", measured)


@dataclass(frozen=True)
class Seen:
    """One answer of a drill. `switches` counts those acknowledged before it was begun, `after_s` since the last one."""

    made_by: int
    told: int
    worker: int
    probe: bool
    named: int
    stale: bool
    switches: int
    after_s: float


def answers(drill: RollbackDrill, named: int | None = -1) -> list[Seen]:
    """What was answered while versions were swapped; by default without what asked for a version by name."""
    place = {version: at for at, version in enumerate(drill.versions)}
    carried = [one for one in drill.swaps if one.outcome != "refused" and one.version in place]
    switches = [
        Switch(place[str(one.version)], one.began_s, one.ended_s, one.outcome == "acknowledged") for one in carried
    ]
    line = Timeline(0, switches)
    found = []
    names = ("began_s", "ended_s", "made_by", "told", "worker", "probe", "named")
    for began, ended, made_by, told, worker, probe, asked in zip(
        *(list(drill.answers.get(name, ())) for name in names), strict=True
    ):
        if named is not None and asked != named:
            continue
        stale = asked < 0 and made_by >= 0 and made_by not in line.allowed(began, ended)
        latest, after = line.latest(began), line.since_last(began)
        found.append(Seen(int(made_by), int(told), int(worker), bool(probe), int(asked), stale, latest, after))
    return [one for one in found if one.made_by != FAILED or named is not None]


def _by_worker(drill: RollbackDrill, probes: Sequence[Seen]) -> tuple[str, ...]:
    told = []
    for at, name in (*enumerate(drill.workers), (-1, "")):
        mine = [one for one in probes if one.worker == at]
        if mine:
            who = f"process {name}" if name else "fresh connections"
            told.append(f"{who}: {sum(one.stale for one in mine)} of {len(mine)} answered by the old version")
    return tuple(told)


def _unnamed(golden: GoldenRound) -> GoldenRound:
    """Without the versions that the answers name."""
    return replace(golden, answers=tuple(one and replace(one, version=None) for one in golden.answers))


def _differing(before: GoldenRound, after: GoldenRound) -> str:
    """How many answers differ, and how the first does; empty if none."""
    faults = []
    for at, (one, other) in enumerate(zip(before.answers, after.answers, strict=True)):
        if one is None or other is None:
            faults.append(f"row {at} got no usable answer")
        elif (what := difference(one, other)) is not None:
            faults.append(f"row {at} {what}")
    return f"{len(faults)} of {len(before.answers)} answers differ: {faults[0]}" if faults else ""
