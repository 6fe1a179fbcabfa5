"""A service that does not start, or does not last: one clear line, exit code 1, a report, and no process left."""

from __future__ import annotations

import time

from pytest import mark

from tests.plugin.project import Project, Ran


def one_clear_line(project: Project, ran: Ran, said: str) -> None:
    assert ran.exit_code == 1
    assert said in str(ran.problem)
    assert said in ran.output
    assert "Traceback" not in ran.output
    assert ran.state == "NOT_READY"
    assert ran.report["verdict"]["blocking"][0] == "harness.plan_complete"
    assert ran.statuses["contract.holds"] == "not_run"
    assert " – contract.holds" not in ran.output
    assert project.pids() == []


@mark.parametrize(
    ("flags", "service", "said"),
    [
        (["--crash-at-start"], "", "exited at once with code 1"),
        (["--never-ready"], "ready_timeout_s = 0.5", "within 0.5 s; last answer: GET /health/ready: 503"),
        (["--not-http"], "ready_timeout_s = 3", "answers, but is not HTTP"),
    ],
    ids=["crashes", "never_ready", "not_http"],
)
def test_it_does_not_start(project: Project, flags: list[str], service: str, said: str) -> None:
    project.settings()
    assert project.run().state == "READY"
    project.command(*flags, service=service)
    one_clear_line(project, project.run(), said)


def test_the_end_of_its_log_is_shown(project: Project) -> None:
    project.command("--crash-at-start")
    ran = project.run()
    assert "FATAL: no model at models/current" in str(ran.problem)
    assert "FATAL: no model at models/current" in ran.output


def test_two_workers_say_it_once(project: Project) -> None:
    project.command("--crash-at-start")
    project.options += ["-p", "xdist"]
    ran = project.run("-n", "2", process=True)
    one_clear_line(project, ran, "exited at once with code 1")
    assert ran.output.count("FATAL: no model") <= 2


@mark.parametrize(
    ("command", "said"),
    [
        ("no-such-program --port {port}", "`no-such-program` cannot be run"),
        ("{python} -m http.server", "the command holds no {port}"),
        ("{python} -m http.server {prt} {port}", "{prt} in '{prt}' is not a placeholder; there are {port}, {host}"),
        ("{python} 'x {port}", "the command cannot be split into words"),
    ],
)
def test_a_command_that_cannot_be_run(project: Project, command: str, said: str) -> None:
    project.settings(service=f'command = "{command}"')
    one_clear_line(project, project.run(), said)


def test_a_url_that_nobody_serves(project: Project) -> None:
    project.settings(service='url = "http://127.0.0.1:9"\nready_timeout_s = 0.3')
    one_clear_line(project, project.run(), "http://127.0.0.1:9 never became ready within 0.3 s")


def test_it_crashes_in_the_middle(project: Project) -> None:
    project.real_checks()
    project.command("--crash-after", "40")
    began = time.monotonic()
    ran = project.run()
    assert (ran.exit_code, ran.state) == (1, "NOT_READY")
    assert time.monotonic() - began < 30
    told = [one["reason"] for one in ran.report["checks"] if one["status"] == "error"]
    assert any("the service was lost" in one and "exit code 3" in one for one in told)
    assert "INTERNALERROR" not in ran.output
    assert project.pids() == []


def test_a_child_that_put_itself_into_the_background_is_ended_too(project: Project) -> None:
    project.command("--daemonise")
    ran = project.run()
    assert ran.state == "READY"
    assert (project.path / "pids").read_text().count("\n") == 2
    assert project.pids() == []
