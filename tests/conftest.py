"""For every test: pytester, interrupts that are heard; and no test here is part of a readiness checklist.

With `-n` the tests of a module share a worker, and its fixtures. Those that measure load are marked `alone`: they come
last, and `-m "not alone"` leaves them out where tests run at once.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

from pytest import Config, Item, hookimpl, mark

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parent
LAST = (ROOT / "real", ROOT / "defects")
"""Directories whose tests take longest, in the order in which they run after all others."""


def pytest_configure(config: Config) -> None:
    """Processes that tests interrupt must not have been born deaf to it, as those of a background job are."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: Config) -> bool | None:
    return True if config.getoption("mlready") else None


@hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[Item]) -> Iterator[None]:
    """Mark first, so that marks can be selected; order last, whatever order another plugin made."""
    for item in items:
        if ROOT in item.path.parents and not item.get_closest_marker("xdist_group"):
            item.add_marker(mark.xdist_group(item.path.relative_to(ROOT).as_posix()))
    yield
    items.sort(
        key=lambda item: max((place for place, one in enumerate(LAST, 1) if one in item.path.parents), default=0)
    )
