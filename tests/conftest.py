"""The project's own suite is no part of the readiness checklist of the reference service."""

from __future__ import annotations

from pathlib import Path

from pytest import Config

pytest_plugins = ["pytester"]


def pytest_ignore_collect(collection_path: Path, config: Config) -> bool | None:
    return True if config.getoption("mlready") else None
