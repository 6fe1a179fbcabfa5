"""Faults of the run itself: then nothing that was measured may be believed."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.deployments.changes import State
from reference_service.model.identity import Identity
from tests.defects.planting import RunDirectory, defect

_STOPPED_S, _RUNNING_S = 0.18, 0.02
_SKIPS = """

import pytest


@pytest.fixture(autouse=True)
def broken_set_up(request):
    if request.node.name == "contract.golden":
        pytest.skip("the set-up broke before the check began")
"""


@defect("harness.target_pinned", expected="inconclusive")
def the_service_is_redeployed_meanwhile(components: Components) -> Components:
    """After some requests the service says that it was built from other code."""

    class Redeployed(Identity):
        asked = 0

        def version(self, state: State) -> str:
            self.asked += 1
            return super().version(state)

        def info(self, snapshot: Snapshot) -> dict[str, Any]:
            return {**super().info(snapshot), **({"git_revision": "f" * 40} if self.asked > 500 else {})}

    return replace(components, identity=Redeployed(components.serving, components.registry))


@defect("harness.generator_headroom", expected="inconclusive")
def the_load_generator_gets_a_tenth_of_a_core(components: Components) -> Components:
    """A neighbour takes the processor from whatever measures: its numbers are then its own."""

    def starve() -> None:
        while True:
            for word, seconds in ((signal.SIGSTOP, _STOPPED_S), (signal.SIGCONT, _RUNNING_S)):
                for process in _generators():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process, word)
                time.sleep(seconds)

    threading.Thread(target=starve, daemon=True).start()
    return components


@defect("harness.plan_complete", also={"contract.golden"})
def a_fixture_ends_a_check_before_it_began(directory: RunDirectory) -> None:
    """A conftest's fixture breaks before the check's body: planned, and never judged."""
    with (directory / "conftest.py").open("a") as conftest:
        conftest.write(_SKIPS)


def _generators() -> Iterator[int]:
    """The load processes of our own run, which are siblings of our keeper."""
    run = _parent(_parent(os.getpid()))
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if b"pytest_mlready.openloop" in (entry / "cmdline").read_bytes() and _parent(int(entry.name)) == run:
                yield int(entry.name)


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
