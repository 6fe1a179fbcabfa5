"""What may be done to a target: to a server at a URL nothing rude, unless the command line or the file allows it."""

from __future__ import annotations

from pytest import fixture, mark

from tests.plugin.project import Project, Ran

RUDE = "contract.reject_malformed"
LOAD = "[latency]\nrate = 20\np99_ms = 500\n"


@fixture
def real(project: Project) -> Project:
    """A project judged by the real catalogue."""
    project.real_checks()
    project.settings(LOAD, top='profile = "quick"')
    return project


def unclaimed(ran: Ran) -> dict[str, str]:
    """What is not made, and the line to add."""
    return {one["id"]: one["reason"] for one in ran.report["checks"] if one["status"] == "unclaimed"}


def collected(ran: Ran) -> set[str]:
    return {line.partition("::")[2] for line in ran.output.splitlines() if line.startswith("mlready.toml::")}


def test_a_url_gets_no_rude_input_and_no_load(real: Project) -> None:
    ran = real.run("-k", "version_agrees")
    line = "add to mlready.toml: [service] allow = "
    assert unclaimed(ran)[RUDE] == f'{line}["fuzz"]'
    assert unclaimed(ran)["latency.p99"] == f'{line}["load"]'
    assert not {RUDE, "latency.p99"} & collected(real.run("--collect-only", "-q"))


def test_nothing_but_well_formed_requests_reaches_it(real: Project) -> None:
    ran = real.run("-k", "identity or contract")
    assert ran.state == "PARTIAL"
    asked = {(method, path.partition("?")[0]) for _, method, path, _ in real.stub.requests}
    assert {method for method, _ in asked} <= {"GET", "POST"}
    assert {path for method, path in asked if method == "POST"} == {"/predict", "/predict/batch"}


@mark.parametrize(("allow", "made"), [("fuzz", True), ("load", False), (" load , fuzz", True), ("", False)])
def test_the_command_line_allows(real: Project, allow: str, made: bool) -> None:
    names = collected(real.run("--mlready-allow", allow, "--collect-only", "-q"))
    assert (RUDE in names) is made
    assert ("latency.p99" in names) is ("load" in allow)


def test_permission_does_not_make_up_for_rows_that_nobody_gave(real: Project) -> None:
    (real.path / "mlready.toml").unlink()
    ran = real.run_plain("--mlready-url", real.url, "--mlready-allow", "fuzz", "-k", "version_agrees")
    assert (ran.exit_code, ran.state) == (0, "PARTIAL")
    assert unclaimed(ran)[RUDE] == 'add to mlready.toml: [inputs] rows = "sample.csv"'


def test_what_a_file_allows_belongs_to_its_own_url(real: Project) -> None:
    real.settings(service=f'url = "{real.url}"\nallow = ["fuzz"]')
    assert RUDE in collected(real.run("--collect-only", "-q"))
    assert RUDE in collected(real.run("--mlready-url", real.url, "--collect-only", "-q"))
    other = real.url.replace("127.0.0.1", "localhost")
    assert RUDE not in collected(real.run("--mlready-url", other, "--collect-only", "-q"))


def test_a_named_check_that_is_not_allowed_says_so(real: Project) -> None:
    ran = real.run(f"mlready.toml::{RUDE}")
    assert ran.exit_code == 4
    assert f"{RUDE} is unclaimed; add to mlready.toml: " in ran.output
    assert "allow" in ran.output
    assert real.stub.requests == []


def test_a_command_of_ours_may_be_treated_as_we_like(real: Project) -> None:
    real.command(tables=LOAD)
    quick = ("--mlready-profile", "quick", "--collect-only", "-q")
    assert {RUDE, "latency.p99"} <= collected(real.run(*quick))


def test_a_command_may_be_spared(real: Project) -> None:
    real.command(tables=LOAD, service="allow = []")
    quick = ("--mlready-profile", "quick", "--collect-only", "-q")
    assert not {RUDE, "latency.p99"} & collected(real.run(*quick))
