"""A run that ends before its time says why, in its report and in its exit code."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from pytest import mark

from tests.plugin.project import Project


def test_an_error_of_collection(project: Project) -> None:
    project.tests("raise LookupError('mine')\n")
    ran = project.run()
    assert (ran.exit_code, ran.state) == (2, "NOT_READY")
    assert ran.problem == "the run was interrupted: 1 error during collection"
    assert "✗ the run was interrupted: 1 error during collection" in ran.output


def test_a_test_that_ends_the_session(project: Project) -> None:
    project.tests("@mark.mlready('team.rule')\ndef test_rule():\n    pytest.exit('enough', returncode=9)\n")
    ran = project.run()
    assert (ran.exit_code, ran.state) == (9, "NOT_READY")
    assert ran.problem == "the run was interrupted: enough"
    assert ran.statuses["contract.holds"] == "not_run"


def test_a_fault_of_another_plugin(project: Project) -> None:
    project.file("conftest.py", "def pytest_runtest_logreport(report):\n    raise LookupError\n")
    ran = project.run()
    assert (ran.exit_code, ran.state) == (3, "NOT_READY")


def test_a_directory_that_cannot_be_written_to(project: Project) -> None:
    project.file("out", "a file")
    ran = project.run("--mlready-report=out")
    assert ran.exit_code == 4
    assert "mlready: no report can be written: " in ran.output
    assert "INTERNALERROR" not in ran.output


@mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_the_service_starts(project: Project, number: signal.Signals) -> None:
    assert project.run().state == "READY"
    project.command("--never-ready")
    command = [sys.executable, "-m", "pytest", *project.arguments("--mlready")]
    with subprocess.Popen(command, cwd=project.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        until = time.monotonic() + 10
        while not project.asked() and time.monotonic() < until:
            time.sleep(0.02)
        run.send_signal(number)
        assert run.wait(10) == 2
    report = project.report()
    assert report["verdict"]["state"] == "NOT_READY"
    assert "the run was interrupted" in report["verdict"]["problem"]
    assert project.pids() == []
