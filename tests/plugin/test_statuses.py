"""Each status of a check: its word, its pytest outcome, and what it does to the verdict and the exit code."""

from __future__ import annotations

from pytest import mark

from tests.plugin.project import Project

WAIVER = '[waive."{check}"]\nreason = "the gateway does it"\nexpires = {expires}\n'
WORD = '[attest."{check}"]\nowner = "@ana"\nevidence = "docs/cost.md"\nmade = 2026-01-02\nexpires = {expires}\n'


@mark.parametrize(
    ("toy", "status", "word", "outcome", "exit_code", "state"),
    [
        ("contract.holds", "pass", "PASSED", "passed", 0, "READY"),
        ("fuzz.fails", "fail", "FAILED", "failed", 1, "NOT_READY"),
        ("fuzz.undecided", "inconclusive", "INCONCLUSIVE", "inconclusive", 1, "INCONCLUSIVE"),
        ("fuzz.breaks", "error", "CHECK ERROR", "check error", 1, "NOT_READY"),
        ("fuzz.advises", "fail", "ADVISORY", "advisory", 0, "READY"),
        ("fuzz.doubts", "inconclusive", "INCONCLUSIVE", "inconclusive", 0, "READY"),
    ],
)
def test_a_judged_check(
    project: Project, toy: str, status: str, word: str, outcome: str, exit_code: int, state: str
) -> None:
    project.toys(toy, "contract.also_holds")
    ran = project.run("-v")
    assert f"mlready.toml::{toy} {word}" in ran.output
    assert f"1 {outcome}" in ran.output or "2 passed" in ran.output
    assert ran.check(toy)["status"] == status
    assert (ran.exit_code, ran.state) == (exit_code, state)
    assert ran.report["verdict"]["blocking"] == ([toy] if exit_code else [])


def test_our_own_fault_shows_its_traceback(project: Project) -> None:
    project.toys("fuzz.breaks")
    ran = project.run()
    assert "ZeroDivisionError: our own fault" in ran.output
    assert "toys.py" in ran.output
    assert "our own fault" in ran.check("fuzz.breaks")["reason"]


def test_evidence_that_broke_is_an_error_of_each_check_that_needs_it(project: Project) -> None:
    project.toys("contract.holds", "lifecycle.loaded")
    project.settings(service=f'url = "{project.url}"\nallow = ["load"]')
    project.environment.setenv("TOY_END", "raise")
    ran = project.run("-v")
    assert "mlready.toml::lifecycle.loaded CHECK ERROR" in ran.output
    assert "no toy_load evidence: RuntimeError('the generator broke')" in ran.check("lifecycle.loaded")["reason"]
    assert ran.report["verdict"]["blocking"] == ["lifecycle.loaded"]


def test_a_waiver_excuses_a_failure_and_says_what_it_was(project: Project) -> None:
    project.toys("fuzz.fails")
    project.settings(WAIVER.format(check="fuzz.fails", expires="2199-01-01"))
    ran = project.run("-v")
    assert "mlready.toml::fuzz.fails WAIVED" in ran.output
    assert ran.check("fuzz.fails")["reason"] == (
        "waived until 2199-01-01: the gateway does it (was fail: it does not hold)"
    )
    assert (ran.exit_code, ran.state) == (0, "READY")


def test_a_waiver_excuses_an_error_of_ours_too(project: Project) -> None:
    project.toys("fuzz.breaks")
    project.settings(WAIVER.format(check="fuzz.breaks", expires="2199-01-01"))
    ran = project.run()
    assert (ran.exit_code, ran.statuses["fuzz.breaks"]) == (0, "waived")


def test_an_expired_waiver_excuses_nothing(project: Project) -> None:
    project.toys("fuzz.fails")
    project.settings(WAIVER.format(check="fuzz.fails", expires="2020-01-01"))
    ran = project.run()
    assert "its waiver expired on 2020-01-01" in ran.check("fuzz.fails")["reason"]
    assert (ran.exit_code, ran.state) == (1, "NOT_READY")


def test_an_expired_waiver_of_what_cannot_be_decided_is_a_failure(project: Project) -> None:
    project.toys("fuzz.undecided")
    project.settings(WAIVER.format(check="fuzz.undecided", expires="2020-01-01"))
    assert project.run().state == "NOT_READY"


