"""Copies of a state while its processes stand still: a file that is written in place is caught half-written."""

from __future__ import annotations

import contextlib
import random
import shlex
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_mlready.evidence import crash_images
from pytest_mlready.evidence.crash_images import Files, Image, files, taken, telling
from pytest_mlready.records import Order
from pytest_mlready.service import launch
from pytest_mlready.service.instance import Instance

ORDER = Order("promote", "2.0.0", "acknowledged", 0.0, 0.1)
WRITERS = {
    "in place": """
        with state.open("w") as file:
            file.write(40 * "x"); file.flush(); time.sleep(.002); file.write("\\n")""",
    "appended in two parts": """
        with state.open("a") as file:
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
ODD = "state.json was as it never is between orders"


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


@pytest.mark.parametrize(
    ("how", "way"), [("in place", ODD), ("appended in two parts", ODD), ("renamed", "new was there")]
)
def test_a_file_is_seen_as_it_is_in_the_middle_of_writing(tmp_path: Path, how: str, way: str) -> None:
    with writing(tmp_path, how) as instance:
        images = taken(instance, tmp_path / "images", lambda: ORDER, random.Random(7))
    content = [(one.directory / "state.json").read_text() for one in images]
    settled: list[Files] = [one.files for one, text in zip(images, content, strict=True) if text.endswith("x\n")]
    found = telling(images, [{name: file for name, file in one.items() if name != "new"} for one in settled])
    assert found.keys() == {way}
    assert files(found[way].directory) == found[way].files
    assert (found[way].directory / "state.json").read_text().endswith("\n") is (how == "renamed")
    assert found[way].order == ORDER


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
    monkeypatch.setattr(crash_images, "LARGEST", 10)
    with writing(tmp_path, "renamed") as instance:
        assert taken(instance, tmp_path / "images", lambda: ORDER, random.Random(7)) == []
    assert telling([], []) == {}


def test_a_link_is_a_link_and_a_socket_is_left_out(tmp_path: Path) -> None:
    with writing(tmp_path, "renamed") as instance, socket.socket(socket.AF_UNIX) as bound:
        (instance.state_dir / "current").symlink_to("models/2.0.0")  # which is not there
        with contextlib.chdir(instance.state_dir):
            bound.bind("control")
        images = taken(instance, tmp_path / "images", lambda: ORDER, random.Random(7))
    assert images
    assert {one.files["current"] for one in images} == {files(instance.state_dir)["current"]}
    assert {(one.directory / "current").readlink() for one in images} == {Path("models/2.0.0")}
    assert not any((one.directory / "control").exists() for one in images)


def test_the_rarest_way_comes_first_and_what_a_service_always_does_last(tmp_path: Path) -> None:
    made = [{"state": (5, b"a"), "gauges-1234": (9, bytes([at])), "log": (10, b"l")} for at in range(9)]
    settled, made[4]["state"], made[5]["state"] = made[0], (3, b"b"), (1, b"c")
    del made[6]["log"]
    made[7] |= {"a1b2c3d4.tmp": (0, b""), "log": (4, b"z")}
    made[8]["a1b2c3d5.tmp"] = (0, b"")
    found = telling([Image(tmp_path / str(at), one, ORDER) for at, one in enumerate(made)], [settled])
    assert {way: one.directory.name for way, one in found.items()} == {
        "log was as it never is between orders": "7",
        "log was not there": "6",
        "*.tmp was there": "7",
        "state was as it never is between orders": "5",
        "gauges-* was as it never is between orders": "1",
    }
