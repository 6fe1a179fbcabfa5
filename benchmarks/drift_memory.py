"""Rows to compare, and what comparing and profiling them take of memory, each in a process of its own.

What a process has freed is taken again unseen: where rows were made or compared before, less seems to be taken.
"""

from __future__ import annotations

import ctypes
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from threadpoolctl import threadpool_limits

from pytest_mlready.profiling import drift, profile

SEED, MIB = 20261121, 2**20
COLUMNS, VECTOR = 5, 8


def made(rows: int, columns: int, seed: int = 0) -> dict[str, Any]:
    """Normal columns, a tenth of them texts of eight levels."""
    rng = np.random.default_rng([SEED, rows, columns, seed])
    numbers: dict[str, Any] = {f"x{at}": rng.normal(50, 10, rows) for at in range(columns - columns // 10)}
    return numbers | {f"level{at}": _texts(rng.integers(0, 8, rows)) for at in range(columns // 10)}


def _texts(codes: Any) -> Any:
    """A level's name for each code, none of them the same object as another."""
    return np.array([f"level {code}" for code in codes.tolist()], dtype=object)


def said(function: str, *arguments: str) -> str:
    """What a function of this module prints in another process."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import drift_memory"
    code = f"{code}; drift_memory.{function}(*sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def compare_large(path: str, rows: str) -> None:
    """Print the MiB above the data that comparing so many rows of 50 columns takes."""
    drift(path, made(1000, 50))
    table = made(int(rows), 50)
    ctypes.CDLL(None).malloc_trim(0)
    with threadpool_limits(1):
        print(memory_of(lambda: drift(path, table)))


def write_group(path: str, rows: str) -> None:
    """Write a Parquet file that is one row group."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    rng = np.random.default_rng([SEED, int(rows)])
    columns = {f"x{at}": rng.standard_normal(int(rows), dtype=np.float32) for at in range(COLUMNS)}
    vectors = rng.standard_normal(int(rows) * VECTOR, dtype=np.float32)
    table = arrow.table({**columns, "vector": arrow.FixedSizeListArray.from_arrays(vectors, VECTOR)})
    parquet.write_table(table, path, row_group_size=int(rows))


def profile_group(path: str) -> None:
    """Print the MiB and the CPU seconds that profiling it takes."""
    import pyarrow.parquet  # noqa: F401  # what is loaded is no part of what reading takes

    profile(made(1000, 10))
    began = time.process_time()
    memory = memory_of(lambda: profile(path, ignore=["vector"]))
    print(json.dumps([memory, time.process_time() - began]))


def memory_of(run: Callable[[], object]) -> float:
    """MiB that the process takes at most above what it has now, looked at every millisecond."""
    run_done = threading.Event()
    begin, most = _resident(), [_resident()]

    def look() -> None:
        while not run_done.wait(0.001):
            most[0] = max(most[0], _resident())

    watcher = threading.Thread(target=look)
    watcher.start()
    run()
    run_done.set()
    watcher.join()
    return (most[0] - begin) / MIB


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
