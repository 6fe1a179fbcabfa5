"""The load process: it dies with its parent, keeps other people's settings out, and says what went wrong."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_mlready.openloop import process
from pytest_mlready.openloop.plan import Kind, Plan, Request, write_plan
from pytest_mlready.openloop.process import LoadError, run
from tests.real.loadtests.conftest import Server

ROOT = Path(__file__).parents[3]


def plan_of(url: str, directory: Path, seconds: float) -> Plan:
    kinds = (Kind("health", 1, (Request("GET", "/health/live"),)),)
    return Plan(url, "truth", ((50.0, seconds),), kinds, output=str(directory), arrivals="constant", warmup_s=0.2)


def test_the_end_of_standard_input_ends_the_process(server: Server, tmp_path: Path) -> None:
    write_plan(plan_of(server("fast"), tmp_path, 300), tmp_path / "plan.json")
    command = [sys.executable, "-m", "pytest_mlready.openloop", "run", str(tmp_path / "plan.json")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline().startswith(b"{")
        child.stdin.close()
        assert child.wait(20) != 0
    assert not (tmp_path / "load.json").exists()


def test_an_interruption_ends_the_process(server: Server, tmp_path: Path) -> None:
    def interrupt(_: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    before = _children()
    with pytest.raises(KeyboardInterrupt):
        run(plan_of(server("fast"), tmp_path, 300), on_progress=interrupt)
    assert len(_children() - before) == 1  # the server


def test_too_long_is_an_error_and_not_a_hang(server: Server, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="too long"):
        run(plan_of(server("fast"), tmp_path, 300), timeout_s=3)


def test_settings_of_locust_do_not_leak_in(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in (".locust.conf", "locust.conf"):
        (home / name).write_text("run-time = 1s\nusers = 7\nhost = http://127.0.0.1:9\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LOCUST_RUN_TIME", "1s")
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    monkeypatch.chdir(home)
    load = run(plan_of(server("fast"), tmp_path / "out", 3))
    assert load.classes[0].statuses == {"200": 150}


def test_descriptors_passed_stay_open_in_the_process(server: Server, tmp_path: Path) -> None:
    lock = os.open(tmp_path / "turn.lock", os.O_CREAT | os.O_RDWR)
    kept: list[bool] = []

    def look(_: dict[str, Any]) -> None:
        mine = os.stat(tmp_path / "turn.lock").st_ino
        for child in _children():
            open_files = Path(f"/proc/{child}/fd").iterdir() if Path(f"/proc/{child}/fd").exists() else []
            kept.append(any(_inode(one) == mine for one in open_files))

    try:
        run(plan_of(server("fast"), tmp_path / "out", 1.5), on_progress=look, pass_fds=(lock,))
    finally:
        os.close(lock)
    assert any(kept)


def test_a_failed_process_is_named_with_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "write_plan", lambda _plan, path: path.write_text('{"url": 5}'))
    with pytest.raises(LoadError, match=r"ended with 2: openloop: no plan: .*"):
        run(plan_of("http://127.0.0.1:9", tmp_path, 1))


def test_an_old_result_is_never_taken_for_a_new_one(server: Server, tmp_path: Path) -> None:
    run(plan_of(server("fast"), tmp_path, 0.5))
    assert (tmp_path / "load.json").exists()
    with pytest.raises(LoadError):
        run(plan_of(server("fast"), tmp_path, 300), timeout_s=0.1)
    assert not (tmp_path / "load.json").exists()


def test_a_missing_extra_names_the_command_that_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(LoadError, match=r'pip install "pytest-mlready\[load\]"'):
        run(plan_of("http://127.0.0.1:9", tmp_path, 1))


def _children() -> set[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(word) for word in listed.split()}


def _inode(descriptor: Path) -> int | None:
    try:
        return descriptor.stat().st_ino
    except OSError:
        return None
