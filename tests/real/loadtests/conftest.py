"""Servers of known latency, each in a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
Server = Callable[[str], str]


@pytest.fixture
def server() -> Iterator[Server]:
    """Starts a server in a mode of `truth_server.py`; gives its URL."""
    with contextlib.ExitStack() as stack:

        def start(mode: str) -> str:
            command = [sys.executable, str(HERE / "truth_server.py"), mode]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            assert process.stdout is not None
            return f"http://127.0.0.1:{int(process.stdout.readline())}"

        yield start
