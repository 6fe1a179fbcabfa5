"""Which checks a run makes, and why the others are not made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest import MonkeyPatch, mark, raises

from pytest_mlready.catalogue import Check, checks
from pytest_mlready.checklist import plan, unclaimed_families
from pytest_mlready.finding import Status
from pytest_mlready.schedule import Program
from pytest_mlready.settings import PROFILES, Profile, Settings, SettingsError, parse

COMMAND = {"service": {"command": "serve {port}"}, "inputs": {"rows": "rows.csv"}}
URL = {"service": {"url": "http://127.0.0.1:1"}, "inputs": {"rows": "rows.csv"}}
LATENCY = {"latency": {"rate": 10, "p99_ms": 100}}


def settings(plain: dict[str, Any], **tables: Any) -> Settings:
    return parse({**plain, **tables}, source="mlready.toml", directory=Path())


def listed(made: Settings, profile: Profile = "quick") -> dict[str, str]:
    return {one.check: f"{one.status} {one.summary}" for one in plan(made, profile).listed}


@mark.parametrize(
    ("check", "plain", "line"),
    [
        ("latency.p99", COMMAND, "[latency]"),
        ("metrics.scrapable", COMMAND, "[metrics]"),
        ("contract.golden", COMMAND, '[inputs] golden = "golden.json"'),
        ("identity.artefact_digest", COMMAND, "[registry]"),
        ("contract.blame", COMMAND, "[drills] broken_model"),
        ("fuzz.deterministic", {"service": {"command": "serve {port}"}}, "[inputs] rows"),
        ("contract.reject_missing", URL, 'allow = ["fuzz"]'),
        ("lifecycle.drain", URL, "[service] command"),
    ],
)
def test_what_is_not_declared_is_unclaimed_with_the_line_to_add(check: str, plain: dict[str, Any], line: str) -> None:
    why = listed(settings(plain))[check]
    assert why.startswith(Status.UNCLAIMED)
    assert line in why


def test_permission_makes_the_probes_of_a_url() -> None:
    allowed = settings({**URL, "service": {"url": "http://127.0.0.1:1", "allow": ["fuzz"]}})
    made = {one.id for one in plan(allowed, "quick").items}
    assert "contract.reject_missing" in made
    assert "lifecycle.drain" not in made


def test_a_short_profile_defers_and_a_named_check_is_made_all_the_same() -> None:
    claimed = settings(COMMAND, **LATENCY)
    assert listed(claimed, "smoke")["latency.p99"].startswith(Status.DEFERRED)
    named = {one.id for one in plan(claimed, "smoke", named=["latency.p99"]).items}
    assert "latency.p99" in named
    assert "latency.error_rate" not in named


def test_a_missing_program_defers_and_says_how_to_install_it(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(Program, "found", lambda program: None)
    made = plan(settings(COMMAND), "full")
    [listed] = [one for one in made.listed if one.check == "fuzz.schemathesis"]
    assert (listed.status, listed.summary) == (
        Status.DEFERRED,
        "needs schemathesis: pip install 'pytest-mlready[schemathesis]'",
    )
    with raises(SettingsError, match="needs schemathesis: pip install"):
        plan(settings(COMMAND), "full", named=["fuzz.schemathesis"])


def test_every_check_is_made_listed_or_closing_once() -> None:
    planned = plan(settings(COMMAND, **LATENCY), "smoke")
    seen = [one.id for one in (*planned.items, *planned.closing)] + [one.check for one in planned.listed]
    assert sorted(seen) == sorted(checks())


def test_an_attested_check_becomes_an_item_only_where_it_cannot_be_made() -> None:
    word = {"owner": "@ana", "evidence": "x.md", "made": "2026-10-02", "expires": "2027-01-31"}
    attest = {"contract.golden": word, "identity.version_agrees": word}
    planned = plan(settings(COMMAND, attest=attest), "quick")
    assert planned.attested == {"contract.golden"}
    assert "contract.golden" in {one.id for one in planned.items}


@mark.parametrize(
    ("tables", "named", "words"),
    [
        ({"gate": {"require": ["latancy"]}}, [], "did you mean 'latency'"),
        ({"gate": {"require": ["latency.p98"]}}, [], "did you mean 'latency.p99'"),
        ({"waive": {"latency.p98": {"reason": "x", "expires": "2027-01-01"}}}, [], "did you mean 'latency.p99'"),
        ({}, ["identity.version_agres"], "did you mean 'identity.version_agrees'"),
        ({}, ["latency.p99"], "latency.p99 is unclaimed; add to mlready.toml: [latency]"),
        ({}, ["harness.plan_complete"], "judged whenever a run closes"),
    ],
)
def test_names_that_mean_nothing_are_errors(tables: dict[str, Any], named: list[str], words: str) -> None:
    with raises(SettingsError) as caught:
        plan(settings(COMMAND, **tables), "quick", named=named)
    assert words in str(caught.value)


def test_a_teams_own_id_may_be_waived() -> None:
    team = settings(COMMAND, waive={"team.tax_rule": {"reason": "x", "expires": "2027-01-01"}})
    assert plan(team, "quick").items


def test_families_without_their_table_are_named() -> None:
    assert unclaimed_families(settings(COMMAND, **LATENCY)) == (
        "quality",
        "metrics",
        "drift",
        "experiments",
        "deployment",
    )


def test_a_larger_profile_makes_no_less() -> None:
    smoke, quick, full = ({one.id for one in plan(settings(COMMAND, **LATENCY), each).items} for each in PROFILES)
    assert smoke < quick <= full


@mark.parametrize("check", checks().values(), ids=list(checks()))
def test_a_check_says_what_holds_why_and_what_to_do(check: Check) -> None:
    assert check.holds.endswith(".")
    assert check.why
    assert check.remedy
    assert check.evidence
