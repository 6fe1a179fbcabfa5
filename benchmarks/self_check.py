"""Does the load generator know its own trouble? `python benchmarks/self_check.py [--quick] [--json FILE]`.

A healthy server is measured by a generator that is starved: by a neighbour that stops it, by others on its core, by a
limit on its sockets or connections, by a rate that it cannot reach. No check of the latency family may fail, nor the
verdict of a Locust scenario, and
harness.generator_headroom has to be inconclusive whenever requests were not sent while the schedule lasted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pytest_mlready.checks.harness import generator_headroom
from pytest_mlready.checks.latency import error_rate, p99, sustained_rate
from pytest_mlready.checks.latency_stalls import stalls_seen
from pytest_mlready.finding import Status
from pytest_mlready.openloop.objective import Objective, judged
from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.process import run
from pytest_mlready.records import LoadRun
from pytest_mlready.settings import Latency, Service, Settings

SERVER = Path(__file__).parents[1] / "tests/real/loadtests/truth_server.py"
CHECKS = (sustained_rate, error_rate, p99, stalls_seen, generator_headroom)
STOPPED_S, RUNNING_S = 0.18, 0.02
NEIGHBOURS = 6
LIMIT_S, REACHED = 0.25, 0.99


@dataclass(frozen=True)
class Trouble:
    """A way to starve: around the run, or by a `shell` command line that starts the generator's interpreter."""

    name: str
    server: str
    rate: float
    seconds: float
    around: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    shell: str = 'exec {python} "$@"'
    pool: int = 1024


def main() -> int:
    """Run every trouble, print what the checks made of it, and return 1 if one blamed the server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 runs of each instead of 20")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    runs = 2 if options.quick else 20
    rows = [figures(trouble, runs) for trouble in TROUBLES]
    print(f"{'trouble':<44}{'runs':>5}{'failed':>8}{'unsent':>8}{'said so':>9}   generator_headroom")
    for row in rows:
        line = f"{row['trouble']:<44}{row['runs']:>5}{row['failed']:>8}{row['unsent']:>8}{row['said so']:>9}"
        print(f"{line}   {row['headroom']}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return int(any(row["failed"] or row["said so"] < row["unsent"] for row in rows))


def figures(trouble: Trouble, runs: int) -> dict[str, Any]:
    """How many runs blamed the server, in how many the rate was not reached, and how many of these said so."""
    blamed: list[str] = []
    unsent = said_so = 0
    headroom: Counter[str] = Counter()
    for seed in range(runs):
        seen, plan = starved_run(trouble, seed)
        declared = Latency(rate=trouble.rate, p99_ms=LIMIT_S * 1000, longest_stall_s=0.005)
        settings = Settings(Service(url="measured already"), latency=declared)
        found = {check.__name__: check(seen, settings) for check in CHECKS}
        blamed += [f"{name}: {one.summary}" for name, one in found.items() if one.status is Status.FAIL]
        scenario = judged(seen, plan, Objective(LIMIT_S, declared.error_rate, declared.longest_stall_s))
        blamed += [scenario.line] if scenario.word == "fail" else []
        doubt = found["generator_headroom"].status is Status.INCONCLUSIVE
        in_time = np.asarray(seen.series["sent_s"]) <= seen.duration_s + LIMIT_S
        short = bool(in_time.mean() < REACHED)
        unsent += short
        said_so += short and doubt
        headroom[found["generator_headroom"].status.value] += 1
    for line in blamed:
        print(f"{trouble.name}: {line}", file=sys.stderr)
    result = {"trouble": trouble.name, "runs": runs, "failed": len(blamed), "unsent": unsent, "said so": said_so}
    return {**result, "headroom": dict(headroom)}


def starved_run(trouble: Trouble, seed: int) -> tuple[LoadRun, Plan]:
    """One run in this trouble against a server of its own, and what was planned."""
    kinds = (Kind("predict", 1, (Request("GET", "/health/live"),)),)
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        server = stack.enter_context(
            subprocess.Popen([sys.executable, str(SERVER), trouble.server], stdout=subprocess.PIPE, text=True)
        )
        stack.callback(server.kill)
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        stages = ((trouble.rate, trouble.seconds),)
        plan = Plan(
            url,
            "starved",
            stages,
            kinds,
            output=directory,
            seed=seed,
            timeout_s=5.0,
            pool=trouble.pool,
            warmup_s=0.2,
        )
        stack.enter_context(interpreter(trouble.shell, Path(directory)))
        stack.enter_context(trouble.around())
        return run(plan), plan


@contextlib.contextmanager
def interpreter(shell: str, directory: Path) -> Iterator[None]:
    """Have processes started by way of this command line."""
    ours = sys.executable
    wrapped = directory / "python"
    wrapped.write_text(f"#!/bin/sh\n{shell.format(python=ours)}\n")
    wrapped.chmod(0o755)
    sys.executable = str(wrapped)
    try:
        yield
    finally:
        sys.executable = ours


@contextlib.contextmanager
def stopped_again_and_again() -> Iterator[None]:
    """Children of this process that generate load run a tenth of the time."""
    over = threading.Event()

    def stop() -> None:
        while not over.is_set():
            for word, seconds in ((signal.SIGSTOP, STOPPED_S), (signal.SIGCONT, RUNNING_S)):
                for process in generators():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process, word)
                time.sleep(seconds)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def generators() -> Iterator[int]:
    """Our children that are load generators."""
    children = Path(f"/proc/self/task/{threading.main_thread().native_id}/children").read_text().split()
    for child in map(int, children):
        with contextlib.suppress(OSError):
            if b"pytest_mlready.openloop" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield child


@contextlib.contextmanager
def neighbours() -> Iterator[None]:
    """Busy processes on core 0, where the generator is put, too."""
    with contextlib.ExitStack() as stack:
        for _ in range(NEIGHBOURS):
            command = ["taskset", "-c", "0", sys.executable, "-c", "while True: pass"]
            process = stack.enter_context(subprocess.Popen(command))
            stack.callback(process.kill)
        yield


TROUBLES = (
    Trouble("stopped nine tenths of the time", "fast", 120, 4, around=stopped_again_and_again),
    Trouble(
        f"on one core with {NEIGHBOURS} busy processes",
        "fast",
        120,
        4,
        around=neighbours,
        shell='exec taskset -c 0 {python} "$@"',
    ),
    Trouble("40 descriptors, of which 60 are needed", "slow", 600, 3, shell='ulimit -n 40; exec {python} "$@"'),
    Trouble("40 connections, of which 60 are needed", "slow", 600, 3, pool=40),
    Trouble("a rate that nobody reaches", "fast", 60_000, 1),
)


if __name__ == "__main__":
    raise SystemExit(main())
