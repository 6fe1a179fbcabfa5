"""For every test: pytester, interrupts that are heard; and no test here is part of a readiness checklist.

Tests that measure come last, when what runs beside the others has ended.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Protocol

from pytest import Config, Item, StashKey, hookimpl

pytest_plugins = ["pytester"]
LAST = ("real", "defects")
"""Directories whose tests measure, in the order in which they run after all others."""


class Beside(Protocol):
    """Work that goes on beside the tests."""

    def wait(self) -> None:
        """Until it has ended."""


BESIDE = StashKey[Beside]()


def pytest_configure(config: Config) -> None:
    """Processes that tests interrupt must not have been born deaf to it, as those of a background job are."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: Config) -> bool | None:
    return True if config.getoption("mlready") else None


@hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[Item]) -> None:
    """Let those that measure come last, in whatever order another plugin put them."""
    items.sort(key=lambda item: max((1 + LAST.index(name) for name in LAST if is_of(item, name)), default=0))


def is_of(item: Item, directory: str) -> bool:
    """Whether a test lies in this directory of the suite."""
    return Path(__file__).parent / directory in item.path.parents
