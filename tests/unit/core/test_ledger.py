"""The verdict that follows from findings, and what waivers, attestations and reruns do to them."""

from __future__ import annotations

import datetime

from pytest import mark

from pytest_mlready.finding import Finding, Severity, Status
from pytest_mlready.ledger import Ledger, Planned, State, attested, excuse, judge
from pytest_mlready.settings import Attestation, Service, Settings, Waiver

TODAY = datetime.date(2026, 11, 21)
MUST, SHOULD, MAY = Severity.MUST, Severity.SHOULD, Severity.MAY


def found(check: str, status: Status, severity: Severity = MUST, summary: str = "said") -> Finding:
    return Finding(status, summary, check=check, severity=severity, nodeid=f"mlready.toml::{check}")


def waiving(check: str, expires: datetime.date) -> Settings:
    return Settings(Service(url="http://127.0.0.1:1"), waive={check: Waiver("the gateway does it", expires)})


@mark.parametrize(
    ("status", "severity", "state"),
    [
        (Status.PASS, MUST, State.READY),
        (Status.FAIL, MUST, State.NOT_READY),
        (Status.ERROR, MUST, State.NOT_READY),
        (Status.NOT_RUN, MUST, State.NOT_READY),
        (Status.INCONCLUSIVE, MUST, State.INCONCLUSIVE),
        (Status.WAIVED, MUST, State.READY),
        (Status.ATTESTED, MUST, State.READY),
        (Status.UNCLAIMED, MUST, State.READY),
        (Status.DEFERRED, MUST, State.READY),
        (Status.NOT_APPLICABLE, MUST, State.READY),
        (Status.FAIL, SHOULD, State.READY),
        (Status.ERROR, SHOULD, State.READY),
        (Status.INCONCLUSIVE, MAY, State.READY),
        (Status.NOT_RUN, MAY, State.READY),
    ],
)
def test_one_finding_beside_a_pass(status: Status, severity: Severity, state: State) -> None:
    assert judge([found("a.one", Status.PASS), found("a.two", status, severity)]).state is state


def test_what_broke_is_named_before_what_could_not_be_decided() -> None:
    findings = [
        found("a.lost", Status.NOT_RUN),
        found("a.unsure", Status.INCONCLUSIVE),
        found("a.broke", Status.ERROR),
        found("a.wrong", Status.FAIL),
        found("a.later", Status.FAIL),
    ]
    assert judge(findings).blocking == ("a.wrong", "a.later", "a.broke", "a.unsure", "a.lost")


def test_statuses_are_counted() -> None:
    findings = [found("a.one", Status.PASS), found("a.two", Status.PASS), found("b.one", Status.DEFERRED)]
    assert judge(findings).counts == {"pass": 2, "deferred": 1}


@mark.parametrize(
    ("status", "state"),
    [
        (Status.PASS, State.PARTIAL),
        (Status.FAIL, State.NOT_READY),
        (Status.INCONCLUSIVE, State.INCONCLUSIVE),
    ],
)
def test_a_narrowed_run_is_judged_the_same_and_never_ready(status: Status, state: State) -> None:
    assert judge([found("a.one", status)], partial=(1, 7)).state is state


@mark.parametrize(
    ("require", "state", "words"),
    [
        (("latency",), State.NOT_READY, "which is not claimed: add [latency]"),
        (("contract",), State.NOT_READY, "contract.golden"),
        (("contract.golden",), State.NOT_READY, "contract.golden"),
        (("contract.openapi",), State.NOT_READY, "contract.openapi"),
        (("identity",), State.READY, ""),
        ((), State.READY, ""),
    ],
)
def test_what_is_required_must_have_been_made(require: tuple[str, ...], state: State, words: str) -> None:
    findings = [
        found("identity.version_agrees", Status.PASS),
        found("identity.metadata_complete", Status.UNCLAIMED, SHOULD),
        found("contract.golden", Status.UNCLAIMED),
        found("contract.openapi", Status.DEFERRED, SHOULD),
    ]
    verdict = judge(findings, require=require, unclaimed=("latency",))
    assert verdict.state is state
    assert len(verdict.missing) == (state is State.NOT_READY)
    assert words in " ".join(verdict.missing)


def test_a_required_family_is_told_once_however_much_of_it_is_missing() -> None:
    findings = [found("a.one", Status.PASS), *(found(f"latency.{name}", Status.DEFERRED) for name in ("p99", "stalls"))]
    (line,) = judge(findings, require=("latency",)).missing
    assert "latency.p99 is deferred" in line
    assert "latency.stalls" in line


