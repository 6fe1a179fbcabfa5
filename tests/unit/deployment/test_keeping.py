"""A target is left as it was found: by the drill itself, by whoever outlives it, or with a note of what to do."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_mlready import left_behind
from pytest_mlready.deployment import Deployment, Recipe, Refused, make
from pytest_mlready.deployment.restorer import Task, put_back
from pytest_mlready.evidence import keeping
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.drill_stage import Stage
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.service.target import Target
from tests.unit.deployment.model_server import CONTRACT, State, serving
from tests.unit.records_made import settings


@pytest.fixture
def server() -> Iterator[tuple[str, State]]:
    with serving(CONTRACT) as found:
        yield found


def recipe_of(url: str) -> Recipe:
    declared = settings(deployment={"acknowledge_s": 0.5}).deployment
    assert declared is not None
    return Recipe(declared, url)


def stage_of(url: str, deployment: Deployment | None = None) -> tuple[Context, Stage]:
    target = Target(url, JsonMapping(), {}, None, frozenset({"deploy"}))
    recipe = recipe_of(url)
    context = Context(target, settings(deployment={}), (), 7, 10.0, deployment_recipe=recipe)
    return context, Stage(target, deployment or make(recipe))


def note_of(context: Context) -> Path:
    return left_behind.path_in(context.target.turns.directory)


def test_after_a_drill_the_version_is_put_back(server: tuple[str, State]) -> None:
    url, state = server
    context, stage = stage_of(url)
    with keeping.kept(context, stage) as kept:
        assert json.loads(note_of(context).read_text())["found"] == kept.found == "1"
        stage.deployment.promote("2")
        assert (left := kept.restored()).problem is None
    assert (left.found, left.serving, state.serving) == ("1", "1", "1")
    assert not note_of(context).exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt("SIGTERM"), ValueError("a bug")])
def test_an_interrupted_drill_puts_it_back_and_ends_as_it_would(
    server: tuple[str, State], error: BaseException
) -> None:
    context, stage = stage_of(server[0])
    with pytest.raises(type(error), match=str(error)):
        interrupted(context, stage, error)
    assert server[1].serving == "1"


def interrupted(context: Context, stage: Stage, error: BaseException) -> None:
    """A drill that ends in the middle."""
    with keeping.kept(context, stage):
        stage.deployment.promote("2")
        raise error


class Stuck:
    """A user's own deployment, which takes one order and then none."""

    def __init__(self) -> None:
        self.serves = "1"

    def versions(self) -> list[str]:
        return ["1", "2"]

    def current(self) -> str:
        return self.serves

    def promote(self, version: str) -> Any:
        if self.serves == "2":
            raise Refused("503", "no")
        self.serves = version

    def rollback(self, to: str | None = None) -> Any:
        return self.promote(str(to))

    def history(self) -> None:
        return None


def test_what_cannot_be_put_back_is_said_loudly(server: tuple[str, State], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PATIENCE_S", 0.1)
    context, stage = stage_of(server[0], Stuck())
    words = rf"{server[0]} serves 2, not 1: 503: no; curl -sS -X POST {server[0]}/deployments"
    with pytest.raises(keeping.LeftChanged, match=words):
        interrupted(context, stage, KeyboardInterrupt())
    with keeping.kept(context, stage) as kept:  # the next run finds the note
        assert kept.found == "1"
        left = kept.restored()
    assert (left.problem, left.serving, "/deployments" in left.restore) == ("503: no", "2", True)
    note_of(context).unlink()


def test_a_run_that_is_killed_is_outlived_by_who_puts_it_back(server: tuple[str, State], tmp_path: Path) -> None:
    url, state = server
    note = tmp_path / "note.json"
    left_behind.write(note, left_behind.Note(url, "1", "by hand"))
    task = msgspec.json.encode(Task(recipe_of(url), "1", str(note))).decode()
    run = (
        "import subprocess, sys, os, signal\n"
        "process = subprocess.Popen([sys.executable, '-m', 'pytest_mlready.deployment.restorer'],"
        " stdin=subprocess.PIPE, start_new_session=True)\n"
        f"process.stdin.write({(task + chr(10)).encode()!r}); process.stdin.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    state.change("2")
    assert subprocess.run([sys.executable, "-c", run], check=False).returncode == -9
    until = time.monotonic() + 30
    while note.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert (state.serving, note.exists()) == ("1", False)


def test_who_is_told_that_it_is_done_does_nothing(server: tuple[str, State]) -> None:
    url, state = server
    task = msgspec.json.encode(Task(recipe_of(url), "2", "unused"))
    done = subprocess.run([sys.executable, "-m", "pytest_mlready.deployment.restorer"], input=task + b"\ndone\n")
    assert (done.returncode, state.asked) == (0, [])


def test_putting_back_tries_again_until_its_patience_ends(server: tuple[str, State]) -> None:
    url, state = server
    state.versions = ("2",)
    problem = put_back(make(recipe_of(url)), "3", 0.3)
    assert problem is not None
    assert problem.startswith("404")
    assert sum(method == "POST" for method, _, _ in state.asked) >= 2
