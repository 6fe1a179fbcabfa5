"""Runs are started ahead of the tests that ask for them, two at a time; those that measure load run alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from pytest_mlready.catalogue import checks
from tests.defects.judging import HEALTHY, Judged, judge
from tests.defects.planting import defects

Ask = Callable[[str], Judged]
AT_ONCE = 2
LOAD = frozenset({"steady_load", "saturation"})


@pytest.fixture(scope="session")
def judged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The finished run of a defect, by name, or of the healthy service (`HEALTHY`)."""
    directory = tmp_path_factory.mktemp("defects")
    if hasattr(request.config, "workerinput"):  # xdist spreads the tests already, and its workers all see all of them
        yield lambda name: run(name, directory)
        return
    asked = [item.callspec.params["name"] for item in request.session.items if _asks(item)]  # type: ignore[attr-defined]
    with ThreadPoolExecutor(AT_ONCE) as pool, ThreadPoolExecutor(1) as alone:
        runs = started(asked, directory, pool, alone)
        yield lambda name: runs[name].result()
        pool.shutdown(cancel_futures=True)
        alone.shutdown(cancel_futures=True)


def started(
    names: Sequence[str], directory: Path, pool: ThreadPoolExecutor, alone: ThreadPoolExecutor
) -> dict[str, Future[Judged]]:
    """The runs to come: first those without load, then those with it, one after the other."""
    quiet = {name: pool.submit(run, name, directory) for name in names if not measures_load(name)}

    def after_the_quiet_ones(name: str) -> Judged:
        wait(quiet.values())
        return run(name, directory)

    return quiet | {name: alone.submit(after_the_quiet_ones, name) for name in names if name not in quiet}


def run(name: str, directory: Path) -> Judged:
    """Judge now."""
    return judge(None if name == HEALTHY else defects()[name], directory / name)


def measures_load(name: str) -> bool:
    """Whether a second run at the same time would be seen in what the first one measures."""
    if name == HEALTHY:
        return False
    return any(one.name in LOAD for one in checks()[defects()[name].check].evidence)


def _asks(item: pytest.Item) -> bool:
    return "judged" in getattr(item, "fixturenames", ()) and hasattr(item, "callspec")
