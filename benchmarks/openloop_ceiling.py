"""What one core can send: `python benchmarks/openloop_ceiling.py [--quick] [--json FILE] [--rounds N]`.

A server that answers at once on one core, one generator after the other on the other core, round after round. Locust's
FastHttpUser and HttpUser run as fast as they can, and so does wrk where it is installed: a closed loop of 16
connections, a small POST, counted by the server. Ours keeps an open-loop schedule; its figure is the highest rate, in
steps of 6%, at which 99.5% of the target is answered in the schedule's time. Ratios are medians of the rounds' own.

Targets: 1.5 times FastHttpUser and 6 times HttpUser, though each of our requests has a schedule, a deadline and a line
in the result. wrk, written in C, is told as a ratio without a target. Exit 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from peers_of_load import environment
from truth_servers import Serving, serving, split_cores
from wrk import write_script

from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.process import run
from pytest_mlready.records import LoadRun

CONNECTIONS, STEP, ACHIEVED = 16, 1.06, 0.995
FEWEST, MOST = 500.0, 200_000.0
BODY = json.dumps({"features": [round(0.1 * n, 1) for n in range(16)]})
JSON = ("Content-Type", "application/json")
POST = (Kind("post", 1, (Request("POST", "/predict", (JSON,), BODY.encode()),)),)
LOCUSTFILE = """
from locust import FastHttpUser, HttpUser, task

class Busy({user}):
    @task
    def ask(self):
        self.client.post("/predict", data={body!r}, headers={{"Content-Type": "application/json"}})
"""
OURS, FAST, SLOW, WRK = "ours", "FastHttpUser", "HttpUser", "wrk"
TARGETS: Mapping[str, float | None] = {FAST: 1.5, SLOW: 6.0, WRK: None}


@dataclass(frozen=True)
class Step:
    """A rate that was asked of our generator, and what became of it."""

    target: float
    achieved: float
    lateness_p99_s: float
    cpu_us: float
    busy: float

    @property
    def held(self) -> bool:
        """Whether it was kept."""
        return self.achieved >= ACHIEVED * self.target


@dataclass(frozen=True)
class Round:
    """Requests a second of each, and all steps that led to ours."""

    rates: Mapping[str, float]
    steps: Sequence[Step]


def main() -> int:
    """Measure, print the table, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, help="how many (5)")
    parser.add_argument("--quick", action="store_true", help="1 round of short runs")
    parser.add_argument("--json", type=Path, help="also write every figure here")
    options = parser.parse_args()
    count = options.rounds or (1 if options.quick else 5)
    seconds = 2 if options.quick else 4
    core = split_cores()
    if core is None:
        print("one core only: server and generator share it", file=sys.stderr)
    rounds: list[Round] = []
    began = time.monotonic()
    with serving("instant", core) as server:
        for number in range(count):
            rounds.append(measure(server, seconds, rounds[-1].rates[OURS] if rounds else None))
            told = ", ".join(f"{name} {rate:,.0f}" for name, rate in rounds[-1].rates.items())
            print(f"round {number + 1} of {count}: {told}", file=sys.stderr, flush=True)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in rounds], indent=1))
    print_ours(rounds)
    return int(print_ratios(rounds))


def measure(server: Serving, seconds: int, start: float | None) -> Round:
    """One round; our search begins at `start`, or where the target is."""
    rates = {name: peer(server, seconds) for name, peer in peers().items()}
    steps: list[Step] = []

    def held(rate: float) -> bool:
        steps.append(ours(server, rate, seconds))
        return steps[-1].held

    highest = search(held, start or rates[FAST] * (TARGETS[FAST] or 1))
    return Round({OURS: highest, **rates}, steps)


def search(held: Callable[[float], bool], start: float) -> float:
    """The highest rate that is held before the first that is not, in steps from `start`; 0 where none is."""
    rate = start
    if held(rate):
        while rate < MOST and held(rate * STEP):
            rate *= STEP
        return rate
    while rate > FEWEST:
        rate /= STEP
        if held(rate):
            return rate
    return 0.0


