"""`python -m pytest_mlready COMMAND`: what is done outside of a test run.

Exit 0: done; 2: wrong arguments, or data that cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from pytest_mlready.profiling import command as profiling

COMMANDS: tuple[Callable[[argparse._SubParsersAction[argparse.ArgumentParser]], None], ...] = (profiling.add,)


def main(arguments: list[str] | None = None) -> int:
    """Run one command."""
    parser = argparse.ArgumentParser("python -m pytest_mlready", description="Beside `pytest --mlready`.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    options = parser.parse_args(arguments)
    done: int = options.run(options)
    return done


if __name__ == "__main__":
    sys.exit(main())
