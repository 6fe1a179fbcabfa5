"""Load from inside pytest: the run happens in a process of its own and hands back one document.

Locust and gevent replace parts of the interpreter, so neither is ever imported here.
"""

from __future__ import annotations

import importlib.util
import json
import os
import selectors
import site
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, TypeVar

from pytest_mlready.openloop.document import JSON_NAME, read
from pytest_mlready.openloop.plan import Plan, write_plan
from pytest_mlready.openloop.search_plan import SearchPlan, write_search
from pytest_mlready.openloop.sweep_document import SWEEP_NAME, read_sweep
from pytest_mlready.records import LoadRun, Sweep

Result = TypeVar("Result")

START_S = 30.0
"""How long the process may take to start and to write its result, on top of the plan's own bound."""

PLAN_NAME = "plan.json"
_LOG_NAME = "openloop.log"
_KILL_AFTER_S = 2.0


class LoadError(Exception):
    """The load gave no result; the message says why."""


def run(
    plan: Plan,
    *,
    on_progress: Callable[[dict[str, Any]], None] | None = None,
    pass_fds: tuple[int, ...] = (),
    timeout_s: float | None = None,
) -> LoadRun:
    """Run `plan` in a new process, wait for it and return its result.

    `on_progress` hears of each progress line: seconds `t`, and `sent`, `completed`, `failures` so far. `pass_fds`
    stay open in the process, so that a lock held through one of them is held until the load has ended. The process
    ends with this call, however the call ends.

    Raises:
        LoadError: the extra is not installed, the process failed, took longer than `timeout_s`, or gave no result.
    """
    directory = _prepared(Path(plan.output), JSON_NAME)
    write_plan(replace(plan, output=str(directory)), directory / PLAN_NAME)
    _conduct("run", directory, on_progress, pass_fds, plan.longest_s + START_S if timeout_s is None else timeout_s)
    return _result(read, directory)


def search(
    asked: SearchPlan,
    *,
    on_progress: Callable[[dict[str, Any]], None] | None = None,
    pass_fds: tuple[int, ...] = (),
) -> Sweep:
    """As `run`, a search for capacity. `on_progress` hears of each trial: its number, `rate`, `verdict` and `p99_s`.

    Raises:
        LoadError: as `run`.
    """
    directory = _prepared(Path(asked.plan.output), SWEEP_NAME)
    write_search(asked.in_directory(directory), directory / PLAN_NAME)
    _conduct("search", directory, on_progress, pass_fds, asked.longest_s + START_S)
    return _result(read_sweep, directory)


def _prepared(output: Path, result: str) -> Path:
    """The directory, without an earlier result. Raises LoadError where the extra is not installed."""
    missing = [name for name in ("locust", "hdrh") if importlib.util.find_spec(name) is None]
    if missing:
        raise LoadError(f'load needs {" and ".join(missing)}: pip install "pytest-mlready[load]"')
    directory = output.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / result).unlink(missing_ok=True)
    return directory


def _conduct(
    word: str,
    directory: Path,
    on_progress: Callable[[dict[str, Any]], None] | None,
    pass_fds: tuple[int, ...],
    timeout_s: float,
) -> None:
    """Have the plan in `directory` run or searched. Raises LoadError."""
    until = time.monotonic() + timeout_s
    with _started(word, directory, pass_fds) as process:
        for line in _lines(process, until):
            if on_progress is not None and line.startswith(b"{"):
                on_progress(json.loads(line))
        code = process.wait(max(_KILL_AFTER_S, until - time.monotonic()))
    if code != 0:
        raise LoadError(f"the load process ended with {code}: {_last_line(directory / _LOG_NAME)}")


def _result(read: Callable[[Path], Result], directory: Path) -> Result:
    try:
        return read(directory)
    except (OSError, ValueError) as error:
        raise LoadError(f"the load process left no readable result: {error}") from None


@contextmanager
def _started(word: str, directory: Path, pass_fds: tuple[int, ...]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "pytest_mlready.openloop", word, str(directory / PLAN_NAME)]
    with (directory / _LOG_NAME).open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=directory,
            env=_environment(directory),
            pass_fds=pass_fds,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def _environment(directory: Path) -> dict[str, str]:
    """Locust reads ~/.locust.conf, ./locust.conf and LOCUST_*: none of the user's may change this run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    here = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([here, *filter(None, [kept.get("PYTHONPATH")])])
    user_base = kept.get("PYTHONUSERBASE") or site.getuserbase()
    return {**kept, "HOME": str(directory), "PYTHONPATH": path, "PYTHONUSERBASE": user_base}


def _lines(process: subprocess.Popen[bytes], until: float) -> Iterator[bytes]:
    """Whole lines of the process's output until it closes it. Raises LoadError at `until`."""
    output: IO[bytes] | None = process.stdout
    if output is None:
        return
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while True:
            left = until - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise LoadError("the load process took too long and was ended")
            data = os.read(output.fileno(), 65_536)
            if not data:
                return
            *whole, pending = (pending + data).split(b"\n")
            yield from whole


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1][:500] if lines else "it said nothing"
