"""Nothing that was started outlives the run, however the run ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_mlready.service.instance import Instance, NotOwner
from pytest_mlready.service.keeper import stat_fields
from pytest_mlready.service.launch import start

# A service with a child in its group and a daemonised grandchild in a session of its own; each writes its pid.
FAMILY = """
import os, signal, sys, time
def note(name):
    with open(os.path.join(sys.argv[1], name + ".draft"), "w") as file:
        file.write(str(os.getpid()))
    os.rename(file.name, os.path.join(sys.argv[1], name + ".pid"))
if sys.argv[3:] == ["stubborn"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    note("child")
    time.sleep(100)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        note("daemon")
        time.sleep(100)
    os._exit(0)
note("main")
time.sleep(100)
"""


def gone(pid: int) -> bool:
    fields = stat_fields(pid)
    return not fields or fields[0] in "ZX"


def eventually(holds: Callable[[], bool], within_s: float = 8.0) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.01)
    return holds()


def pids(state: Path) -> list[int]:
    names = ("main", "child", "daemon")
    assert eventually(lambda: all((state / f"{name}.pid").exists() for name in names))
    return [int((state / f"{name}.pid").read_text(encoding="ascii")) for name in names]


def family(tmp_path: Path, *words: str) -> Instance:
    script = tmp_path / "family.py"
    script.write_text(FAMILY, encoding="utf-8")
    command = " ".join([f"{{python}} {script} {{state}} {{port}}", *words])
    return start(command, cwd=tmp_path, state_dir=tmp_path / "state", log_path=tmp_path / "service.log")


def test_stop_ends_the_group_and_daemonised_grandchildren(tmp_path: Path) -> None:
    instance = family(tmp_path)
    family_pids = pids(tmp_path / "state")
    assert sorted(instance.processes()) == sorted(family_pids)
    assert instance.rss_bytes() > 3_000_000
    instance.stop()
    assert all(map(gone, [*family_pids, instance.keeper_pid]))
    assert (instance.alive(), instance.exit_code()) == (False, -signal.SIGTERM)
    instance.stop()  # does nothing the second time


def test_who_ignores_sigterm_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    instance = family(tmp_path, "stubborn")
    family_pids = pids(tmp_path / "state")
    began = time.monotonic()
    instance.stop(grace_s=0.3)
    assert 0.3 <= time.monotonic() - began < 3
    assert all(map(gone, family_pids))
    assert instance.exit_code() == -signal.SIGKILL


SPAWNER = """
import sys, time
from pathlib import Path
from tests.unit.service.test_keeper import family
instance = family(Path(sys.argv[1]))
print(instance.keeper_pid, flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_spawners_death_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    spawner = subprocess.Popen(
        [sys.executable, "-c", SPAWNER, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert spawner.stdout is not None
    keeper_pid = int(spawner.stdout.readline())
    everybody = [*pids(tmp_path / "state"), keeper_pid]
    assert not any(map(gone, everybody))
    spawner.send_signal(number)
    spawner.communicate()
    assert eventually(lambda: all(map(gone, everybody)))


def test_a_fork_that_holds_the_pipe_does_not_keep_the_service(tmp_path: Path) -> None:
    fork = "import os\nif os.fork() == 0:\n    time.sleep(3)\n    os._exit(0)\n"
    forking = SPAWNER.replace("time.sleep(100)", fork + "time.sleep(100)")
    spawner = subprocess.Popen([sys.executable, "-c", forking, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert spawner.stdout is not None
    spawner.stdout.readline()
    everybody = pids(tmp_path / "state")
    time.sleep(0.2)
    spawner.kill()
    spawner.wait()
    assert eventually(lambda: all(map(gone, everybody)), within_s=2.5)
    spawner.communicate()


def test_the_keepers_own_death_ends_the_service(tmp_path: Path) -> None:
    instance = family(tmp_path)
    main, child, daemon = pids(tmp_path / "state")
    os.kill(instance.keeper_pid, signal.SIGKILL)
    try:
        assert eventually(lambda: gone(main))
        assert instance.exit_code() is None  # nobody saw it
    finally:
        instance.stop()
        assert eventually(lambda: gone(child))
        os.kill(daemon, signal.SIGKILL)


def test_sigterm_to_the_keeper_ends_the_service(tmp_path: Path) -> None:
    instance = family(tmp_path)
    everybody = pids(tmp_path / "state")
    os.kill(instance.keeper_pid, signal.SIGTERM)
    assert eventually(lambda: all(map(gone, everybody)))
    instance.stop()


def test_signals_reach_the_main_process_only_and_its_exit_is_seen(tmp_path: Path) -> None:
    instance = family(tmp_path)
    main, child, daemon = pids(tmp_path / "state")
    instance.signal(signal.SIGKILL)
    assert eventually(lambda: not instance.alive())
    assert instance.exit_code() == -signal.SIGKILL
    assert (gone(main), gone(child), gone(daemon)) == (True, False, False)
    instance.signal(signal.SIGTERM)  # nothing is there any more
    instance.stop()
    assert all(map(gone, (child, daemon)))


def test_a_view_looks_and_does_not_touch(tmp_path: Path) -> None:
    instance = family(tmp_path)
    pids(tmp_path / "state")
    view = Instance.from_description(instance.describe())
    try:
        assert view.alive()
        assert view.rss_bytes() > 0
        assert not replace(view, start_ticks=view.start_ticks - 1).alive()  # another process with the same pid
        with pytest.raises(NotOwner):
            view.stop()
        with pytest.raises(NotOwner):
            view.signal(signal.SIGTERM)
    finally:
        instance.stop()
    assert (view.alive(), view.exit_code()) == (False, -signal.SIGTERM)


def test_cpu_time_counts_ended_processes(tmp_path: Path) -> None:
    code = "import os,time\nif os.fork()==0:\n while time.process_time()<.3: pass\n os._exit(0)\nos.wait()\n"
    (tmp_path / "busy.py").write_text(code + "print('done',flush=True)\ntime.sleep(100)", encoding="utf-8")
    instance = start("{python} busy.py {port}", cwd=tmp_path, state_dir=tmp_path / "s", log_path=tmp_path / "l.log")
    try:
        assert eventually(lambda: "done" in instance.log_tail())
        assert instance.cpu_s(instance.processes()) >= 0.29
        view = Instance.from_description(instance.describe())
        assert view.cpu_s(view.processes()) >= 0.29
    finally:
        instance.stop()
    assert instance.keeper is not None
    assert instance.keeper.returncode == 0


def test_a_part_of_it_is_killed_with_all_below_and_never_the_main_one(tmp_path: Path) -> None:
    instance = family(tmp_path)
    try:
        main, child, daemon = pids(tmp_path / "state")
        assert not instance.kill_part([main, child])
        assert not instance.kill_part([])
        assert not instance.kill_part([os.getpid()])
        assert instance.kill_part([child])
        assert eventually(lambda: gone(child))
        assert not gone(main)
        assert not gone(daemon)
        with pytest.raises(NotOwner):
            replace(instance, keeper=None).kill_part([daemon])
    finally:
        instance.stop(0.5)
