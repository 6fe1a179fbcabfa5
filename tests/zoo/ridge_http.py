"""`http.server` and numpy, one row at a time, no OpenAPI document: a ridge regression in single precision.

What it predicts is scaled back in double precision, so that no digit tells that the sum was a single one.
`python -m tests.zoo.ridge_http --port 8000`
"""

from __future__ import annotations

import argparse
import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

MOST_BYTES = 64 * 1024


class Refused(ValueError):
    """The request is refused with `status`."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def samples() -> list[dict[str, Any]]:
    """All rows of the training data, by feature name."""
    data = load_diabetes()
    return [dict(zip(data.feature_names, row, strict=True)) for row in data.data.tolist()]


class Model:
    """Weights for standardised features, and how to scale what they give."""

    def __init__(self) -> None:
        data = load_diabetes()
        self.mean, self.scale = float(data.target.mean()), float(data.target.std())
        ridge = Ridge(alpha=0.1).fit(data.data, (data.target - self.mean) / self.scale)
        self.weights = ridge.coef_.astype(np.float32)

    def predict(self, row: list[float]) -> float:
        return float(np.array(row, dtype=np.float32) @ self.weights) * self.scale + self.mean


class Handler(BaseHTTPRequestHandler):
    """POST /score, GET /health."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    wbufsize = -1  # head and body in one segment: two make the client wait for a delayed acknowledgement
    model: Model

    def do_GET(self) -> None:
        self._answer(*((200, {"status": "ok"}) if self.path == "/health" else (404, {"error": "no such route"})))

    def do_POST(self) -> None:
        try:
            if self.path != "/score":
                raise Refused(404, "no such route")
            self._answer(200, {"score": self.model.predict(_row(self._body(), len(self.model.weights)))})
        except Refused as error:
            self.close_connection = True
            self._answer(error.status, {"error": str(error)})

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            raise Refused(411, "Content-Length is wanted")
        if int(length) > MOST_BYTES:
            raise Refused(413, f"more than {MOST_BYTES} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise Refused(400, "the body is shorter than declared")
        return body

    def _answer(self, status: int, plain: dict[str, Any]) -> None:
        body = json.dumps(plain).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """No line a request."""


def _row(body: bytes, width: int) -> list[float]:
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    row = plain.get("x") if isinstance(plain, dict) else None
    if not isinstance(row, list) or len(row) != width:
        raise Refused(422, f"x: a list of {width} numbers is wanted")
    if not all(type(value) in {int, float} and abs(value) < 1e6 for value in row):
        raise Refused(422, "x: every item is to be a finite number below a million")
    return [float(value) for value in row]


class Server(ThreadingHTTPServer):
    """A thread a connection; one that vanished is no news."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if isinstance(request, socket.socket):
            request.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    Handler.model = Model()
    Server(("127.0.0.1", parser.parse_args().port), Handler).serve_forever()


if __name__ == "__main__":
    main()
