"""However a run ends, nothing that it started outlives it, and what was found is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest import fail, fixture, mark, param

from pytest_mlready.service.keeper import descendants
from tests.plugin.project import REPORT, Project

GONE_S = 10.0
"""How long a service may take to end: the grace period of the keeper, and then some."""
CHECKS = ("contract.holds", "fuzz.fails", "lifecycle.loaded")
RATE = "[latency]\nrate = 40\np99_ms = 500\n"


def until(what: str, holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


class Running:
    """A run of pytest that goes on while the test looks at it."""

    def __init__(self, project: Project, *arguments: str) -> None:
        self.project = project
        self.log = project.path / "output.txt"
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "pytest", *project.arguments("--mlready", *arguments)]
            self.process = subprocess.Popen(
                command, cwd=project.path, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def output(self) -> str:
        """What it has printed."""
        return self.log.read_text("utf-8", "replace")

    def everybody(self) -> dict[int, str]:
        """Command by pid of every process that it started and that still runs, the daemonised ones included."""
        return {pid: command for pid in descendants(self.process.pid) if (command := _command(pid))}

    def named(self, word: str) -> list[int]:
        """The pids of those whose command holds a word."""
        return [pid for pid, command in self.everybody().items() if word in command]

    def ended(self, seconds: float = 25.0) -> int:
        """Its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            fail(f"the run did not end within {seconds:g} s:\n{self.output}")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def left(processes: dict[int, str]) -> dict[int, str]:
    """Those that run as they did, under the same pid."""
    alive = {pid: command for pid, command in processes.items() if _command(pid) == command}
    return {pid: command for pid, command in alive.items() if _state(pid) not in "ZX"}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


@contextmanager
def run_of(project: Project, *arguments: str) -> Iterator[Running]:
    """A run in the background; on leaving, none of its processes is left, whatever the test found."""
    running = Running(project, *arguments)
    seen: dict[int, str] = {}
    try:
        yield running
    finally:
        seen |= running.everybody()
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
        for pid in [*left(seen), *project.pids()]:
            os.kill(pid, signal.SIGKILL)


@fixture
def slow(project: Project) -> Project:
    """A project with a check that finds something at once, and one that takes a load for a long time."""
    project.toys(*CHECKS)
    project.environment.setenv("TOY_SECONDS", "60")
    project.command("--daemonise")
    return project


def in_the_middle(running: Running) -> dict[int, str]:
    """Wait for the long load; all processes of the run."""
    began = running.project.path / "toy_load"
    until("the load began", lambda: began.exists() or running.process.poll() is not None)
    everybody = running.everybody()
    assert len(running.project.pids()) == 2, running.output
    assert set(running.project.pids()) <= set(everybody)
    assert running.named("keeper.py")
    return everybody


def nothing_left(everybody: dict[int, str]) -> None:
    """None of these processes runs any more, or will in a moment."""
    until(f"all of {everybody} have ended, but not {left(everybody)}", lambda: not left(everybody), GONE_S)


def journal(project: Project) -> dict[str, str]:
    """Status by check of what was written down while the run went on."""
    lines = (project.path / REPORT / "findings.jsonl").read_text("utf-8").splitlines()
    return {one["check"]: one["status"] for one in map(json.loads, lines)}


@mark.parametrize(
    ("number", "workers"),
    [
        param(signal.SIGINT, [], id="sigint"),
        param(signal.SIGTERM, [], id="sigterm"),
        param(signal.SIGTERM, ["-p", "xdist", "-n", "2"], id="sigterm_two_workers"),
    ],
)
def test_an_interrupted_run_writes_its_report_and_leaves_nothing(
    slow: Project, number: signal.Signals, workers: list[str]
) -> None:
    with run_of(slow, *workers) as running:
        everybody = in_the_middle(running)
        running.process.send_signal(number)
        assert running.ended() == 2, running.output
        nothing_left(everybody)
    report = slow.report()
    assert report["verdict"]["state"] == "NOT_READY"
    assert report["verdict"]["problem"].startswith("the run was interrupted")
    assert "the run was interrupted" in (slow.path / REPORT / "report.md").read_text("utf-8")
    found = {one["id"]: one["status"] for one in report["checks"] if not one["id"].startswith("harness.")}
    assert found == {**dict.fromkeys(CHECKS, "not_run"), **journal(slow)}
    assert found["lifecycle.loaded"] == "not_run"
    if not workers:  # of two, the one that loads may have been first
        assert journal(slow) == {"contract.holds": "pass", "fuzz.fails": "fail"}


@mark.parametrize("workers", [[], ["-p", "xdist", "-n", "2"]], ids=["alone", "two_workers"])
def test_a_killed_run_leaves_no_process_and_its_journal(slow: Project, workers: list[str]) -> None:
    with run_of(slow, *workers) as running:
        everybody = in_the_middle(running)
        running.process.kill()
        running.process.wait()
        nothing_left(everybody)
    assert slow.report() == {}
    if not workers:
        assert journal(slow) == {"contract.holds": "pass", "fuzz.fails": "fail"}


def test_after_a_killed_run_the_next_one_starts_afresh(slow: Project) -> None:
    with run_of(slow) as running:
        in_the_middle(running)
        running.process.kill()
        running.process.wait()
        slow.environment.setenv("TOY_SECONDS", "0")
        ran = slow.run(process=True)
    assert ran.statuses["lifecycle.loaded"] == "pass"
    assert (slow.path / "toy_load").read_text().count("ended") == 1


def test_a_killed_worker_ends_neither_the_run_nor_the_service(slow: Project) -> None:
    slow.environment.setenv("TOY_SECONDS", "3")
    with run_of(slow, "-p", "xdist", "-n", "2") as running:
        everybody = in_the_middle(running)
        workers = running.named("sys.stdin.readline")
        assert len(workers) == 2, everybody
        os.kill(workers[0], signal.SIGKILL)
        time.sleep(0.5)
        assert len(slow.pids()) == 2
        assert running.ended() == 1, running.output
        nothing_left(everybody)
    assert slow.report()["verdict"]["state"] == "NOT_READY"
    assert slow.report()["verdict"]["problem"] is None


@mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_a_service_that_ignores_sigterm_is_ended(slow: Project, number: signal.Signals) -> None:
    slow.command("--daemonise", "--ignore-sigterm")
    with run_of(slow) as running:
        everybody = in_the_middle(running)
        running.process.send_signal(number)
        running.ended()
        nothing_left(everybody)
    assert bool(slow.report()) == (number == signal.SIGINT)


@mark.parametrize(
    ("number", "workers"),
    [
        param(signal.SIGTERM, [], id="sigterm"),
        param(signal.SIGKILL, [], id="sigkill"),
        param(signal.SIGKILL, ["-p", "xdist", "-n", "2"], id="sigkill_two_workers"),
    ],
)
def test_no_load_generator_outlives_the_run(project: Project, number: signal.Signals, workers: list[str]) -> None:
    project.real_checks()
    project.command(tables=RATE)
    wanted = ["--mlready-profile=quick", "mlready.toml::latency.p99", *workers]
    with run_of(project, *wanted) as running:
        until(
            "the load is under way", lambda: project.asked().count("POST /predict") > 20 or running.process.poll(), 30
        )
        everybody = running.everybody()
        assert running.named("pytest_mlready.openloop"), running.output
        running.process.send_signal(number)
        running.ended()
        nothing_left(everybody)
    assert bool(project.report()) == (number == signal.SIGTERM)
