"""A target is left in the version in which it was found, however the drill on it ends.

Ended by an exception or Ctrl-C, the drill itself puts the version back. Should the run be killed, or the target not
answer then, a small process that waits for its end goes on trying (`deployment/restorer.py`). What it knows lies in a
note beside the target's locks: a later run finds it, and takes the version named there for the one to go back to.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from pytest_mlready import left_behind
from pytest_mlready.deployment import Deployment, Recipe, Refused, Unanswered, by_hand
from pytest_mlready.deployment.restorer import Task, put_back
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.drill_stage import Stage
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import LeftBehind

PATIENCE_S = 10.0


class LeftChanged(KeyboardInterrupt):
    """The run was interrupted, and the target is not as it was found; the message says what to do."""


@dataclass
class Keeping:
    """What was found, and the end of the drill."""

    found: str
    restore: str
    _deployment: Deployment | None
    _left: LeftBehind | None = None

    def restored(self) -> LeftBehind:
        """Put the version back and say what became of it; once."""
        if self._deployment is None:
            return LeftBehind(self.found, None)
        if self._left is None:
            problem = put_back(self._deployment, self.found, PATIENCE_S)
            self._left = LeftBehind(self.found, serving(self._deployment), problem, self.restore if problem else "")
        return self._left


@contextmanager
def kept(context: Context, stage: Stage) -> Iterator[Keeping]:
    """Remember what serves, and put it back on leaving. An instance of the drill's own just ends."""
    if (found := serving(stage.deployment)) is None:
        raise GatherError("which version serves could not be found out: see [deployment]")
    if stage.fresh:
        yield Keeping(found, "", None)
        return
    url, note = context.target.url, left_behind.path_in(context.target.turns.directory)
    earlier = left_behind.read(note, url)  # of a run that could not put back what it had found
    found = earlier.found if earlier is not None else found
    recipe = _recipe(context)
    restore = by_hand(recipe, found)
    keeping = Keeping(found, restore, stage.deployment)
    left_behind.write(note, left_behind.Note(url, found, restore))
    restorer = None if _is_own(stage.deployment) else _Restorer(Task(recipe, found, str(note)))
    interrupted = False
    try:
        yield keeping
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        left = keeping.restored()
        if left.problem is None:
            note.unlink(missing_ok=True)
        if restorer is not None:
            restorer.end(done=left.problem is None)
        if interrupted and left.problem is not None:
            raise LeftChanged(f"{url} serves {left.serving}, not {found}: {left.problem}; {restore}")


def serving(deployment: Deployment) -> str | None:
    """The version that serves, None where nobody says."""
    with contextlib.suppress(Refused, Unanswered):
        return deployment.current()
    return None


class _Restorer:
    """The process that puts the version back if this one cannot. Its input's end is the sign."""

    def __init__(self, task: Task) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest_mlready.deployment.restorer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at the terminal is not for it
        )
        self._tell(msgspec.json.encode(task) + b"\n")

    def end(self, *, done: bool) -> None:
        """Let it go; if the work is not done it goes on with it."""
        if done:
            self._tell(b"done\n")
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        if done:  # nothing is left to it, however slow it is in starting
            self._process.kill()
            self._process.wait()
        else:
            self._process.returncode = 0  # it is meant to outlive us

    def _tell(self, line: bytes) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(line)
                self._process.stdin.flush()


def _recipe(context: Context) -> Recipe:
    recipe = context.deployment_recipe
    if recipe is None:
        raise GatherError("no [deployment] table says how versions are changed")
    return recipe


def _is_own(deployment: Deployment) -> bool:
    """Whether it is a user's own object, which another process cannot make again."""
    return not type(deployment).__module__.startswith("pytest_mlready.")
