"""A small, healthy model service that starts in a blink: `python stub_service.py PORT [--fault NAME] [--count FILE]`.

It sums three features. Every request is counted in `--count FILE`, one byte each by its route's letter, so that a test
can tell how often evidence was gathered.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FEATURES = ("age", "income", "debt")
FAULTS = (
    "none",
    "exits",  # ends at once with status 3
    "never_ready",
    "not_http",  # answers bytes that are no HTTP
    "dies_after_20",  # ends in the 20th predict
    "ignores_sigterm",
    "daemonises",  # starts a grandchild that leaves the process group
    "random",  # answers by chance
    "accepts_nan",
    "says_ansi",  # colours in its version
)


class Stub(BaseHTTPRequestHandler):
    """Routes of the stub; one thread a connection."""

    protocol_version = "HTTP/1.1"
    fault = "none"
    count = ""
    predicts = 0
    stopping = False

    def log_message(self, format: str, *args: Any) -> None:
        """Log one line a request with its id."""
        print(json.dumps({"request_id": self.request_id, "line": format % args}), flush=True)

    def do_GET(self) -> None:
        """Health, metadata, metrics and the interface document."""
        self.begin("g")
        if self.path in {"/health/live", "/health", "/health/ready"}:
            ready = (self.fault != "never_ready" and not Stub.stopping) or self.path == "/health/live"
            self.answer(200 if ready else 503, {"status": "ok", "model_version": self.model_version})
        elif self.path == "/model/info":
            self.answer(200, {"name": "stub", "version": self.model_version, "features": list(FEATURES)})
        elif self.path == "/openapi.json":
            self.answer(200, DOCUMENT)
        else:
            self.answer(404, {"detail": "no such route"})

    def do_POST(self) -> None:
        """Predict one row or several."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.begin("p" if self.path == "/predict" else "b")
        Stub.predicts += 1
        if self.fault == "dies_after_20" and Stub.predicts >= 20:
            os._exit(7)
        if self.path not in {"/predict", "/predict/batch"}:
            return self.answer(404, {"detail": "no such route"})
        if len(body) > 65_536:
            return self.answer(413, {"detail": "too large"})
        if self.headers.get_content_type() != "application/json":
            return self.answer(415, {"detail": "send application/json"})
        try:
            answer = self.predict(body) if self.path == "/predict" else self.predict_batch(body)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
            return self.answer(422, {"detail": "expected three finite numbers"})
        return self.answer(200, {**answer, "model_version": self.model_version, "request_id": self.request_id})

    def predict(self, body: bytes) -> dict[str, Any]:
        """The answer to one row."""
        sent = self.parsed(body, {"features"})
        return {"prediction": self.score(sent["features"])}

    def predict_batch(self, body: bytes) -> dict[str, Any]:
        """The answers to several rows, in order."""
        rows = self.parsed(body, {"instances"})["instances"]
        if not isinstance(rows, list) or not 1 <= len(rows) <= 1000:
            raise ValueError
        return {"predictions": [{"prediction": self.score(row)} for row in rows]}

    def parsed(self, body: bytes, keys: set[str]) -> dict[str, Any]:
        """The body as an object with just these keys, each once."""
        sent = json.loads(body, object_pairs_hook=lambda pairs: pairs)
        if not isinstance(sent, list) or sorted(key for key, _ in sent) != sorted(keys):
            raise ValueError
        return dict(sent)

    def score(self, row: Any) -> float:
        """The sum of a row's features."""
        if not isinstance(row, list) or len(row) != len(FEATURES):
            raise ValueError
        if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in row):
            raise TypeError
        if self.fault == "accepts_nan":
            return float(sum(value for value in row if math.isfinite(value)))
        if not all(math.isfinite(value) and abs(value) < 1e12 for value in row):
            raise ValueError
        return float(sum(row)) + (uuid.uuid4().int % 1000 if self.fault == "random" else 0)

    def do_DELETE(self) -> None:
        """Nothing here can be deleted."""
        self.begin("o")
        self.answer(405, {"detail": "method not allowed"})

    do_PUT = do_PATCH = do_OPTIONS = do_DELETE

    @property
    def model_version(self) -> str:
        """The version that every source reports."""
        return "1.0\x1b[31m" if self.fault == "says_ansi" else "1.0"

    def begin(self, letter: str) -> None:
        """Count the request and give it an id."""
        self.request_id = self.headers.get("X-Request-ID") or str(uuid.uuid4())
        if self.count:
            with open(self.count, "a", encoding="ascii") as file:
                file.write(letter)

    def answer(self, status: int, content: Any) -> None:
        """Answer JSON, and close where the body was not read."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-ID", self.request_id)
        self.end_headers()
        self.wfile.write(body)


def _route(method: str, description: str, **content: Any) -> dict[str, Any]:
    answers = {"200": {"description": description, "content": {"application/json": {"schema": content["answer"]}}}}
    refusals = {code: {"description": "refused"} for code in ("413", "415", "422")}
    route: dict[str, Any] = {"responses": answers if method == "get" else {**answers, **refusals}}
    if "body" in content:
        route["requestBody"] = {"required": True, "content": {"application/json": {"schema": content["body"]}}}
    return {method: route}


_ROW = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
_ANY = {"type": "object"}
_PREDICTION = {"type": "object", "required": ["prediction"], "properties": {"prediction": {"type": "number"}}}
_VERSIONED = {"model_version": {"type": "string"}, "request_id": {"type": "string"}}
_ONE = {
    "type": "object",
    "required": ["prediction", "model_version", "request_id"],
    "properties": {"prediction": {"type": "number"}, **_VERSIONED},
}
_MANY = {"type": "object", "properties": {"predictions": {"type": "array", "items": _PREDICTION}, **_VERSIONED}}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "stub", "version": "1"},
    "paths": {
        **{
            path: _route("get", path, answer=_ANY)
            for path in ("/health/live", "/health/ready", "/health", "/model/info", "/openapi.json")
        },
        "/predict": _route(
            "post",
            "one row",
            answer=_ONE,
            body={"type": "object", "required": ["features"], "properties": {"features": _ROW}},
        ),
        "/predict/batch": _route(
            "post",
            "several rows",
            answer=_MANY,
            body={
                "type": "object",
                "required": ["instances"],
                "properties": {"instances": {"type": "array", "items": _ROW}},
            },
        ),
    },
}


def speak_no_http(port: int) -> None:
    """Answer every connection with bytes that are no HTTP."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"220 mail.example ESMTP\r\n")


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--fault", choices=FAULTS, default="none")
    parser.add_argument("--count", default="")
    given = parser.parse_args()
    Stub.fault, Stub.count = given.fault, given.count
    if given.fault == "exits":
        print("stub: there is no model", flush=True)
        sys.exit(3)
    if given.fault == "not_http":
        speak_no_http(given.port)
    if given.fault == "daemonises":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)  # stub's child"], start_new_session=True)
    ignore = given.fault == "ignores_sigterm"
    signal.signal(signal.SIGTERM, signal.SIG_IGN if ignore else lambda number, frame: stop())
    server = ThreadingHTTPServer(("127.0.0.1", given.port), Stub)
    server.serve_forever()


def stop() -> None:
    """Say not ready, let requests in flight end, then end."""
    Stub.stopping = True
    time.sleep(1.0)
    os._exit(0)


if __name__ == "__main__":
    main()
