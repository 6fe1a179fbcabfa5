"""The run of a defect that a test asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_mlready.catalogue import checks
from tests.defects import warm
from tests.defects.judging import HEALTHY, Judged, judge, undecided
from tests.defects.planting import defects

Ask = Callable[[str], Judged]
ATTEMPTS = 3
TIMED = frozenset(
    {"steady_load", "paired_load", "saturation", "soak", "batch_throughput", "mixed_load", "capacity", "scaling"}
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs are independent of each other, but for those whose measurements would notice another one."""
    for item in items:
        judged = "judged" in getattr(item, "fixturenames", ())
        if judged and is_timed(item.callspec.params["name"]):  # type: ignore[attr-defined]
            item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """The run of a defect, by name, or of the healthy service (`HEALTHY`)."""
    directory = tmp_path_factory.mktemp("defects")
    return lambda name: run(name, directory)


def run(name: str, directory: Path) -> Judged:
    """Judge; and again, a few times, where a machine with other work let nothing be concluded."""
    defect = None if name == HEALTHY else defects()[name]
    for attempt in range(1, ATTEMPTS + 1):
        judged = judge(defect, directory / f"{name}-{attempt}", run=warm.execute if warm.forks(defect) else None)
        if not undecided(judged, defect):
            break
    return judged


def is_timed(name: str) -> bool:
    """Whether a second run at the same time would be seen in what the first one measures."""
    if name == HEALTHY:
        return False
    return any(one.name in TIMED for one in checks()[defects()[name].check].evidence)
