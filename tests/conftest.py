"""For every test: pytester, interrupts that are heard; and no test here is part of a readiness checklist."""

from __future__ import annotations

import signal
from pathlib import Path

from pytest import Config

pytest_plugins = ["pytester"]


def pytest_configure(config: Config) -> None:
    """Processes that tests interrupt must not have been born deaf to it, as those of a background job are."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: Config) -> bool | None:
    return True if config.getoption("mlready") else None