def ours(server: Serving, rate: float, seconds: int) -> Step:
    """The open loop at a constant rate."""
    with tempfile.TemporaryDirectory() as directory:
        plan = Plan(server.url, "ceiling", ((rate, float(seconds)),), POST, directory, "constant", progress=False)
        load = run(plan)
    server.log()
    generator = load.generator
    cpu_us, busy = 1e6 * generator.cpu_s / load.classes[0].sent, generator.cpu_s / generator.wall_s
    return Step(rate, achieved(load), generator.lateness_p99_s, cpu_us, busy)


def achieved(load: LoadRun) -> float:
    """Good answers a second, over the schedule's time, or until the last came where that was later."""
    good = load.series["status"] == 200
    done_s = (load.series["intended_s"] + load.series["response_s"])[good]
    return float(good.sum() / max(load.duration_s, done_s.max())) if good.any() else 0.0


def peers() -> dict[str, Callable[[Serving, int], float]]:
    """The others that this machine has."""
    found: dict[str, Callable[[Serving, int], float]] = {SLOW: _locust(SLOW), FAST: _locust(FAST)}
    return {**found, WRK: _wrk} if shutil.which("wrk") else found


def _locust(user: str) -> Callable[[Serving, int], float]:
    def rate(server: Serving, seconds: int) -> float:
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "busy.py").write_text(LOCUSTFILE.format(user=user, body=BODY))
            words = ["-f", "busy.py", "--headless", "--only-summary", "--host", server.url]
            words += ["-u", str(CONNECTIONS), "-r", str(CONNECTIONS), "-t", f"{seconds + 1}s"]
            command = [sys.executable, "-m", "locust", *words]
            subprocess.run(command, cwd=directory, env=environment(directory), check=True, capture_output=True)
        return _counted(server)

    return rate


def _wrk(server: Serving, seconds: int) -> float:
    with tempfile.TemporaryDirectory() as directory:
        script = write_script(Path(directory) / "post.lua", [BODY], dict((JSON,)))
        words = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds + 1}s", "-s", str(script), f"{server.url}/predict"]
        subprocess.run(["wrk", *words], check=True, capture_output=True)
    return _counted(server)


def _counted(server: Serving) -> float:
    """Requests a second that the server took, without the first second of them."""
    arrived = server.log().arrived_s
    steady = arrived[arrived >= arrived[0] + 1]
    return float((steady.size - 1) / np.ptp(steady))


def print_ours(rounds: Sequence[Round]) -> None:
    """A line for each step of the last round."""
    print(f"{'asked/s':>9} {'achieved':>9} {'late p99 ms':>12} {'CPU us/request':>15} {'core busy':>10}")
    for one in rounds[-1].steps:
        print(
            f"{one.target:>9,.0f} {one.achieved:>9,.0f} {1000 * one.lateness_p99_s:>12.2f} {one.cpu_us:>15.1f} "
            f"{one.busy:>10.0%}{'' if one.held else '  not held'}"
        )


def print_ratios(rounds: Sequence[Round]) -> bool:
    """A line for each peer; whether a target is missed."""
    print(f"{'':<14} {'requests/s':>10} {'ours by it':>11}")
    middle = statistics.median(one.rates[OURS] for one in rounds)
    print(f"{OURS:<14} {middle:>10,.0f}")
    missed = False
    for name, target in TARGETS.items():
        if name not in rounds[0].rates:
            continue
        rate = statistics.median(one.rates[name] for one in rounds)
        ratio = statistics.median(one.rates[OURS] / one.rates[name] for one in rounds)
        below = target is not None and ratio < target
        missed = missed or below
        bound = "" if target is None else f"(>= {target:g}){' MISSED' if below else ''}"
        print(f"{name:<14} {rate:>10,.0f} {ratio:>10.2f}x {bound}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
