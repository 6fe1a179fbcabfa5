"""Runs that go wrong in their middle, or at their end: each ends, in time, and passes only on a whole result."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_mlready.openloop.document import read
from pytest_mlready.service.launch import free_port
from tests.real.loadtests.conftest import ROOT, Server, environment, locust

EASY = ("--slo-p99-ms", "60000", "--slo-error-rate", "0.1", "--request-timeout", "0.5", "--rate", "100")
ONCE = ("--headless", "--only-summary", *EASY)
FORGETS_SOON = """
import sys
sys.path.insert(0, {root!r})
import locust.runners
from pytest_mlready.openloop import leading

locust.runners.HEARTBEAT_INTERVAL = 0.5
locust.runners.HEARTBEAT_DEAD_INTERNAL = -1
leading._PATIENCE_S = 5.0
from loadtests import steady

class Steady(steady.Steady):
    def conduct(self, share, report):
        open("sends-%d" % share[0], "w").close()
        return super().conduct(share, report)
"""
# Locust forgets a worker a minute after it fell silent, and then starts users anew: here after 3 s, so that a share
# could be sent twice before the master gives up.


@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["one process", "two processes"])
def test_a_result_that_cannot_be_kept_is_told_with_its_verdict(
    server: Server, tmp_path: Path, processes: tuple[str, ...]
) -> None:
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "steady").write_text("not a directory")
    words = ("-f", str(ROOT / "loadtests/steady.py"), *ONCE, *processes, "--duration", "5", "--result", "result")
    code, output = locust(server("fast"), tmp_path, *words)
    assert code == 1, output
    assert re.search(r"(?m)^steady: PASS at 100 req/s", output), output
    assert re.search(r"(?m)^Steady: FileExistsError: .*: its documents were not kept$", output), output
    assert "Traceback" not in output


def test_a_result_that_is_no_directory_is_refused_before_the_load(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in ("file", "file/below"):
        code, output = locust("http://127.0.0.1:9", tmp_path, "-f", str(ROOT / "loadtests"), *ONCE, "--result", name)
        assert code == 2
        assert output.endswith(": error: argument --result: file is not a directory\n"), output


@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["one process", "two processes"])
@pytest.mark.parametrize("names", [("Capacity",), ("Soak", "Steady")], ids=["a search", "who waits for its turn"])
def test_what_was_cut_short_by_locust_does_not_pass(
    server: Server, tmp_path: Path, names: tuple[str, ...], processes: tuple[str, ...]
) -> None:
    words = ("-f", str(ROOT / "loadtests"), *names, *ONCE, *processes, "--run-time", "6s", "--result", "result")
    code, output = locust(server("fast"), tmp_path, *words)
    assert code == 1, output
    for name in names:
        assert f"\n{name}: interrupted before its end\n" in output
    assert f"\n{names[-1]}: there is no result\n" in output
    if "Soak" in names:
        (predict,) = read(tmp_path / "result" / "soak").classes
        assert 0 < predict.sent < predict.offered
        assert output.count("soak: INCONCLUSIVE: ") == 1
    assert "Traceback" not in output


@contextlib.contextmanager
def distributed(tmp_path: Path, url: str, file: str, *words: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A master, and the process ids of its two workers."""
    port, home = str(free_port()), environment(tmp_path)
    start = [sys.executable, "-m", "locust", "-f", file, "--host", url]
    master = [*start, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, *ONCE, *words]
    with contextlib.ExitStack() as stack:
        workers = []
        for _ in range(2):
            one = subprocess.Popen(
                [*start, "--worker", "--master-port", port], cwd=tmp_path, env=home, stderr=subprocess.DEVNULL
            )
            stack.callback(one.wait, 30)
            stack.callback(one.kill)
            workers.append(one.pid)
        process = subprocess.Popen(
            master, cwd=tmp_path, env=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        stack.callback(process.kill)
        yield process, workers


def test_a_share_that_a_dead_worker_left_is_missing_and_not_sent_by_another(server: Server, tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text(FORGETS_SOON.format(root=str(ROOT)))
    words = ("--expect-workers", "2", "--duration", "5", "--arrivals", "constant", "--result", "result")
    with distributed(tmp_path, server("fast"), "short.py", *words) as (master, (worker, _other)):
        while len(list(tmp_path.glob("sends-*"))) < 2:
            assert master.poll() is None
            time.sleep(0.1)
        os.kill(worker, signal.SIGKILL)
        output, _ = master.communicate(timeout=60)
    assert master.returncode == 1, output
    assert "Steady: 1 of 2 shares missing" in output
    (predict,) = read(tmp_path / "result" / "steady").classes
    assert predict.offered == predict.completed == 250
