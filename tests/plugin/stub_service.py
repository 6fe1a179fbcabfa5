"""A small, strict model service, standard library only: served in a thread, or run by path with a fault of its own.

`python stub_service.py --port PORT` serves; the other flags are its faults, and files that say what happened to it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FEATURES = ("x0", "x1", "x2", "x3")
VERSION = "1.0.0"
HOSTILE = "\x1b[31mred\x1b[0m | <script> [link](http://x) `code` \u202e"
"""What a service may say that a terminal or a Markdown reader would act on."""


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _document() -> dict[str, Any]:
    numbers = {"type": "array", "items": {"type": "number"}}
    features = {**numbers, "minItems": len(FEATURES), "maxItems": len(FEATURES)}
    one = {"type": "object", "required": ["features"], "additionalProperties": False, "properties": {}}
    single = {**one, "properties": {"features": features}}
    several = {**one, "required": ["rows"], "properties": {"rows": {"type": "array", "items": features}}}
    answer: dict[str, Any] = {
        "type": "object",
        "required": ["prediction", "probabilities", "model_version"],
        "properties": {"prediction": {"type": "integer"}, "probabilities": numbers, "model_version": {}},
    }
    batch = {"type": "object", "properties": {"predictions": {"type": "array", "items": answer}}}
    ok, refused = {"description": "ok"}, {"description": "refused"}
    get = {"get": {"responses": {"200": {**ok, **_json({"type": "object"})}}}}

    def post(asked: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        return {"post": {"requestBody": _json(asked), "responses": {"200": {**ok, **_json(given)}, "422": refused}}}

    paths = dict.fromkeys(("/health", "/health/ready", "/health/live", "/model/info", "/openapi.json"), get)
    metrics = {"get": {"responses": {"200": {**ok, "content": {"text/plain": {"schema": {"type": "string"}}}}}}}
    predict = {"/predict": post(single, answer), "/predict/batch": post(several, batch), "/metrics": metrics}
    return {"openapi": "3.1.0", "info": {"title": "stub", "version": "1"}, "paths": {**paths, **predict}}


def _predicted(features: object) -> dict[str, Any] | None:
    if not isinstance(features, list) or len(features) != len(FEATURES):
        return None
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in features):
        return None
    positive = 0.75 if sum(features) > 0 else 0.25
    return {"prediction": int(positive > 0.5), "probabilities": [1 - positive, positive], "model_version": VERSION}


@dataclass
class Stub:
    """What the service knows of itself, and what was asked of it: (time, method, path, authorization)."""

    ready: bool = True
    crash_after: int | None = None
    log: Path | None = None
    title: str = "stub"
    requests: list[tuple[float, str, str, str]] = field(default_factory=list)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        """Status and document of one request."""
        if self.crash_after is not None and len(self.requests) > self.crash_after:
            os._exit(3)
        health = {"status": "ok" if self.ready else "starting", "model_version": VERSION}
        got: dict[str, Callable[[], tuple[int, object]]] = {
            "GET /health": lambda: (200 if self.ready else 503, health),
            "GET /health/ready": lambda: (200 if self.ready else 503, health),
            "GET /health/live": lambda: (200, {"status": "ok"}),
            "GET /model/info": lambda: (200, {"model_name": self.title, "model_version": VERSION}),
            "GET /openapi.json": lambda: (200, _document()),
            "GET /metrics": lambda: (200, f"# TYPE requests counter\nrequests_total {len(self.requests)}\n"),
            "POST /predict": lambda: self._predict(body),
            "POST /predict/batch": lambda: self._batch(body),
        }
        return got.get(f"{method} {path.partition('?')[0]}", lambda: (404, {"detail": "no such route"}))()

    def vanished(self) -> None:
        """A client reset its connection."""

    def note(self, method: str, path: str, authorization: str) -> None:
        """Remember a request, in the log too."""
        self.requests.append((time.time(), method, path, authorization))
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"{time.time():.4f} {method} {path}\n")

    def _predict(self, body: bytes) -> tuple[int, object]:
        try:
            asked = json.loads(body)
        except ValueError:
            return 400, {"detail": "the body is not JSON"}
        extra = isinstance(asked, dict) and set(asked) - {"features"}
        given = _predicted(asked.get("features")) if isinstance(asked, dict) and not extra else None
        return (200, given) if given is not None else (422, {"detail": "expected 4 numbers in `features` and no more"})

    def _batch(self, body: bytes) -> tuple[int, object]:
        try:
            rows = json.loads(body)["rows"]
        except (ValueError, KeyError, TypeError):
            return 422, {"detail": "expected `rows`"}
        answers = [_predicted(row) for row in rows]
        return (422, {"detail": "a row is wrong"}) if None in answers else (200, {"predictions": answers})


def server(stub: Stub, port: int = 0) -> ThreadingHTTPServer:
    """An HTTP/1.1 server for it, not yet serving."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                stub.vanished()
                self.close_connection = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            stub.note(self.command, self.path, self.headers.get("Authorization", ""))
            status, document = stub.answer(self.command, self.path, body)
            content = document.encode() if isinstance(document, str) else json.dumps(document).encode()
            kind = "text/plain; version=0.0.4" if isinstance(document, str) else "application/json"
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = _serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    made.daemon_threads = True
    return made


def main() -> None:
    """Serve, or fail as the flags say."""
    flags = argparse.ArgumentParser()
    flags.add_argument("--port", type=int, required=True)
    flags.add_argument("--log", type=Path, help="append a line for each request")
    flags.add_argument("--pids", type=Path, help="append the pid of each process of it")
    flags.add_argument("--crash-at-start", action="store_true")
    flags.add_argument("--never-ready", action="store_true")
    flags.add_argument("--not-http", action="store_true")
    flags.add_argument("--crash-after", type=int, metavar="REQUESTS")
    flags.add_argument("--ignore-sigterm", action="store_true")
    flags.add_argument("--daemonise", action="store_true", help="leave a child in a session of its own")
    given = flags.parse_args()
    if given.ignore_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pids = [os.getpid()]
    if given.daemonise:
        sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
        pids.append(subprocess.Popen(sleeper, start_new_session=True).pid)
    if given.pids is not None:
        with given.pids.open("a", encoding="utf-8") as file:
            file.writelines(f"{pid}\n" for pid in pids)
    if given.crash_at_start:
        sys.exit("FATAL: no model at models/current")
    if given.not_http:
        _greet_for_ever(given.port)
    stub = Stub(ready=not given.never_ready, crash_after=given.crash_after, log=given.log)
    server(stub, given.port).serve_forever()


def _greet_for_ever(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listening:
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"220 mail.example ESMTP\r\n")
                threading.Event().wait(0.01)


if __name__ == "__main__":
    main()
