"""The ledger: what was planned, what was found, and the verdict that follows. Pure."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pytest_mlready.finding import BLOCKING, Finding, Severity, Status
from pytest_mlready.settings import Attestation, Settings, Waiver


class State(StrEnum):
    """The verdict's word."""

    READY = "READY"
    NOT_READY = "NOT_READY"
    INCONCLUSIVE = "INCONCLUSIVE"
    PARTIAL = "PARTIAL"


@dataclass(frozen=True)
class Planned:
    """One item that was selected to run."""

    nodeid: str
    check: str
    severity: Severity


@dataclass(frozen=True)
class Verdict:
    """The answer to "may this be deployed?".

    `blocking` are check ids, the likeliest cause first; `missing` what `gate.require` asks for and did not get, one
    sentence each; `unclaimed` families; `partial` = (planned, all that a full run would make) of a narrowed run.
    """

    state: State
    blocking: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    unclaimed: tuple[str, ...] = ()
    partial: tuple[int, int] | None = None


@dataclass
class Ledger:
    """Findings as they arrive, by node id, last one wins; what was planned and never judged is `not_run`."""

    planned: dict[str, Planned] = field(default_factory=dict)
    found: dict[str, Finding] = field(default_factory=dict)
    closing: list[Finding] = field(default_factory=list)
    listed: tuple[Finding, ...] = ()

    def record(self, finding: Finding) -> None:
        """Take a finding in; a later one for the same node replaces it, but a rerun launders no failure.

        A user's test that failed, and passed when run again, is evidence against itself: inconclusive. A tear-down that
        breaks takes no failure's place.
        """
        earlier = self.found.get(finding.nodeid)
        if earlier is not None and earlier.status is Status.FAIL and finding.status is Status.ERROR:
            return
        if earlier is not None and earlier.status in BLOCKING and finding.status is Status.PASS:
            flaky = f"passed when run again; before that: {earlier.summary}"
            finding = replace(finding, status=Status.INCONCLUSIVE, summary=flaky)
        self.found[finding.nodeid] = finding

    def findings(self) -> list[Finding]:
        """One finding per planned item, then those of the run itself, then what was listed and not made."""
        made = [self.found.get(one.nodeid) or _not_run(one) for one in self.planned.values()]
        strays = [finding for nodeid, finding in self.found.items() if nodeid not in self.planned]
        return [*made, *strays, *self.closing, *self.listed]

    def judged(self) -> tuple[str, ...]:
        """The checks that ended in a verdict."""
        return tuple(one.check for one in self.found.values() if one.status is not Status.NOT_RUN)


def judge(
    findings: Iterable[Finding],
    *,
    require: Iterable[str] = (),
    unclaimed: tuple[str, ...] = (),
    partial: tuple[int, int] | None = None,
) -> Verdict:
    """The verdict over findings.

    Args:
        findings: everything planned, closing and listed.
        require: families or checks that must have been made (`gate.require`).
        unclaimed: families that are not claimed, for the record.
        partial: (planned, all) of a narrowed run, which is never READY.
    """
    findings = list(findings)
    blocking = sorted((one for one in findings if one.blocks), key=_precedence)
    missing = tuple(_missing(findings, tuple(require), unclaimed)) if partial is None else ()
    hard = [one for one in blocking if one.status is not Status.INCONCLUSIVE]
    if hard or missing:
        state = State.NOT_READY
    elif blocking:
        state = State.INCONCLUSIVE
    else:
        state = State.PARTIAL if partial is not None else State.READY
    counts = Counter(str(one.status) for one in findings)
    return Verdict(state, tuple(one.check for one in blocking), missing, dict(counts), unclaimed, partial)


def excuse(finding: Finding, settings: Settings, today: datetime.date) -> Finding:
    """Apply the waiver that stands for this check, if any: an expired one excuses nothing."""
    waiver = settings.waive.get(finding.check)
    if waiver is None:
        return finding
    if finding.status is Status.PASS:
        note = f"the waiver until {waiver.expires} is no longer needed: remove it"
        return replace(finding, details=(*finding.details, note))
    if finding.status not in BLOCKING or finding.status is Status.NOT_RUN:
        return finding
    return _waived(finding, waiver, today)


def attested(attestation: Attestation, today: datetime.date) -> Finding:
    """A finding by a person's word; an expired word is a fail."""
    word = f"{attestation.owner} on {attestation.made}, see {attestation.evidence}"
    if today > attestation.expires:
        return Finding(Status.FAIL, f"the attestation by {word} expired on {attestation.expires}")
    return Finding(Status.ATTESTED, f"attested by {word}; until {attestation.expires}")


def _waived(finding: Finding, waiver: Waiver, today: datetime.date) -> Finding:
    if today > waiver.expires:
        expired = f"{finding.summary} (its waiver expired on {waiver.expires})"
        return replace(finding, status=Status.FAIL, summary=expired)
    was = f"waived until {waiver.expires}: {waiver.reason} (was {finding.status}: {finding.summary})"
    return replace(finding, status=Status.WAIVED, summary=was)


def _not_run(planned: Planned) -> Finding:
    return Finding(
        Status.NOT_RUN,
        "planned and never judged",
        check=planned.check,
        severity=planned.severity,
        nodeid=planned.nodeid,
    )


def _precedence(finding: Finding) -> int:
    """What broke comes before what could not be decided, and that before what was never run."""
    return (Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.NOT_RUN).index(finding.status)


def _missing(findings: list[Finding], require: tuple[str, ...], unclaimed: tuple[str, ...]) -> Iterable[str]:
    for name in require:
        if name in unclaimed:
            yield f"gate.require names {name}, which is not claimed: add [{name}] to mlready.toml"
            continue
        lacking = [
            one
            for one in findings
            if one.status in {Status.UNCLAIMED, Status.DEFERRED}
            and (one.check == name or (one.check.partition(".")[0] == name and one.severity is Severity.MUST))
        ]
        if lacking:
            first, others = lacking[0], ", ".join(one.check for one in lacking[1:])
            also = f"; so are {others}" if others else ""
            yield f"gate.require names {name}, and {first.check} is {first.status}: {first.summary}{also}"
