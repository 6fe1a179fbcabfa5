"""A trained registry and real servers on free ports, which end with the session whatever happens."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from reference_service.app import create_app
from reference_service.components import Components
from reference_service.train import train_missing

STARTS_WITHIN = 60.0
WITH_LIMITS = """
import json, sys
from dataclasses import replace
from reference_service.__main__ import settings_of
from reference_service.server import serve
from reference_service.settings import Limits
serve(replace(settings_of(sys.argv[2:]), limits=Limits(**json.loads(sys.argv[1]))))
"""


@dataclass
class Server:
    """A running reference service."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    models: Path

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def client(self) -> httpx.Client:
        """A client that trusts no environment."""
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False, verify=False)

    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines that it logged so far."""
        found = [line for line in self.log.read_text().splitlines() if line]
        return [json.loads(line) for line in found]


Start = Callable[..., Server]


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def golden(models: Path, name: str, version: str) -> dict[str, Any]:
    """The answers computed offline when a version was trained."""
    found: dict[str, Any] = json.loads((models / name / version / "golden.json").read_text())
    return found


@asynccontextmanager
async def client_of(components: Components) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application in this process, started and stopped as a server would."""
    app = create_app(components)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://app") as client,
    ):
        yield client


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of its own, freshly trained."""
    directory = tmp_path_factory.mktemp("models")
    train_missing(directory)
    return directory


@pytest.fixture(scope="session")
def start(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start servers: `start("--workers", "2")`, or with other limits: `start(limits={"body_seconds": 0.5})`.

    A `program` of one's own is started in the place of `reference_service`.
    """
    running: list[subprocess.Popen[bytes]] = []

    def begin(
        *arguments: str,
        registry: Path = models,
        alive: bool = True,
        limits: Mapping[str, float] | None = None,
        program: str | None = None,
    ) -> Server:
        port = free_port()
        state = tmp_path_factory.mktemp("instance")
        served = ["-m", "reference_service"] if limits is None else ["-c", WITH_LIMITS, json.dumps(limits)]
        served = served if program is None else ["-c", program]
        command = [sys.executable, *served, "--port", str(port), "--models", str(registry)]
        with (state / "log").open("wb") as log:
            process = subprocess.Popen([*command, "--state", str(state), *arguments], stdout=log, stderr=log)
        running.append(process)
        server = Server(f"http://127.0.0.1:{port}", process, state / "log", registry)
        if alive:
            wait_until_live(server)
        return server

    yield begin
    for process in running:
        process.kill()
        process.wait()


def wait_until_live(server: Server) -> None:
    """Wait until the process answers, or fail with its log."""
    give_up = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < give_up and server.process.poll() is None:
        try:
            httpx.get(f"{server.url}/health/live", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"the server did not start: {server.log.read_text()}")


@pytest.fixture(scope="session")
def server(start: Start) -> Server:
    """The breast-cancer model, shared by tests that leave it as they found it."""
    return start()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of the shared server."""
    with server.client() as client:
        yield client


@pytest.fixture(scope="session")
def row(models: Path) -> list[float]:
    """One valid row of breast-cancer."""
    found: list[float] = golden(models, "breast-cancer", "1.0.0")["rows"][0]
    return found
