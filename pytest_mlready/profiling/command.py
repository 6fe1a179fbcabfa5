"""`python -m pytest_mlready profile train.parquet -o profile.json`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pytest_mlready.measure.drift import ProfileError
from pytest_mlready.profiling.building import profile
from pytest_mlready.profiling.inputs import DataError
from pytest_mlready.profiling.storing import load, save

EVERY_S = 0.2


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    about = "build a drift profile of CSV or Parquet files: a few kB a column that stand for their rows"
    parser = commands.add_parser("profile", help=about, description=about)
    parser.add_argument("data", nargs="+", type=Path, help="files that are parts of one data set")
    parser.add_argument("-o", "--output", type=Path, required=True, help="where the profile goes, a .json file")
    parser.add_argument("--add", type=Path, metavar="PROFILE", help="of other rows, to which these are added")
    dated = "when the data were taken (2026-01-31), by default when the oldest file was written; --add keeps the older"
    parser.add_argument("--made-at", type=_moment, metavar="DATE", help=dated)
    parser.add_argument("--columns", nargs="+", help="only these columns")
    parser.add_argument("--ignore", nargs="+", default=[], help="not these columns: identifiers, labels")
    parser.add_argument("--jobs", type=int, default=1, help="processes that read Parquet files, -1 for one a core")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    shown = _Progress(", ".join(path.name for path in options.data))
    try:
        before, taken = load(options.add) if options.add else (None, None)
        made = profile(
            options.data,
            beside=before,
            columns=options.columns,
            ignore=options.ignore,
            jobs=options.jobs,
            progress=shown,
        )
        made = made if before is None else before + made
        save(made, options.output, _oldest(taken, options.made_at, options.data))
        shown.done(f"{options.output}: {made.rows} rows, {len(made.columns)} columns")
    except (DataError, ProfileError) as error:
        shown.done(f"python -m pytest_mlready profile: {error}")
        return 2
    return 0


def _moment(text: str) -> float:
    """Of a date or time, of UTC unless it says otherwise, in seconds since the epoch."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-01-31") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > datetime.now(UTC):
        raise argparse.ArgumentTypeError(f"{text} is not yet")
    return moment.timestamp()


def _oldest(before: float | None, declared: float | None, files: Sequence[Path]) -> float:
    """When the oldest of the data were taken: those of a profile that these are added to, and of files."""
    these = min(path.stat().st_mtime for path in files) if declared is None else declared
    return these if before is None else min(before, these)


class _Progress:
    """One line on standard error, rewritten a few times a second where that is a terminal."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = self._told = time.monotonic()

    def __call__(self, done: int, rows: int) -> None:
        now = time.monotonic()
        if sys.stderr.isatty() and now - self._told > EVERY_S:
            self._told = now
            speed = done / max(1e-3, now - self._began)
            print(f"\r{self._name}: {done / rows:4.0%} of {rows} rows, {speed:,.0f} rows/s ", end="", file=sys.stderr)

    def done(self, text: str) -> None:
        """The last line."""
        print(f"\r\x1b[K{text}" if sys.stderr.isatty() else text, file=sys.stderr)
