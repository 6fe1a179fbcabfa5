"""`python -m pytest_mlready.openloop run plan.json`, or `search plan.json`: load in a process of its own.

Ends at once when its standard input does, so that it never outlives whoever started it. Prints one JSON line a second
with totals, or one for each trial of a search. Exit 0: the result document was written, whatever the requests came to;
1: it was not; 2: no plan.
"""

from __future__ import annotations

import _thread
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_mlready.openloop.document import write
from pytest_mlready.openloop.plan import read_plan
from pytest_mlready.openloop.search_plan import read_search
from pytest_mlready.openloop.sweep_document import write_sweep


def main(arguments: list[str]) -> int:
    """Do what the first argument says with the plan named by the second."""
    # A bare thread, started before gevent replaces Python's own: it must work whatever the event loop does.
    _thread.start_new_thread(_end_with_parent, ())
    try:
        word, name = arguments
        work = {"run": _run, "search": _search}[word](Path(name))
    except (KeyError, OSError, ValueError) as error:
        print(f"openloop: no plan: {error}", file=sys.stderr)
        return 2
    try:
        work()
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        print(f"openloop: no result: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _run(path: Path) -> Callable[[], None]:
    plan = read_plan(path)

    def work() -> None:
        from pytest_mlready.openloop.drive import drive
        from pytest_mlready.openloop.hosted import hosted

        progress = _print_line if plan.progress else None
        write(hosted(plan.pool * len(plan.urls), lambda report: drive(plan, report, progress)), Path(plan.output))

    return work


def _search(path: Path) -> Callable[[], None]:
    asked = read_search(path)

    def work() -> None:
        from pytest_mlready.openloop.hosted import hosted
        from pytest_mlready.openloop.searching import search

        progress = _print_line if asked.plan.progress else None
        # Nobody reads Locust's own statistics here, which would take a sixth of the generator's time.
        write_sweep(hosted(asked.plan.pool, lambda _: search(asked, progress=progress)), Path(asked.plan.output))

    return work


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(3)


def _print_line(said: dict[str, Any]) -> None:
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
