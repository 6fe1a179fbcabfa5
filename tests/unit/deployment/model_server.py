"""A server of two versions of one "model" in a few lines: whatever API changes them, they are the same two."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Route = Callable[["State", Any], tuple[int, Any]]


@dataclass
class State:
    """What serves, what was asked, and with which right."""

    serving: str = "1"
    versions: tuple[str, ...] = ("1", "2")
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    rights: list[str | None] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)

    def change(self, version: str) -> tuple[int, Any]:
        """Let a version serve, as our contract has it."""
        if version not in self.versions:
            return 404, {"title": "unknown version"}
        before, self.serving = self.serving, version
        if changed := before != version:
            line = {"generation": len(self.history) + 1, "from": before, "to": version, "at": "12:00", "actor": "ana"}
            self.history.insert(0, line)
        return 200, {"to": version, "changed": changed, "generation": len(self.history)}


CONTRACT: Mapping[str, Route] = {
    "GET /models": lambda state, body: (200, {"versions": [{"version": one} for one in state.versions]}),
    "GET /deployments": lambda state, body: (200, {"serving": state.serving, "history": state.history}),
    "POST /deployments": lambda state, body: state.change(body["version"]),
    "POST /deployments/rollback": lambda state, body: state.change(body.get("to", "1")),
}


@contextmanager
def serving(routes: Mapping[str, Route]) -> Iterator[tuple[str, State]]:
    """The URL of a running server, and its state."""
    state = State()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(content) if content else None
            route = routes.get(f"{self.command} {self.path.partition('?')[0]}")
            state.asked.append((self.command, self.path, body))
            state.rights.append(self.headers.get("Authorization"))
            status, found = route(state, body) if route is not None else (404, {"title": "no such route"})
            said = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = answer

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
