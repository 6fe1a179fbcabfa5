"""Closed-loop load from wrk, and what it cost the server: for comparing servers, not for judging latency."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

CONNECTIONS = 32
PROBES_A_SECOND = 50
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# Requests are made before the load begins, and taken in turn: writing them would cost wrk's core more than sending.
SCRIPT = """
local turn, requests = 0, {{}}
local headers = {headers}
function init(arguments)
  for line in io.lines("{bodies}") do
    requests[#requests + 1] = wrk.format("POST", nil, headers, line)
  end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
function done(summary, latency, pace)
  local failed = summary.errors
  io.write(string.format(
    '\\n{{"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"p50_ms":%.3f,"p99_ms":%.3f}}\\n',
    summary.requests, summary.duration, failed.status,
    failed.connect + failed.read + failed.write + failed.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True)
class Measured:
    """One stretch of load on one server."""

    requests: int
    seconds: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    live_p99_ms: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def write_script(path: Path, bodies: Sequence[str], headers: Mapping[str, str]) -> Path:
    """The wrk script that posts the bodies in turn."""
    path.with_suffix(".bodies").write_text("".join(f"{body}\n" for body in bodies))
    table = "{" + ",".join(f"[{json.dumps(name)}]={json.dumps(value)}" for name, value in headers.items()) + "}"
    path.write_text(SCRIPT.format(headers=table, bodies=path.with_suffix(".bodies")))
    return path


def load(port: int, pid: int, script: Path, seconds: float) -> Measured:
    """Keep 32 connections busy with /predict, and ask /health/live beside them.

    Raises:
        RuntimeError: a request failed, so the figures would compare unlike things.
    """
    command = ["wrk", "--timeout=30s", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", str(script)]
    with probing(port) as waits:
        before = cpu_seconds(pid)
        found = subprocess.run([*command, f"http://127.0.0.1:{port}/predict"], capture_output=True, text=True)
        cpu = cpu_seconds(pid) - before
    if found.returncode:
        raise RuntimeError(f"wrk failed: {found.stderr or found.stdout}")
    told = json.loads(found.stdout.splitlines()[-1])
    if told["refused"] or told["broken"] or not told["requests"]:
        raise RuntimeError(f"not every request was answered with 200: {told}")
    answered = told["requests"] + len(waits)
    return Measured(
        told["requests"],
        told["microseconds"] / 1e6,
        cpu / answered * 1e6,
        told["p50_ms"],
        told["p99_ms"],
        sorted(waits)[-1 - len(waits) // 100],
    )


@contextmanager
def probing(port: int) -> Iterator[list[float]]:
    """Asks /health/live at a fixed pace until the block ends; the waits in ms, counted from when each was due."""
    waits: list[float] = []
    over = threading.Event()

    def probe() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        due = time.perf_counter()
        while not over.is_set():
            connection.request("GET", "/health/live")
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                waits.append((time.perf_counter() - due) * 1000)
            due += 1 / PROBES_A_SECOND
            over.wait(max(0.0, due - time.perf_counter()))
        connection.close()

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield waits
    finally:
        over.set()
        thread.join()


def cpu_seconds(pid: int) -> float:
    """What a process and its children have computed so far, in user and system time."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND
    return own + sum(cpu_seconds(int(child)) for child in children)
