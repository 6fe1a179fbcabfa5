"""A server that deals with as many requests as it may refuses the next ones at once, and those it has it answers."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse

import httpx
import pytest

from tests.contract.conftest import Server, Start

MOST = 3
SLOW, SLOW_S = -1.0, 3.0
PROGRAM = f"""
import sys, time
from dataclasses import replace
from reference_service.__main__ import settings_of
from reference_service.app import create_app
from reference_service.components import build_components
from reference_service.model.predictor import SklearnPredictor
from reference_service.server import serve
from reference_service.settings import Limits
class Slow(SklearnPredictor):
    def predict(self, snapshot, rows):
        time.sleep({SLOW_S} * any(row[0] == {SLOW} for row in rows))
        return super().predict(snapshot, rows)
limits = Limits(under_way_requests={MOST}, deadline_seconds=30)
settings = replace(settings_of(sys.argv[1:]), limits=limits)
serve(settings, create_app(replace(build_components(settings), predictor=Slow())))
"""


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    return start(program=PROGRAM)


@pytest.fixture
def predict(row: list[float]) -> bytes:
    return request_of(row)


def request_of(row: list[float]) -> bytes:
    content = json.dumps({"features": row}).encode()
    lines = ["POST /predict HTTP/1.1", "Host: a", "Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


@contextmanager
def full(server: Server, row: list[float]) -> Iterator[list[socket.socket]]:
    """As many requests as the server may have, which it answers in some seconds."""
    with ExitStack() as stack:
        held = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30)) for _ in range(MOST)
        ]
        for raw in held:
            raw.sendall(request_of([SLOW, *row[1:]]))
        give_up = time.monotonic() + SLOW_S / 2
        while answered(server, request_of(row)) != 503:
            assert time.monotonic() < give_up
        yield held
        assert [answer_on(raw).status for raw in held] == [200] * MOST


def answered(server: Server, predict: bytes) -> int:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(predict)
        return answer_on(raw).status


def answer_on(raw: socket.socket) -> HTTPResponse:
    answer = HTTPResponse(raw)
    answer.begin()
    return answer


def refused(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith('requests_shed_total{reason="under_way"}'))


def test_the_next_one_is_refused_and_the_others_are_answered(server: Server, row: list[float]) -> None:
    with full(server, row), server.client() as client:
        before = refused(client)
        answer = client.post("/predict", json={"features": row}, headers={"X-Request-ID": "one-too-many"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["type"] == "urn:problem:overloaded"
        assert answer.json()["request_id"] == answer.headers["x-request-id"] == "one-too-many"
        assert {"traceparent", "x-model-version", "x-generation"} <= answer.headers.keys()
        assert refused(client) == before + 1
        assert client.get("/health/live").status_code == 200
    assert answered(server, request_of(row)) == 200
    (line,) = [line for line in server.lines() if line.get("request_id") == "one-too-many"]
    assert (line["route"], line["method"], line["status"]) == ("/predict", "POST", 503)


def test_a_connection_goes_on_after_a_refusal_whose_body_was_sent_in_parts(
    server: Server, predict: bytes, row: list[float]
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        with full(server, row):
            raw.sendall(predict[:-7])
            first = answer_on(raw)
            assert first.status == 503
            first.read()
            raw.sendall(predict[-7:])
        raw.sendall(predict)
        assert answer_on(raw).status == 200


def test_who_asks_for_the_last_answer_of_a_connection_gets_it(server: Server, predict: bytes, row: list[float]) -> None:
    last = predict.replace(b"Host: a\r\n", b"Host: a\r\nConnection: close\r\n")
    with full(server, row), socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(last)
        answer = answer_on(raw)
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        answer.read()
        assert raw.recv(1) == b""


def test_those_that_are_sent_slowly_keep_nobody_out(server: Server, predict: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(3 * MOST):
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            raw.sendall(predict[:-5])
        for _ in range(MOST):
            assert answered(server, predict) == 200
