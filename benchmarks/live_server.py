"""A real server for a benchmark, a plain client of it, and which of its workers a connection leads to."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ADMIN = "benchmark-admin-token-0123456789"
STARTS_WITHIN = 120.0
ESTABLISHED = "01"


@dataclass(frozen=True)
class Answer:
    """One answer, and when on the machine's monotonic clock its request began to leave and it had arrived."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes
    sent: float
    received: float

    @property
    def generation(self) -> int:
        """The generation that it says it was made in."""
        return int(self.headers[b"x-generation"])

    @property
    def version(self) -> str:
        """The version that it says has made it."""
        return self.headers[b"x-model-version"].decode()

    @property
    def closes(self) -> bool:
        """Whether the server wants no more requests on this connection."""
        return self.headers.get(b"connection", b"").lower() == b"close"

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Connection:
    """One keep-alive connection, used by one thread."""

    def __init__(self, port: int, timeout: float = 30.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    @property
    def local_port(self) -> int:
        """Our end."""
        found: int = self.socket.getsockname()[1]
        return found

    def ask(self, request: bytes) -> Answer:
        """Send a request and read its answer.

        Raises:
            OSError: the connection broke.
        """
        sent = time.monotonic()
        self.socket.sendall(request)
        return self.answer(sent)

    def answer(self, sent: float) -> Answer:
        """Read an answer."""
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.more()
        head, _, body = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        length = int(headers[b"content-length"])
        parts, size = [body], len(body)
        while size < length:
            parts.append(self.more())
            size += len(parts[-1])
        received = time.monotonic()
        body = b"".join(parts)
        self.rest = body[length:]
        return Answer(int(first.split(b" ")[1]), headers, body[:length], sent, received)

    def more(self) -> bytes:
        """What has arrived.

        Raises:
            ConnectionError: the server closed.
        """
        content = self.socket.recv(1 << 18)
        if not content:
            raise ConnectionError("closed by the server")
        return content

    def close(self) -> None:
        """End it."""
        self.socket.close()


def request(method: str, path: str, body: object = None, **headers: str) -> bytes:
    """A request as bytes; `if_match` among the keywords becomes `If-Match`."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: benchmark"]
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


def admin(path: str, body: object = None, **headers: str) -> bytes:
    """A request to change what serves."""
    return request("POST", path, body, authorization=f"Bearer {ADMIN}", **headers)


def once(port: int, content: bytes) -> Answer:
    """One request on a connection of its own."""
    connection = Connection(port)
    try:
        return connection.ask(content)
    finally:
        connection.close()


@dataclass
class Live:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def workers(self) -> list[int]:
        """The processes that hold connections: the children of a supervisor, else the server itself."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        found = [int(pid) for pid in listed if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return found or [self.process.pid]

    def worker_of(self, *connections: Connection) -> list[int | None]:
        """Which process holds the other end of each connection, as the kernel has it; None if nobody took it yet.

        The service is not asked and cannot tell: it has no notion of workers on the wire.
        """
        inodes = accepted_inodes(self.port)
        holders = {}
        for pid in self.workers():
            for entry in os.scandir(f"/proc/{pid}/fd"):
                try:
                    found = re.match(r"socket:\[(\d+)\]", os.readlink(entry.path))
                except OSError:  # closed meanwhile
                    continue
                if found:
                    holders[found[1]] = pid
        return [holders.get(inodes.get(each.local_port, "")) for each in connections]


def accepted_inodes(port: int) -> dict[int, str]:
    """The inode of the server's socket for each client port."""
    found = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == ESTABLISHED and int(fields[1].rpartition(":")[2], 16) == port:
            found[int(fields[2].rpartition(":")[2], 16)] = fields[9]
    return found


@contextmanager
def running(models: Path, state: Path, workers: int, *arguments: str) -> Iterator[Live]:
    """A server that is ready, in a process group of its own; killed at the end if it still runs."""
    state.mkdir(parents=True, exist_ok=True)
    live = start(models, state, workers, *arguments)
    try:
        wait_until_ready(live)
        yield live
    finally:
        end(live)


def start(models: Path, state: Path, workers: int, *arguments: str) -> Live:
    """Start a server; it is not ready yet."""
    port = free_port()
    command = [sys.executable, "-m", "reference_service", "--models", str(models), "--state", str(state)]
    command += ["--port", str(port), "--workers", str(workers), "--tokens", str(token_file(state)), *arguments]
    log = state / "log"
    with log.open("ab") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file, start_new_session=True)
    return Live(port, process, log)


def wait_until_ready(live: Live) -> None:
    """Wait until every worker can be reached and predicts.

    Raises:
        RuntimeError: the server ended, or takes too long.
    """
    give_up = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < give_up and live.process.poll() is None:
        try:
            if once(live.port, request("GET", "/health/ready")).status == 200:
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"the server did not start: {live.log.read_text()[-2000:]}")


def connection_to_each_worker(live: Live, workers: int) -> dict[int, Connection]:
    """One connection to every worker, by the worker's process id."""
    found: dict[int, Connection] = {}
    give_up = time.monotonic() + STARTS_WITHIN
    while len(found) < workers:
        if time.monotonic() > give_up:
            raise RuntimeError(f"only {len(found)} of {workers} workers take connections")
        connection = Connection(live.port)
        connection.ask(request("GET", "/health/live"))
        (worker,) = live.worker_of(connection)
        if worker is None or worker in found:
            connection.close()
        else:
            found[worker] = connection
    return found


def end(live: Live) -> None:
    """Kill the server and its workers, which are a process group that we made."""
    with suppress(ProcessLookupError):
        os.killpg(live.process.pid, signal.SIGKILL)
    live.process.wait()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def token_file(directory: Path) -> Path:
    """The tokens that the server accepts."""
    path = directory / "tokens.json"
    entry = {"name": "benchmark", "sha256": hashlib.sha256(ADMIN.encode()).hexdigest(), "roles": ["admin"]}
    path.write_text(json.dumps({"tokens": [entry]}))
    return path


def golden(models: Path, name: str, version: str) -> Any:
    """The rows and answers that training kept of a version."""
    return json.loads((models / name / version / "golden.json").read_text())


def held_out_rows(models: Path, name: str) -> list[list[float]]:
    """Rows that training never saw."""
    lines = (models / name / "sample.csv").read_text().splitlines()[1:]
    return [[float(value) for value in line.split(",")[:-1]] for line in lines]


def percentile(values: list[float], share: float) -> float:
    """The value that this share of values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
