"""For every test: pytester, interrupts that are heard; and no test here is part of a readiness checklist.

With `-n` the tests of a module share a worker, and its fixtures, unless each is a run of its own. Those that measure
load are marked `alone`: `-m "not alone"` leaves them out where tests run at once.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest import Config, Item, hookimpl

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parent
LAST = (ROOT / "real", ROOT / "defects")
"""Directories whose tests take longest, in the order in which they run after all others."""
SINGLE = ("tests/defects/test_defects.py", "tests/plugin/")
"""Tests that share no fixtures."""


def pytest_configure(config: Config) -> None:
    """Processes that tests interrupt must not have been born deaf to it, as those of a background job are."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: Config) -> bool | None:
    return True if config.getoption("mlready") else None


@hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[Item]) -> Iterator[None]:
    """Order last, whatever order another plugin made."""
    yield
    items.sort(
        key=lambda item: max((place for place, one in enumerate(LAST, 1) if one in item.path.parents), default=0)
    )


@hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Config, log: Any) -> Any:
    """Hand out modules, and of some single tests. (`--dist loadgroup` of xdist 3.8 groups nothing on pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling

    class ByModule(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return nodeid if nodeid.startswith(SINGLE) else nodeid.partition("::")[0]

    return ByModule(config, log)
