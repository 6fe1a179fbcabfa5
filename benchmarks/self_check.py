"""Does the load generator know its own trouble? `python benchmarks/self_check.py [--quick] [--json FILE]`.

A healthy server is measured by a generator that is starved: by a neighbour that stops it, by others on its core, by a
limit on its sockets or connections, by a rate that it cannot reach. No check of the latency family may fail, nor the
verdict of a Locust scenario. Where a request was never sent, or the rate not reached while the schedule lasted, nothing
may pass either. A run in which the trouble did not show proves nothing, and is counted as missing its target.
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
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pytest_mlready.checks.harness import generator_headroom
from pytest_mlready.checks.latency import error_rate, p99, sustained_rate
from pytest_mlready.checks.latency_stalls import stalls_seen
from pytest_mlready.measure.generator import ACHIEVED, punctual
from pytest_mlready.openloop.objective import Objective, judged
from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.process import run
from pytest_mlready.records import LoadRun
from pytest_mlready.settings import Latency, Service, Settings

SERVER = Path(__file__).parents[1] / "tests/real/loadtests/truth_server.py"
CHECKS = (sustained_rate, error_rate, p99, stalls_seen, generator_headroom)
STOPPED_S, RUNNING_S = 0.18, 0.02
NEIGHBOURS = 6
LIMIT_S = 0.25


@dataclass(frozen=True)
class Trouble:
    """A way to starve: around the run, or by a `shell` command line that starts the generator's interpreter.

    `shows` says of a run whether it was starved.
    """

    name: str
    server: str
    rate: float
    seconds: float
    shows: Callable[[LoadRun], bool]
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
    print(f"{'trouble':<42}{'runs':>5}{'shown':>7}{'failed':>8}{'unsent':>8}{'passed':>8}   generator_headroom")
    for row in rows:
        counts = f"{row['runs']:>5}{row['shown']:>7}{row['failed']:>8}{row['unsent']:>8}{row['passed']:>8}"
        print(f"{row['trouble']:<42}{counts}   {row['headroom']}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return int(any(row["failed"] or row["passed"] or row["shown"] < row["runs"] for row in rows))


def figures(trouble: Trouble, runs: int) -> dict[str, Any]:
    """How many runs were starved, how many verdicts blamed the server, and how many passed what was never sent."""
    wrong: dict[str, list[str]] = {"fail": [], "pass": []}
    shown = missing = 0
    headroom: Counter[str] = Counter()
    for seed in range(runs):
        seen, plan = starved_run(trouble, seed)
        found = verdicts(seen, plan)
        short = unsent(seen)
        shown += trouble.shows(seen)
        missing += short
        for word in ("fail", "pass") if short else ("fail",):
            wrong[word] += [f"{name}: {one}" for name, one in found.items() if one.startswith(word)]
        headroom[found["generator_headroom"].partition(":")[0]] += 1
    for line in (*wrong["fail"], *wrong["pass"]):
        print(f"{trouble.name}: {line}", file=sys.stderr)
    counts = {"shown": shown, "failed": len(wrong["fail"]), "unsent": missing, "passed": len(wrong["pass"])}
    return {"trouble": trouble.name, "runs": runs, **counts, "headroom": dict(headroom)}


def verdicts(seen: LoadRun, plan: Plan) -> Mapping[str, str]:
    """What each check says of the run, and the scenario: the word, and why."""
    declared = Latency(rate=plan.rate, p99_ms=LIMIT_S * 1000, longest_stall_s=0.005)
    settings = Settings(Service(url="measured already"), latency=declared)
    found = {check.__name__: check(seen, settings) for check in CHECKS}
    scenario = judged(seen, plan, Objective(LIMIT_S, declared.error_rate, declared.longest_stall_s))
    said = {name: f"{one.status.value}: {one.summary}" for name, one in found.items()}
    return {**said, "scenario": f"{scenario.word}: {scenario.line}"}


def unsent(seen: LoadRun) -> bool:
    """Whether a request was dropped, or the rate not reached: not even a pass may stand."""
    return dropped(seen) or bool((np.asarray(seen.series["sent_s"]) <= seen.duration_s + LIMIT_S).mean() < ACHIEVED)


def dropped(seen: LoadRun) -> bool:
    """Whether a request was never sent."""
    return any(one.dropped for one in seen.classes)


def late(seen: LoadRun) -> bool:
    """Whether requests left so late that it matters."""
    return not punctual(seen, LIMIT_S)


def queued(seen: LoadRun) -> bool:
    """Whether requests waited for a connection."""
    return bool(np.any(seen.series["queued"]))


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
    """Busy processes on core 0, where the generator is put, too.

    Each has a session of its own: Linux divides a core between those first (sched(7), autogroup).
    """
    with contextlib.ExitStack() as stack:
        for _ in range(NEIGHBOURS):
            command = ["taskset", "-c", "0", sys.executable, "-c", "while True: pass"]
            process = stack.enter_context(subprocess.Popen(command, start_new_session=True))
            stack.callback(process.kill)
        yield


TROUBLES = (
    Trouble("stopped nine tenths of the time", "fast", 120, 4, late, around=stopped_again_and_again),
    Trouble(
        f"on one core with {NEIGHBOURS} busy processes",
        "fast",
        4000,
        4,
        late,
        around=neighbours,
        shell='exec taskset -c 0 {python} "$@"',
    ),
    Trouble(
        "40 descriptors, of which 60 are needed", "slow", 600, 3, dropped, shell='ulimit -n 40; exec {python} "$@"'
    ),
    Trouble("40 connections, of which 60 are needed", "slow", 600, 3, queued, pool=40),
    Trouble("a rate that nobody reaches", "fast", 60_000, 1, unsent),
)


if __name__ == "__main__":
    raise SystemExit(main())