def test_a_waiver_that_is_no_longer_needed_says_so(project: Project) -> None:
    project.settings(WAIVER.format(check="contract.holds", expires="2199-01-01"))
    found = project.run().check("contract.holds")
    assert found["status"] == "pass"
    assert found["details"] == ["the waiver until 2199-01-01 is no longer needed: remove it"]


def test_a_waiver_of_a_users_test(project: Project) -> None:
    project.tests("@mark.mlready('team.rule')\ndef test_rule():\n    assert False\n")
    project.settings(WAIVER.format(check="team.rule", expires="2199-01-01"))
    ran = project.run("-v")
    assert "test_rule WAIVED" in ran.output
    assert (ran.exit_code, ran.statuses["team.rule"]) == (0, "waived")


def test_an_attested_check_is_not_made(project: Project) -> None:
    project.toys("contract.holds", "metrics.scraped")
    project.settings(WORD.format(check="metrics.scraped", expires="2199-01-01"))
    ran = project.run("-v")
    assert "mlready.toml::metrics.scraped ATTESTED" in ran.output
    assert ran.check("metrics.scraped")["reason"] == (
        "attested by @ana on 2026-01-02, see docs/cost.md; until 2199-01-01"
    )
    assert (ran.exit_code, ran.state) == (0, "READY")


def test_an_expired_attestation_fails(project: Project) -> None:
    project.toys("contract.holds", "metrics.scraped")
    project.settings(WORD.format(check="metrics.scraped", expires="2020-01-01"))
    ran = project.run()
    assert (ran.exit_code, ran.state, ran.statuses["metrics.scraped"]) == (1, "NOT_READY", "fail")


def test_what_is_claimed_and_attested_is_measured(project: Project) -> None:
    project.toys("fuzz.fails")
    project.settings(WORD.format(check="fuzz.fails", expires="2199-01-01"))
    assert project.run().statuses["fuzz.fails"] == "fail"


def test_the_unclaimed_is_listed_with_the_line_to_add(project: Project) -> None:
    project.toys("contract.holds", "metrics.scraped")
    ran = project.run()
    found = ran.check("metrics.scraped")
    assert (found["status"], found["reason"]) == ("unclaimed", "add to mlready.toml: [metrics]")
    assert "not claimed: metrics" in ran.output
    assert (ran.exit_code, ran.state) == (0, "READY")


def test_what_the_gate_requires_must_be_claimed(project: Project) -> None:
    project.toys("contract.holds", "metrics.scraped")
    project.settings('[gate]\nrequire = ["metrics"]\n')
    ran = project.run()
    assert (ran.exit_code, ran.state) == (1, "NOT_READY")
    wanted = "gate.require names metrics, which is not claimed: add [metrics] to mlready.toml"
    assert ran.report["verdict"]["missing"] == [wanted]
    assert f"✗ {wanted}" in ran.output


def test_a_claimed_requirement_is_met(project: Project) -> None:
    project.toys("contract.holds", "metrics.scraped")
    project.settings('[metrics]\n[gate]\nrequire = ["metrics", "contract.holds"]\n')
    assert project.run().state == "READY"


def test_the_deferred_is_listed_and_blocks_only_if_required(project: Project) -> None:
    project.toys("contract.holds", "lifecycle.patient")
    project.command()
    ran = project.run()
    assert ran.check("lifecycle.patient")["reason"] == "not in profile smoke"
    assert (ran.exit_code, ran.state) == (0, "READY")
    project.command(tables='[gate]\nrequire = ["lifecycle.patient"]\n')
    ran = project.run()
    assert (ran.exit_code, ran.state) == (1, "NOT_READY")
    assert "lifecycle.patient is deferred: not in profile smoke" in ran.report["verdict"]["missing"][0]


def test_a_misspelt_requirement_is_a_usage_error(project: Project) -> None:
    project.settings('[gate]\nrequire = ["contrct"]\n')
    ran = project.run()
    assert ran.exit_code == 4
    assert "gate.require: no family or check 'contrct'; did you mean 'contract'?" in ran.output
