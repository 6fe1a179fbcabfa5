"""Turns are kernel locks per target: alone means alone, nobody starves, a dead holder holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from pytest_mlready.service.flock import UnsafeDirectory
from pytest_mlready.service.once import OnceTimeout, once
from pytest_mlready.service.turns import TurnHeld, Turns, TurnTimeout, digest

URL = "http://127.0.0.1:18123"


@pytest.fixture(autouse=True)
def _own_temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def python(code: str, *arguments: str, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=pass_fds,
    )


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


HOLD = """
import sys, time
from pytest_mlready.service.turns import Turns
with getattr(Turns(sys.argv[1]), sys.argv[2])():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("held", "wanted", "waits"),
    [
        ("shared", "shared", False),
        ("shared", "exclusive", True),
        ("exclusive", "shared", True),
        ("exclusive", "exclusive", True),
    ],
)
def test_turns_hold_between_processes_until_the_holder_is_killed(held: str, wanted: str, waits: bool) -> None:
    holder = python(HOLD, URL, held)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        impatient = Turns(URL.replace("127.0.0.1", "LocalHost") + "/other/path", timeout_s=0.1)
        if waits:
            with pytest.raises(TurnTimeout, match=rf"{wanted} turn .* 0.1 s: held by pid {holder.pid} .*wait for it"):
                getattr(impatient, wanted)().__enter__()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with getattr(Turns(URL, timeout_s=1.0), wanted)():
            pass
    finally:
        ended(holder)


def test_other_targets_do_not_wait() -> None:
    with Turns(URL).exclusive(), Turns("http://127.0.0.1:18124", timeout_s=0.1).exclusive():
        pass


def test_a_stream_of_shared_turns_does_not_starve_an_exclusive_one() -> None:
    """Plain shared and exclusive flock waits for ever here: with four readers there is never a moment without one."""
    stop = threading.Event()
    taken = [0] * 4

    def read(number: int) -> None:
        turns = Turns(URL)
        time.sleep(number * 0.01)
        while not stop.is_set():
            with turns.shared():
                taken[number] += 1
                time.sleep(0.04)

    readers = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for reader in readers:
        reader.start()
    time.sleep(0.2)
    try:
        waited = []
        for _ in range(3):
            began = time.monotonic()
            with Turns(URL, timeout_s=5.0).exclusive():
                waited.append(time.monotonic() - began)
                before = sum(taken)
                time.sleep(0.1)
                assert sum(taken) == before  # nobody else while it lasts
            time.sleep(0.1)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert max(waited) < 1.5
    assert min(taken) > 3


def test_a_child_that_was_given_the_lock_holds_the_turn_until_it_ends() -> None:
    with Turns(URL).exclusive() as fd:
        child = python("import sys; sys.stdin.read()", pass_fds=(fd,))
    try:
        with pytest.raises(TurnTimeout), Turns(URL, timeout_s=0.2).shared():
            pass
        assert child.stdin is not None
        child.stdin.close()
        child.stdin = None
        child.wait(10)
        with Turns(URL, timeout_s=1.0).shared():
            pass
    finally:
        ended(child)


@pytest.mark.parametrize("outer", ["shared", "exclusive"])
@pytest.mark.parametrize("inner", ["shared", "exclusive"])
def test_a_second_turn_in_one_thread_is_refused_at_once(outer: str, inner: str) -> None:
    turns = Turns(URL)
    with getattr(turns, outer)(), pytest.raises(TurnHeld):
        getattr(turns, inner)().__enter__()


def test_a_shared_turn_can_be_given_back_for_an_exclusive_one() -> None:
    turns = Turns(URL, timeout_s=0.5)
    with turns.shared():
        with turns.given_back(), turns.exclusive():
            pass
        with pytest.raises(TurnTimeout), Turns(URL, timeout_s=0.1).exclusive():
            pass  # it is held again
    with turns.exclusive(), pytest.raises(TurnHeld), turns.given_back():
        pass
    with turns.given_back(), turns.exclusive():
        pass  # nothing to give back


def test_removed_lock_files_do_not_split_the_room() -> None:
    turns = Turns(URL)
    with turns.shared():
        pass
    for name in ("gate", "room"):
        (turns.directory / name).unlink()
    with turns.exclusive(), pytest.raises(TurnTimeout), Turns(URL, timeout_s=0.1).shared():
        pass


def test_directory_is_private(tmp_path: Path) -> None:
    turns = Turns(URL)
    assert turns.directory.parent == tmp_path / f"pytest-mlready-{os.getuid()}"
    assert turns.directory.stat().st_mode & 0o777 == 0o700
    turns.directory.chmod(0o777)
    with pytest.raises(UnsafeDirectory, match="mode 0700"):
        Turns(URL)


def test_a_link_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"pytest-mlready-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeDirectory):
        Turns(URL)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://localhost:80/a", "http://127.0.0.1", True),
        ("https://Example.org", "https://example.org:443/x", True),
        ("http://example.org", "https://example.org", False),
        ("http://127.0.0.1:1", "http://127.0.0.1:2", False),
    ],
)
def test_a_target_has_one_name_however_it_is_spelled(one: str, other: str, same: bool) -> None:
    assert (digest(one) == digest(other)) is same


def test_once_lets_one_at_a_time_gather(tmp_path: Path) -> None:
    path = tmp_path / "latency.json"
    with once(path), pytest.raises(OnceTimeout, match=r"latency.json was not gathered within 0.1 s"):
        once(path, timeout_s=0.1).__enter__()
    with once(path, timeout_s=0.1), once(tmp_path / "fuzz.json", timeout_s=0.1):
        pass
