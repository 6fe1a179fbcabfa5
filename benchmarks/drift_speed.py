"""What comparing data with a profile costs: `python benchmarks/drift_speed.py [--quick] [--json FILE]`.

CPU seconds of one thread, the least of several rounds, on normal columns with a tenth of eight-level texts, each an
object of its own, as a file's are, and new in every round. What is loaded in a round before the first is told apart,
with the import, as the first comparison of a new process. Plain scipy (ks_2samp and chi2_contingency a column, both
sides raw) in the same run, and evidently where `--evidently PYTHON` names an interpreter that has it. Memory is what a
process takes above the data at its highest. `--rows 100000000` makes a Parquet file of that many rows and five float32
columns in `--directory`, and profiles it on one process and on two: the results have to be the same, bit by bit. A
fifth of the rows go to a file that is one row group, beside a column of vectors that is ignored.

Exit 1 if a target is missed; with --quick no timing is one. On a machine that does other work timings say nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from drift_memory import COLUMNS, MIB, SEED, made, memory_of, said
from scipy import stats
from threadpoolctl import threadpool_limits

from pytest_mlready.measure.drift import encode
from pytest_mlready.profiling import drift, profile, save

GROUP = 1_000_000
IMPORTS = "import time; a = time.process_time(); import pytest_mlready.profiling; print(time.process_time() - a)"
FIRST = """
import sys, time
began = time.process_time()
from pytest_mlready.profiling import drift
imported = time.process_time()
import numpy as np
with np.load(sys.argv[2], allow_pickle=True) as file:
    columns = dict(file)
