"""Servers whose latencies are known, to judge load generators by: `python benchmarks/truth_servers.py NAME`.

Prints its port and its epoch and serves until its standard input ends. It answers every request with the same prepared
bytes, when its law says. `GET /log` gives what it did since the last: when each request came, and how long it was held.

What a generator should find is known twice. The law's quantiles hold for requests that arrive evenly over time, at
constant gaps or as a Poisson process (Wolff, Operations Research 1982: Poisson arrivals see time averages). Exact for
the very requests of a run, where the number of slow ones is random, is what the server says it imposed on each; or,
where the law depends on nothing but the time, what it imposes on a request that is sent when it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import os
import random
import re
import subprocess
import sys
import time
import urllib.request
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import uvloop
from laws import LAWS, Law
from numpy.typing import NDArray

from pytest_mlready.openloop.timerfd import TimerFd

LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
LOG = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Log:
    """What a server did with each request, in order of arrival: `arrived_s` on the monotonic clock, `held_s`."""

    arrived_s: Floats
    held_s: Floats


@dataclass(frozen=True)
class Serving:
    """A running server."""

    port: int
    law: Law
    epoch: float

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"

    def imposed(self, started: float, intended_s: Floats) -> Floats:
        """What it imposed on the last requests, or would have if each had been sent when intended.

        `started` is the monotonic time that `intended_s` counts from.
        """
        held = self.log().held_s[-len(intended_s) :]
        if not self.law.timed:
            return held
        since = (started - self.epoch + intended_s).tolist()
        return np.array([self.law.held(one, random.Random()) for one in since])

    def log(self) -> Log:
        """What it did since this was last asked."""
        with urllib.request.urlopen(f"{self.url}/log", timeout=30) as answer:
            both = np.frombuffer(answer.read(), dtype=np.float64)
        arrived, held = np.split(both, 2)
        order = np.argsort(arrived, kind="stable")
        return Log(arrived[order], held[order])


@contextmanager
def serving(name: str, core: int | None = None) -> Iterator[Serving]:
    """A server of the law with that name, in a process of its own, on that processor core if one is given."""
    command = [sys.executable, __file__, name, *([] if core is None else ["--core", str(core)])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the server {name!r} did not start")
            port, epoch = line.split()
            yield Serving(int(port), LAWS[name], float(epoch))
        finally:
            process.stdin.close()


def split_cores() -> int | None:
    """Keep this process, and what it starts, on the last core; returns the first, for a server, if there are two."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return None
    os.sched_setaffinity(0, {cores[-1]})
    return cores[0]


class Holding:
    """Answers that wait for their time, and the log of those that were given."""

    def __init__(self, law: Law, loop: asyncio.AbstractEventLoop) -> None:
        self._law = law
        self._rng = random.Random(1)
        self.epoch = time.monotonic()
        self._waiting: list[tuple[float, float, int, asyncio.Transport]] = []
        self._serial = 0
        self._arrived, self._held = array("d"), array("d")
        self._timer = TimerFd()
        loop.add_reader(self._timer.fd, self._release)

    def take(self, transport: asyncio.Transport) -> None:
        """A whole request came."""
        now = time.monotonic()
        held = self._law.held(now - self.epoch, self._rng)
        if held <= 0:
            self._answer(transport, now)
            return
        self._serial += 1
        heapq.heappush(self._waiting, (now + held, now, self._serial, transport))
        if self._waiting[0][2] == self._serial:
            self._timer.arm(now + held)

    def log(self) -> bytes:
        """Times of arrival, then times held, as doubles; begins anew."""
        told = self._arrived.tobytes() + self._held.tobytes()
        self._arrived, self._held = array("d"), array("d")
        return told

    def _release(self) -> None:
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            _due, arrived, _serial, transport = heapq.heappop(self._waiting)
            self._answer(transport, arrived)
        if self._waiting:
            self._timer.arm(self._waiting[0][0])
        else:
            self._timer.disarm()

    def _answer(self, transport: asyncio.Transport, arrived: float) -> None:
        if transport.is_closing():  # some generators leave without waiting for the last answers
            return
        transport.write(ANSWER)
        self._arrived.append(arrived)
        self._held.append(time.monotonic() - arrived)


class Connection(asyncio.Protocol):
    """Finds whole requests in what comes; of their content only the length matters."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self._pending = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._pending + data
        while (head := data.find(b"\r\n\r\n") + 4) >= 4:
            length = None if data.startswith(b"GET") else LENGTH.search(data, 0, head)
            end = head + (int(length[1]) if length else 0)
            if len(data) < end:
                break
            if data.startswith(b"GET /log "):
                told = self._holding.log()
                self._transport.write(LOG % len(told) + told)
            else:
                self._holding.take(self._transport)
            data = data[end:]
        self._pending = data


async def serve(law: Law) -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    holding, over = Holding(law, loop), asyncio.Event()
    server = await loop.create_server(lambda: Connection(holding), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], holding.epoch, flush=True)
    loop.add_reader(sys.stdin.fileno(), over.set)
    await over.wait()


def main() -> None:
    """Serve the law named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(LAWS))
    parser.add_argument("--core", type=int, help="run on this processor core only")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    with suppress(KeyboardInterrupt):
        uvloop.run(serve(LAWS[options.name]))


if __name__ == "__main__":
    main()
