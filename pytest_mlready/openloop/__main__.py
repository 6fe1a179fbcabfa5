"""`python -m pytest_mlready.openloop plan.json`: one load run in a process of its own.

Ends at once when its standard input does, so that it never outlives whoever started it. Prints totals as one JSON
line a second. Exit 0: the result document was written, whatever the requests came to; 1: it was not; 2: no plan.
"""

from __future__ import annotations

import _thread
import json
import os
import sys
from pathlib import Path

from pytest_mlready.openloop.document import write
from pytest_mlready.openloop.plan import read_plan


def main(arguments: list[str]) -> int:
    """Run the plan named by the only argument."""
    # A bare thread, started before gevent replaces Python's own: it must work whatever the event loop does.
    _thread.start_new_thread(_end_with_parent, ())
    try:
        (name,) = arguments
        plan = read_plan(Path(name))
    except (OSError, ValueError) as error:
        print(f"openloop: no plan: {error}", file=sys.stderr)
        return 2
    try:
        from pytest_mlready.openloop.hosted import hosted

        write(hosted(plan, _print_line if plan.progress else None), Path(plan.output))
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        print(f"openloop: no result: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(3)


def _print_line(totals: dict[str, float]) -> None:
    print(json.dumps(totals), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