ready = time.process_time()
drift(sys.argv[1], columns)
print(imported - began + time.process_time() - ready)
"""
"""What a new process takes to import the package, read a profile and compare: all but reading the rows."""


@dataclass(frozen=True)
class Row:
    """One figure, and what is wanted of it."""

    what: str
    value: float
    unit: str
    wanted: float | None = None
    at_least: bool = False

    @property
    def missed(self) -> bool:
        """Whether it is on the wrong side."""
        if self.wanted is None:
            return False
        return self.value < self.wanted if self.at_least else self.value > self.wanted


def main() -> int:
    """Measure, print the table, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the rows: to see that it works")
    parser.add_argument("--json", type=Path, help="also write every figure here")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--evidently", metavar="PYTHON", help="an interpreter that has evidently")
    parser.add_argument("--rows", type=int, default=0, help="rows of a generated Parquet file")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()), help="where that file goes")
    options = parser.parse_args()
    part = 100 if options.quick else 1
    rows: list[Row] = []
    with threadpool_limits(1):
        for row in _figures(options, part):
            rows.append(row)
            print(_line(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    missed = [f"missed: {row.what}" for row in rows if row.missed and not (options.quick and "s" in row.unit)]
    print("\n".join(missed) or "every target is met")
    return int(bool(missed))


def _figures(options: argparse.Namespace, part: int) -> Iterator[Row]:
    yield Row("import", min(_imported() for _ in range(3)), "CPU s", 0.25)
    yield _size()
    small, few = made(200, 30), _known(30, part)
    yield Row("200 x 30", _cpu(options.rounds, lambda table: drift(few, table), small), "CPU s", 0.02)
    yield Row("200 x 30, import and first comparison", _first(few, small), "CPU s")
    middle, known = made(100_000 // part, 100), _known(100, part)
    ours = _cpu(options.rounds, lambda table: drift(known, table), middle)
    yield Row("100k x 100", ours, "CPU s", 0.25)
    reference = made(100_000 // part, 100, seed=1)
    scipy = _cpu(min(2, options.rounds), lambda table: _scipy(reference, table), middle)
    yield Row("100k x 100, plain scipy", scipy, "CPU s")
    yield Row("100k x 100, scipy / ours", scipy / ours, "times", 4.0, at_least=True)
    if options.evidently:
        peer = _evidently(options.evidently, reference, middle)
        yield Row("100k x 100, evidently", peer, "CPU s")
        yield Row("100k x 100, evidently / ours", peer / ours, "times", 100.0, at_least=True)
    large, known = made(1_000_000 // part, 50), _known(50, part)
    yield Row("1M x 50", _cpu(options.rounds, lambda table: drift(known, table), large), "CPU s", 1.0)
    yield Row("1M x 50, memory above the data", _apart(known, 1_000_000 // part), "MiB", 64)
    if options.rows or options.quick:
        yield from _file(options.directory, options.rows or 10 * GROUP // part)
        yield from _one_group(options.directory, (options.rows or 10 * GROUP // part) // 5)


def _read_again(table: dict[str, Any]) -> dict[str, Any]:
    """The same table with new texts, whose hashes nobody has asked for."""
    texts = {name: column for name, column in table.items() if column.dtype == object}
    return table | {
        name: np.array([f"{text} "[:-1] for text in column], dtype=object) for name, column in texts.items()
    }


def _known(columns: int, part: int) -> Any:
    return profile(made(100_000 // part, columns, seed=2))


def _size() -> Row:
    profiled = profile(made(20_000, 100))
    return Row("profile of 100 columns", len(encode(profiled)) / MIB, "MiB", 1.0)


def _cpu(rounds: int, run: Callable[[dict[str, Any]], object], table: dict[str, Any]) -> float:
    taken = []
    for _ in range(rounds + 1):
        again = _read_again(table)
        began = time.process_time()
        run(again)
        taken.append(time.process_time() - began)
    return min(taken[1:])


def _imported() -> float:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _first(known: Any, table: dict[str, Any]) -> float:
    with tempfile.TemporaryDirectory() as directory:
        paths = [str(Path(directory, name)) for name in ("profile.json", "rows.npz")]
        save(known, paths[0])
        np.savez(paths[1], **table)
        command = [sys.executable, "-c", FIRST, *paths]
        return min(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(3))


def _apart(known: Any, rows: int) -> float:
    """In a process of its own: in this one, what earlier rounds left behind would be taken again unseen."""
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory, "profile.json"))
        save(known, path)
        return float(said("compare_large", path, str(rows)))


def _scipy(before: dict[str, Any], after: dict[str, Any]) -> None:
    for name, column in after.items():
        if column.dtype == object:
            counts = [np.unique(side.astype(str), return_counts=True)[1] for side in (before[name], column)]
            stats.chi2_contingency(np.stack(counts))
        else:
            stats.ks_2samp(before[name], column, method="asymp")


def _evidently(python: str, before: dict[str, Any], after: dict[str, Any]) -> float:
    script = str(Path(__file__).with_name("drift_evidently.py"))
    with tempfile.TemporaryDirectory() as directory:
        sides = (("before", before), ("after", after))
        arrays = {f"{side}.{name}": _plain(column) for side, table in sides for name, column in table.items()}
        np.savez(Path(directory, "0.npz"), **arrays)
        done = subprocess.run([python, script, directory, "--seconds"], capture_output=True, text=True, timeout=3600)
    if done.returncode:
        raise RuntimeError(f"evidently: {done.stderr[-2000:]}")
    return float(done.stdout.splitlines()[-1])


def _plain(column: Any) -> Any:
    return column.astype(str) if column.dtype == object else column


def _file(directory: Path, rows: int) -> Iterator[Row]:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    path = directory / "drift_speed.parquet"
    names = [f"x{at}" for at in range(COLUMNS)]
    with parquet.ParquetWriter(path, arrow.schema([(name, arrow.float32()) for name in names])) as writer:
        for group in range(0, rows, GROUP):
            rng = np.random.default_rng([SEED, group])
            many = min(GROUP, rows - group)
            writer.write_table(arrow.table({name: rng.normal(size=many).astype(np.float32) for name in names}))
    cell = f"{rows / 1e6:g}M x {COLUMNS} Parquet, {path.stat().st_size / 1e9:.2g} GB"
    try:
        documents: list[bytes] = []
        began, cpu = time.monotonic(), time.process_time()
        memory = memory_of(lambda: documents.append(encode(profile(path))))
        yield Row(f"{cell}, one process", time.monotonic() - began, "s")
        yield Row(f"{cell}, one process", time.process_time() - cpu, "CPU s")
        yield Row(f"{cell}, memory", memory, "MiB", 512)
        began = time.monotonic()
        documents.append(encode(profile(path, jobs=2)))
        yield Row(f"{cell}, two processes", time.monotonic() - began, "s")
        yield Row(f"{cell}, results that differ", len(set(documents)) - 1, "", 0)
    finally:
        path.unlink()


def _one_group(directory: Path, rows: int) -> Iterator[Row]:
    """Made and profiled by processes of their own: what made it leaves memory behind that would hide what is taken."""
    path = directory / "drift_speed_group.parquet"
    try:
        said("write_group", str(path), str(rows))
        cell = f"{rows / 1e6:g}M x {COLUMNS} and vectors, one row group, {path.stat().st_size / 1e9:.2g} GB"
        memory, seconds = json.loads(said("profile_group", str(path)))
        yield Row(cell, seconds, "CPU s")
        yield Row(f"{cell}, memory", memory, "MiB", 128)
    finally:
        path.unlink(missing_ok=True)


def _line(row: Row) -> str:
    wanted = "" if row.wanted is None else f"{'>=' if row.at_least else '<='} {row.wanted:g}"
    return f"{row.what:<52} {row.value:>9.3f} {row.unit:<6} {wanted:>9}{'  MISSED' if row.missed else ''}"


if __name__ == "__main__":
    sys.exit(main())
