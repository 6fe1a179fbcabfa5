"""The version before: by option or by `[base]`, started or running, and what is said where it cannot be measured."""

from __future__ import annotations

import sys

from pytest import mark

from tests.plugin.project import STUB, Project

CHECK = "mlready.toml::latency.no_regression"
LATENCY = "[latency]\nrate = 40\np99_ms = 500\n"
COMMAND = f"{sys.executable} {STUB} --port {{port}}"
SHORT = 'from pytest_mlready.schedule import SCHEDULE\nSCHEDULE.evidence["paired_load"].seconds["quick"] = 10\n'


def prepared(project: Project, tables: str = "") -> None:
    project.real_checks()
    project.command(tables=f"{LATENCY}{tables}")


def test_without_a_base_the_line_to_add_is_listed(project: Project) -> None:
    prepared(project)
    ran = project.run("-k", "no_such_check")
    assert ran.check("latency.no_regression")["status"] == "unclaimed"
    assert '[base] command = "…{port}…"' in ran.check("latency.no_regression")["reason"]


@mark.alone
def test_the_service_is_compared_with_itself_and_both_have_ended(project: Project) -> None:
    prepared(project, "[base]\np50_ratio = 9\ntail_ratio = 30\n")
    project.file("conftest.py", SHORT)
    pids = project.path / "pids"
    ran = project.run("--mlready-base-command", f"{COMMAND} --pids {pids}", CHECK, process=True)
    found = ran.check("latency.no_regression")
    assert found["status"] in {"pass", "inconclusive"}, found
    assert found["measurement"]["n"] > 50
    assert " ms before, " in found["reason"]
    assert len(pids.read_text().split()) == 3  # the service, a fresh instance of it, the base
    assert project.pids() == []


@mark.parametrize(
    ("command", "said"),
    [
        (f"{sys.executable} -c 'import sys; sys.exit(3)' {{port}}", "exited at once with code 3"),
        ("no-such-program {port}", "`no-such-program` cannot be run"),
        (f"{sys.executable} {STUB}", "holds no {port}"),
    ],
)
def test_a_base_that_does_not_start_is_an_error_that_says_so(project: Project, command: str, said: str) -> None:
    prepared(project)
    ran = project.run("--mlready-base-command", command, CHECK, process=True)
    found = ran.check("latency.no_regression")
    assert (ran.exit_code, found["status"]) == (1, "error")
    assert "the base cannot be measured: " in found["reason"]
    assert said in found["reason"]
    assert "Traceback" not in ran.output


def test_a_base_that_nobody_serves_is_an_error_that_says_so(project: Project) -> None:
    prepared(project)
    project.settings(
        f'{LATENCY}[base]\nurl = "http://127.0.0.1:9"\nallow = ["load"]\n',
        service=f'url = "{project.url}"\nallow = ["load"]\nready_timeout_s = 1',
    )
    found = project.run(CHECK, process=True).check("latency.no_regression")
    assert found["status"] == "error"
    assert "the base cannot be measured: http://127.0.0.1:9 never became ready within 1 s" in found["reason"]


def test_a_running_base_gets_no_load_that_is_not_allowed(project: Project) -> None:
    prepared(project)
    ran = project.run("--mlready-base-url", "http://127.0.0.1:9", "-k", "no_such_check")
    assert '[base] allow = ["load"]' in ran.check("latency.no_regression")["reason"]
    asked = ("--mlready-base-url", "http://127.0.0.1:9", "--mlready-allow", "load", "--mlready-profile", "quick")
    assert "latency.no_regression" in project.run(*asked, "--collect-only", "-q").output
