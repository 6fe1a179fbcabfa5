"""Stopping, and clients that never finish: `python benchmarks/stop_under_load.py [--quick] [--json FILE]`.

Stops: SIGTERM while clients ask single rows and batches, and while requests are half sent. Clients honour readiness as
a load balancer does: they look at it every 100 ms on connections of their own, and start nothing new after they saw
that the service is not ready, or were asked to close. Nothing they started may be dropped or refused, and the server
has to exit with 0.

Half-sent bodies: 200 requests whose bodies stop in the middle have to be released within the body timeout, while
canaries keep being answered. The timeout is that of a server started as it comes.
"""

from __future__ import annotations

import argparse
import json
import selectors
import signal
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from live_server import Connection, Live, golden, once, percentile, request, running

from reference_service.settings import Limits
from reference_service.train import train_missing

MODEL = "breast-cancer"
LOOKS_EVERY = 0.1
SLACK_SECONDS = 1.0
MUST_BE_NONE = frozenset(
    {
        "dropped",
        "refused",
        "never told, but refused",
        "answers other than 200",
        "exits other than 0",
        "held beyond the timeout",
        "canaries failed",
    }
)


def main() -> int:
    """Run both, print a table, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 stops instead of 20 for each number of workers")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    stops = 2 if options.quick else 20
    with tempfile.TemporaryDirectory() as directory:
        models = Path(directory, "models")
        train_missing(models)
        row = golden(models, MODEL, "1.0.0")["rows"][0]
        figures = {f"stops, {n} workers": stopped(models, Path(directory, f"{n}"), n, stops, row) for n in (1, 2)}
        figures["half-sent bodies"] = half_sent(models, Path(directory, "half"), 200, row)
    for part, found in figures.items():
        for name, value in found.items():
            print(f"{part + ': ' + name:<60} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    return int(any(value for found in figures.values() for name, value in found.items() if name in MUST_BE_NONE))


class Load:
    """Clients that honour readiness, and what became of their requests."""

    def __init__(self, live: Live, row: list[float]) -> None:
        self.live = live
        self.single = request("POST", "/predict", {"features": row})
        self.batch = request("POST", "/predict/batch", {"instances": [row] * 500})
        self.ready = threading.Event()
        self.ready.set()
        self.outcomes: Counter[str] = Counter()
        self.counting = threading.Lock()
        clients = [(self.single, False)] * 4 + [(self.single, True)] * 2 + [(self.batch, False), (self.batch, True)]
        self.threads = [threading.Thread(target=self.ask, args=client) for client in clients]
        self.threads += [threading.Thread(target=self.finish_late) for _ in range(8)]
        self.threads.append(threading.Thread(target=self.look))

    def count(self, outcome: str, times: int = 1) -> None:
        """Note what became of a request."""
        with self.counting:
            self.outcomes[outcome] += times

    def ask(self, content: bytes, fresh: bool) -> None:
        """Ask as long as the service is ready."""
        connection: Connection | None = None
        while self.ready.is_set():
            try:
                connection = connection or Connection(self.live.port)
            except OSError:
                self.count("refused")
                return
            try:
                answer = connection.ask(content)
            except OSError as error:
                self.count("dropped")
                self.count(f"dropped: {type(error).__name__}")
                return
            self.count("answered")
            self.count("answers other than 200", answer.status != 200)
            if fresh or answer.closes:
                connection.close()
                connection = None

    def finish_late(self) -> None:
        """A request that is half sent when the stop comes, and finished when others were told already."""
        connection = Connection(self.live.port)
        half = len(self.single) // 2
        connection.socket.sendall(self.single[:half])
        while self.ready.is_set():
            time.sleep(0.02)
        time.sleep(1.0)
        try:
            connection.socket.sendall(self.single[half:])
            answer = connection.answer(time.monotonic())
        except OSError as error:
            self.count("dropped")
            self.count(f"dropped half-sent: {type(error).__name__}")
            return
        self.count("answered though half sent at the stop")
        self.count("answers other than 200", answer.status != 200)

    def look(self) -> None:
        """Ask for readiness, as a load balancer does."""
        while True:
            try:
                status = once(self.live.port, request("GET", "/health/ready", connection="close")).status
            except OSError:
                status = 0
            if status != 200:
                self.count("never told, but refused", status == 0)
                self.ready.clear()
                return
            time.sleep(LOOKS_EVERY)


def stopped(models: Path, state: Path, workers: int, stops: int, row: list[float]) -> dict[str, Any]:
    """Start, load and stop a server, again and again."""
    found: Counter[str] = Counter({"dropped": 0, "refused": 0, "answers other than 200": 0, "exits other than 0": 0})
    seconds = []
    for stop in range(stops):
        with running(models, state / str(stop), workers) as live:
            load = Load(live, row)
            for thread in load.threads:
                thread.start()
            time.sleep(0.7)
            began = time.monotonic()
            live.process.send_signal(signal.SIGTERM)
            for thread in load.threads:
                thread.join()
            found["exits other than 0"] += live.process.wait(60) != 0
            seconds.append(time.monotonic() - began)
            found.update(load.outcomes)
    return {"stops": stops, **found, "seconds from SIGTERM to exit, longest": round(max(seconds), 1)}


def half_sent(models: Path, state: Path, count: int, row: list[float]) -> dict[str, Any]:
    """Send half of each of many requests, wait, and ask canaries meanwhile."""
    content = request("POST", "/predict", {"features": row})
    timeout = Limits().body_seconds
    with running(models, state, 1) as live:
        canaries: list[float] = []
        failed: Counter[str] = Counter()
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                try:
                    answer = once(live.port, content)
                except OSError as error:
                    failed[type(error).__name__] += 1
                else:
                    failed[str(answer.status)] += answer.status != 200
                    canaries.append(1000 * (answer.received - answer.sent))
                time.sleep(0.05)

        asking = threading.Thread(target=ask)
        asking.start()
        open_sockets = []
        for _ in range(count):
            raw = socket.create_connection(("127.0.0.1", live.port))
            raw.sendall(content[: len(content) // 2])
            open_sockets.append((raw, time.monotonic()))
        statuses, held = released(open_sockets, timeout + SLACK_SECONDS)
        stop.set()
        asking.join()
        text = once(live.port, request("GET", "/metrics")).body.decode()
    in_flight = next(line for line in text.splitlines() if line.startswith("http_requests_in_flight "))
    return {
        "half-sent requests": count,
        "statuses": dict(statuses),
        "seconds until released, longest": round(max(held), 2) if held else None,
        "held beyond the timeout": count - len(held),
        "canaries": len(canaries),
        "canaries failed": sum(failed.values()),
        "canaries' p99 ms": round(percentile(canaries, 0.99), 1),
        "in flight afterwards, this scrape included": in_flight.split()[-1],
    }


def released(sockets: Sequence[tuple[socket.socket, float]], seconds: float) -> tuple[Counter[str], list[float]]:
    """Statuses and times of the connections that the server closes within so many seconds of their last byte."""
    statuses: Counter[str] = Counter()
    held: list[float] = []
    with selectors.DefaultSelector() as selector:
        for each, sent in sockets:
            selector.register(each, selectors.EVENT_READ, sent)
        give_up = time.monotonic() + seconds
        while selector.get_map() and time.monotonic() < give_up:
            for key, _ in selector.select(0.1):
                raw = key.fileobj
                assert isinstance(raw, socket.socket)
                if content := raw.recv(65536):
                    if content.startswith(b"HTTP/1.1 "):
                        statuses[content[9:12].decode()] += 1
                    continue
                now = time.monotonic()
                if now - key.data <= seconds:
                    held.append(now - key.data)
                selector.unregister(raw)
                raw.close()
    return statuses, held


if __name__ == "__main__":
    raise SystemExit(main())
