"""The conftest of a timed run: seconds and CPU seconds from when the service is known to the last finding."""

from __future__ import annotations

import atexit
import json
import time
from pathlib import Path

import pytest

TIMES: dict[str, float | None] = {"first_s": None}
BEGAN: dict[str, float] = {}


def pytest_collection_finish() -> None:
    """The service is ready, and nothing was asked yet."""
    BEGAN.update(wall=time.monotonic(), cpu=time.process_time())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A check was judged."""
    seconds = time.monotonic() - BEGAN["wall"]
    if report.failed and TIMES["first_s"] is None:
        TIMES["first_s"] = seconds
    TIMES.update(wall_s=seconds, search_cpu_s=time.process_time() - BEGAN["cpu"])


def _write() -> None:
    Path(__file__).with_name("stopwatch.json").write_text(json.dumps({**TIMES, "cpu_s": time.process_time()}))


atexit.register(_write)
