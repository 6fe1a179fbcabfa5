"""Copies of a state while its processes stand still: a file that is written in place is caught half-written."""

from __future__ import annotations

import random
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_mlready.evidence import crash_images
from pytest_mlready.evidence.crash_images import Image, taken, telling
from pytest_mlready.records import Order
from pytest_mlready.service import launch
from pytest_mlready.service.instance import Instance

ORDER = Order("promote", "2.0.0", "acknowledged", 0.0, 0.1)
WRITERS = {
    "in place": """
        with state.open("w") as file:
            file.write(40 * "x"); file.flush(); time.sleep(.002); file.write("\\n")""",
    "renamed": """
        state.with_name("new").write_text(40 * "x" + "\\n"); time.sleep(.002); state.with_name("new").rename(state)""",
}
SERVICE = """import pathlib, sys, time
state = pathlib.Path(sys.argv[1]) / "state.json"
while True:
    if True:{}
    time.sleep(.01)
"""


@contextmanager
def writing(tmp_path: Path, how: str) -> Iterator[Instance]:
    """A service that does nothing but write its state."""
    script = tmp_path / "service.py"
    script.write_text(SERVICE.format(WRITERS[how]))
    command = f"{{python}} {shlex.quote(str(script))} {{state}} {{port}}"
    instance = launch.start(command, cwd=tmp_path, state_dir=tmp_path / "state", log_path=tmp_path / "log")
    try:
        while not (instance.state_dir / "state.json").exists():
            time.sleep(0.01)
        yield instance
    finally:
        instance.kill()
        instance.stop(0.0)


@pytest.mark.parametrize(("how", "ways"), [("in place", {"state.json was shorter"}), ("renamed", {"new was there"})])
def test_a_file_is_seen_as_it_is_in_the_middle_of_writing(tmp_path: Path, how: str, ways: set[str]) -> None:
    with writing(tmp_path, how) as instance:
        found = telling(taken(instance, tmp_path / "images", lambda: ORDER, random.Random(7)))
    assert found.keys() == ways
    (image,) = found.values()
    assert image.order == ORDER
    assert {one.name: one.stat().st_size for one in image.directory.iterdir()} == image.sizes


def test_nothing_moves_while_it_is_frozen(tmp_path: Path) -> None:
    with writing(tmp_path, "renamed") as instance:
        state = instance.state_dir / "state.json"
        with instance.frozen():
            before = state.stat().st_ino
            time.sleep(0.1)
            assert state.stat().st_ino == before
        until = time.monotonic() + 10
        while state.stat().st_ino == before and time.monotonic() < until:
            time.sleep(0.01)
        assert state.stat().st_ino != before


def test_a_state_that_is_too_large_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash_images, "MOST_BYTES", 10)
    with writing(tmp_path, "in place") as instance:
        assert taken(instance, tmp_path / "images", lambda: ORDER, random.Random(7)) == []
    assert telling([]) == {}


def test_what_grows_is_as_usual_and_what_is_gone_is_not(tmp_path: Path) -> None:
    sizes = [{"log": 10 * at, "state": 5} for at in range(9)]
    sizes[4].pop("state")
    sizes[6]["a1b2c3d4.tmp"] = 0
    found = telling([Image(tmp_path / str(at), one, ORDER) for at, one in enumerate(sizes)])
    assert {way: one.directory.name for way, one in found.items()} == {
        "state was not there": "4",
        "*.tmp was there": "6",
    }
