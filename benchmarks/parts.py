"""What benchmarks in parts have in common: their options, a table printed row by row, and what misses its target."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

_Row = TypeVar("_Row")


def parser_of(doc: str | None, parts: Collection[str], quick: str) -> argparse.ArgumentParser:
    """`--quick`, `--json FILE` and `--only PART …`."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", type=Path, help="also write every figure here")
    parser.add_argument("--only", nargs="+", choices=list(parts), default=list(parts), help="these parts only")
    return parser


def printed(
    options: argparse.Namespace, rows_of: Callable[[str], Iterable[_Row]], line: Callable[[_Row], str]
) -> Iterator[_Row]:
    """The rows of the parts that were asked for, each printed as it comes, with the seconds that each part took."""
    for name in options.only:
        began = time.monotonic()
        for row in rows_of(name):
            print(line(row), flush=True)
            yield row
        print(f"  {name}: {time.monotonic() - began:.0f} s", file=sys.stderr)


def concluded(options: argparse.Namespace, rows: list[Any], missed: list[str]) -> int:
    """Write the figures, dataclasses, if asked to; say what is missed, and return the exit code."""
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    print("\n".join(f"missed: {one}" for one in missed) or "every target is met")
    return int(bool(missed))
