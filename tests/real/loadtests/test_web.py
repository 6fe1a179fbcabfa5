"""Locust's web page: runs are started, stopped and started again over HTTP, and each is judged."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from pytest_mlready.openloop.document import read
from pytest_mlready.service.launch import free_port
from tests.real.loadtests.conftest import ROOT, Server, environment

EASY = ("--slo-p99-ms", "60000", "--slo-error-rate", "0.1", "--rate", "100", "--duration", "3", "--result", "result")


class Page:
    """Locust with its page, in a process of its own that writes to `log`."""

    def __init__(self, url: str, directory: Path, *words: str) -> None:
        self._web = f"http://127.0.0.1:{(port := free_port())}"
        self._log = directory / "log"
        command = [sys.executable, "-m", "locust", *words, *EASY, "--host", url]
        command += ["--web-host", "127.0.0.1", "--web-port", str(port)]
        with self._log.open("w") as file:
            self.process = subprocess.Popen(
                command, cwd=directory, env=environment(directory), stdout=file, stderr=subprocess.STDOUT
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 40
        while not holds():
            assert time.monotonic() < end, self.said
            assert self.process.poll() is None, self.said
            time.sleep(0.1)

    def post(self, path: str, **fields: str) -> None:
        data = urlencode({"user_count": "1", "spawn_rate": "1", **fields}).encode()
        with urllib.request.urlopen(f"{self._web}/{path}", data, timeout=90) as answer:
            assert json.load(answer)["success"]

    def sent(self) -> int:
        with urllib.request.urlopen(f"{self._web}/stats/requests", timeout=10) as answer:
            return int(json.load(answer)["stats"][-1]["num_requests"])


@pytest.fixture(params=[(), ("--processes", "2")], ids=["one process", "two processes"])
def page(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[Page]:
    one = Page(server("fast"), tmp_path, "-f", str(ROOT / "loadtests"), "--class-picker", *request.param)
    try:
        one.until(lambda: one.said.count("Starting web interface") == 1)
        one.until(lambda: one.said.count("reported as ready") == (2 if request.param else 0))
        time.sleep(0.5)
        yield one
    finally:
        one.process.terminate()
        one.process.wait(30)


def test_a_run_that_was_stopped_is_judged_and_the_next_one_ends(page: Page, tmp_path: Path) -> None:
    page.post("swarm", user_classes="Steady")
    page.until(lambda: page.sent() > 50)
    page.post("stop")
    page.until(lambda: "interrupted before the end of the schedule" in page.said)
    assert "steady: INCONCLUSIVE: " in page.said
    (cut,) = read(tmp_path / "result" / "steady").classes
    assert 0 < cut.sent < cut.offered

    page.until(lambda: page.said.count("reported as ready") in (0, 4))
    page.post("swarm", user_classes="Spike")
    page.until(lambda: "\nspike: " in page.said)
    assert page.said.count("steady: ") == 1
    (whole,) = read(tmp_path / "result" / "spike").classes
    assert whole.sent == whole.offered
