"""Runs of defects begin with the session, beside tests that leave a core idle; those that measure load run alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest

from pytest_mlready.catalogue import checks
from tests.conftest import BESIDE
from tests.defects.judging import HEALTHY, Judged, judge, undecided
from tests.defects.planting import defects

Ask = Callable[[str], Judged]
AT_ONCE = 2
"""Most of a run is waiting for a service to start or to answer; so are most tests beside it."""
ATTEMPTS = 3
LOAD = frozenset({"steady_load", "paired_load", "saturation", "soak", "batch_throughput", "capacity"})


class Runs:
    """The runs that tests will ask for, each made once."""

    def __init__(self, names: Sequence[str], directory: Path) -> None:
        self.directory = directory
        self.runs: dict[str, Future[Judged]] = {name: Future() for name in names if not measures_load(name)}
        self.waiting = deque(self.runs)
        self.threads: list[Thread] = []

    def begin(self) -> None:
        """Have one more run at a time."""
        self.threads.append(Thread(target=self.work))
        self.threads[-1].start()

    def work(self) -> None:
        """Make runs while some wait."""
        while self.waiting:
            try:
                name = self.waiting.popleft()
            except IndexError:
                return
            try:
                self.runs[name].set_result(run(name, self.directory))
            except Exception as error:
                self.runs[name].set_exception(error)

    def wait(self) -> None:
        """Until none is left."""
        for thread in self.threads:
            thread.join()

    def result(self, name: str) -> Judged:
        """A finished run; one that measures load is made now, when nothing else runs."""
        if name in self.runs:
            return self.runs[name].result()
        self.wait()
        return run(name, self.directory)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin; with xdist each worker makes the runs of its own tests when it comes to them."""
    names = [item.callspec.params["name"] for item in session.items if _asks(item)]  # type: ignore[attr-defined]
    if names and not session.config.option.collectonly and not hasattr(session.config, "workerinput"):
        directory = TemporaryDirectory(prefix="defects-")
        session.config.add_cleanup(directory.cleanup)
        runs = session.config.stash[BESIDE] = Runs(names, Path(directory.name))
        session.config.add_cleanup(runs.wait)
        session.config.add_cleanup(runs.waiting.clear)
        for _ in range(AT_ONCE):
            runs.begin()


@pytest.fixture(scope="session")
def judged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The finished run of a defect, by name, or of the healthy service (`HEALTHY`)."""
    runs = request.config.stash.get(BESIDE, None)
    if isinstance(runs, Runs):
        yield runs.result
    else:
        directory = tmp_path_factory.mktemp("defects")
        yield lambda name: run(name, directory)


def run(name: str, directory: Path) -> Judged:
    """Judge now; and again, a few times, where a machine with other work let nothing be concluded."""
    defect = None if name == HEALTHY else defects()[name]
    for attempt in range(1, ATTEMPTS + 1):
        judged = judge(defect, directory / f"{name}-{attempt}")
        if not undecided(judged, defect):
            break
    return judged


def measures_load(name: str) -> bool:
    """Whether a second run at the same time would be seen in what the first one measures."""
    if name == HEALTHY:
        return False
    return any(one.name in LOAD for one in checks()[defects()[name].check].evidence)


def _asks(item: pytest.Item) -> bool:
    return "judged" in getattr(item, "fixturenames", ()) and hasattr(item, "callspec")
