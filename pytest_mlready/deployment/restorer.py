"""Puts a version back when whoever changed it is gone: `python -m pytest_mlready.deployment.restorer`.

The first line on standard input is the task, as JSON. `done` on a second line ends it; an end of input without that
means that the run died, or gave up: then the version is put back, with patience, and the note says what came of it.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from pytest_mlready import left_behind
from pytest_mlready.deployment.interface import Deployment, Refused, Unanswered
from pytest_mlready.deployment.making import Recipe, make

PATIENCE_S = 60.0
_PACE_S = 0.2


@dataclass(frozen=True)
class Task:
    """How to reach the deployment, the version that must serve, and the file that says what is left to do."""

    recipe: Recipe
    version: str
    note: str


def put_back(deployment: Deployment, version: str, patience_s: float) -> str | None:
    """Let a version serve and see that it does; None, or after `patience_s` seconds what is in the way."""
    until = time.monotonic() + patience_s
    while True:
        try:
            if deployment.current() == version:
                return None
            deployment.promote(version)
            if (serving := deployment.current()) == version:
                return None
            problem = f"promoting {version} was acknowledged, and {serving} serves"
        except (Refused, Unanswered) as error:
            problem = str(error)
        if time.monotonic() > until:
            return problem
        time.sleep(_PACE_S)


def main() -> None:
    """Wait, and put the version back if nobody says that it is done."""
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    if sys.stdin.buffer.readline().strip() == b"done":
        return
    problem = put_back(make(task.recipe), task.version, PATIENCE_S)
    path = Path(task.note)
    if problem is None:
        path.unlink(missing_ok=True)
    elif (note := left_behind.read(path)) is not None:
        left_behind.write(path, replace(note, problem=problem))


if __name__ == "__main__":
    main()