def test_a_waiver_excuses_until_its_day_and_says_what_it_excuses() -> None:
    failing = found("a.one", Status.FAIL, summary="p99 is 312 ms")
    excused = excuse(failing, waiving("a.one", TODAY), TODAY)
    assert excused.status is Status.WAIVED
    assert not excused.blocks
    for words in ("the gateway does it", "p99 is 312 ms", str(TODAY), "fail"):
        assert words in excused.summary


@mark.parametrize("status", [Status.FAIL, Status.ERROR, Status.INCONCLUSIVE])
def test_an_expired_waiver_is_a_fail(status: Status) -> None:
    yesterday = TODAY - datetime.timedelta(days=1)
    judged = excuse(found("a.one", status), waiving("a.one", yesterday), TODAY)
    assert judged.status is Status.FAIL
    assert str(yesterday) in judged.summary


def test_a_waiver_that_nothing_needs_is_told_and_one_of_another_check_ignored() -> None:
    passing = found("a.one", Status.PASS)
    assert "no longer needed" in excuse(passing, waiving("a.one", TODAY), TODAY).details[0]
    assert excuse(passing, waiving("a.two", TODAY), TODAY) == passing


def test_what_was_never_run_cannot_be_waived() -> None:
    assert excuse(found("a.one", Status.NOT_RUN), waiving("a.one", TODAY), TODAY).status is Status.NOT_RUN


@mark.parametrize(("days", "status"), [(0, Status.ATTESTED), (1, Status.ATTESTED), (-1, Status.FAIL)])
def test_a_persons_word_holds_until_its_day(days: int, status: Status) -> None:
    word = Attestation("@ana", "docs/cost.md", TODAY, TODAY + datetime.timedelta(days=days))
    judged = attested(word, TODAY)
    assert judged.status is status
    assert "@ana" in judged.summary


def test_what_is_planned_and_never_judged_is_not_run() -> None:
    ledger = Ledger({"x": Planned("x", "a.one", MUST), "y": Planned("y", "a.two", SHOULD)})
    ledger.record(Finding(Status.PASS, "fine", check="a.two", severity=SHOULD, nodeid="y"))
    assert [(one.check, one.status) for one in ledger.findings()] == [
        ("a.one", Status.NOT_RUN),
        ("a.two", Status.PASS),
    ]
    assert ledger.judged() == ("a.two",)


@mark.parametrize(
    ("attempts", "status"),
    [
        ((Status.FAIL, Status.PASS), Status.INCONCLUSIVE),
        ((Status.ERROR, Status.PASS), Status.INCONCLUSIVE),
        ((Status.PASS, Status.PASS), Status.PASS),
        ((Status.FAIL, Status.FAIL), Status.FAIL),
        ((Status.PASS, Status.FAIL), Status.FAIL),
        ((Status.FAIL, Status.ERROR), Status.FAIL),
        ((Status.FAIL, Status.PASS, Status.FAIL), Status.FAIL),
        ((Status.FAIL, Status.FAIL, Status.PASS), Status.INCONCLUSIVE),
        ((Status.WAIVED, Status.PASS), Status.PASS),
    ],
)
def test_a_rerun_launders_no_failure(attempts: tuple[Status, ...], status: Status) -> None:
    ledger = Ledger({"mlready.toml::a.one": Planned("mlready.toml::a.one", "a.one", MUST)})
    for one in attempts:
        ledger.record(found("a.one", one))
    assert ledger.findings()[0].status is status


def test_a_flake_is_told_with_what_it_said_before() -> None:
    ledger = Ledger({"mlready.toml::a.one": Planned("mlready.toml::a.one", "a.one", MUST)})
    ledger.record(found("a.one", Status.FAIL, summary="first"))
    ledger.record(found("a.one", Status.PASS, summary="second"))
    assert ledger.findings()[0].summary == "passed when run again; before that: first"


def test_a_finding_that_nobody_planned_is_kept() -> None:
    ledger = Ledger({"x": Planned("x", "a.one", MUST)}, listed=(found("a.later", Status.DEFERRED),))
    ledger.record(found("b.stray", Status.FAIL))
    ledger.closing = [found("harness.plan_complete", Status.PASS)]
    assert [one.check for one in ledger.findings()] == ["a.one", "b.stray", "harness.plan_complete", "a.later"]
