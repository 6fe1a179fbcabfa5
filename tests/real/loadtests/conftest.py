"""Servers of known latency, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
Server = Callable[[str], str]


@pytest.fixture
def server() -> Iterator[Server]:
    """Starts a server in a mode of `truth_server.py`; gives its URL."""
    with servers() as start:
        yield start


@contextlib.contextmanager
def servers() -> Iterator[Server]:
    """Servers that run until this ends."""
    with contextlib.ExitStack() as stack:

        def start(mode: str) -> str:
            command = [sys.executable, str(HERE / "truth_server.py"), mode]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            assert process.stdout is not None
            return f"{'https' if mode == 'tls' else 'http'}://127.0.0.1:{int(process.stdout.readline())}"

        yield start


def locust(url: str, tmp_path: Path, *words: str, **variables: str) -> tuple[int, str]:
    """Exit code and output of a run of Locust against `url`, without anybody's settings but these."""
    command = [sys.executable, "-m", "locust", *words, "--host", url]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment(tmp_path) | variables, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def environment(home: Path) -> dict[str, str]:
    """Of a process of Locust."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    return {**kept, "PYTHONPATH": str(ROOT), "HOME": str(home)}
