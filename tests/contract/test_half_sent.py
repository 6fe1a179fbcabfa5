"""Clients that send half a request, or a byte of it now and then, are let go in time; others notice nothing."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPResponse

import pytest

from tests.contract.conftest import Server, Start

MANY = 200
HEAD_SECONDS, BODY_SECONDS = 1.0, 1.5
PATIENCE = 20.0  # far beyond the limits above, far below what uvicorn alone would wait
LIVE = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module", params=["httptools", "h11"])
def server(request: pytest.FixtureRequest, start: Start) -> Server:
    return start("--http", request.param, limits={"head_seconds": HEAD_SECONDS, "body_seconds": BODY_SECONDS})


@pytest.fixture
def predict(row: list[float]) -> bytes:
    content = json.dumps({"features": row}).encode()
    lines = ["POST /predict HTTP/1.1", "Host: a", "Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def until_closed(raw: socket.socket) -> bytes:
    """What comes until the server closes, in whatever way; a timeout is an error."""
    parts = []
    with suppress(ConnectionResetError):
        while part := raw.recv(65536):
            parts.append(part)
    return b"".join(parts)


def answer_on(raw: socket.socket) -> HTTPResponse:
    answer = HTTPResponse(raw)
    answer.begin()
    return answer


def send_slowly(raw: socket.socket, content: bytes) -> int:
    """Send a byte every tenth of a second until the server answers or closes; returns the bytes that it took."""
    raw.settimeout(0.1)
    try:
        for sent in range(len(content)):
            raw.sendall(content[sent : sent + 1])
            with suppress(TimeoutError):
                raw.recv(1, socket.MSG_PEEK)
                return sent
    except ConnectionError:
        return sent
    finally:
        raw.settimeout(PATIENCE)
    return len(content)


@contextmanager
def canaries(server: Server, row: list[float]) -> Iterator[Counter[int]]:
    """Others who predict all the while, and what they were answered."""
    seen: Counter[int] = Counter()
    stop = threading.Event()

    def ask() -> None:
        with server.client() as client:
            while not stop.is_set():
                seen[client.post("/predict", json={"features": row}).status_code] += 1
                seen[client.get("/health/ready").status_code] += 1

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        try:
            yield seen
        finally:
            stop.set()
        for each in asking:
            each.result()


@pytest.mark.parametrize(("cut", "kind"), [(-30, "body-too-slow"), (40, "head-too-slow")])
def test_half_sent_requests_are_released(server: Server, row: list[float], predict: bytes, cut: int, kind: str) -> None:
    with ExitStack() as held, canaries(server, row) as seen:
        halves = [held.enter_context(connected(server)) for _ in range(MANY)]
        for raw in halves:
            raw.sendall(predict[:cut])
        while sum(seen.values()) < 20:
            time.sleep(0.01)
        before = sum(seen.values())
        answers = [until_closed(raw) for raw in halves]
        assert sum(seen.values()) > before
    assert set(seen) == {200}
    for answer in answers:
        head, _, content = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in head.lower()
        assert json.loads(content)["type"] == f"urn:problem:{kind}"
    with server.client() as client:
        assert "http_requests_in_flight 1.0" in client.get("/metrics").text


def test_a_connection_without_a_byte_is_closed_without_a_word(server: Server) -> None:
    with connected(server) as raw:
        assert until_closed(raw) == b""


def test_a_head_sent_byte_by_byte_has_no_more_time(server: Server) -> None:
    endless = b"GET /health/live HTTP/1.1\r\nX-Padding: " + b"a" * 600
    with connected(server) as raw:
        assert send_slowly(raw, endless) < len(endless) // 2
        assert until_closed(raw).startswith(b"HTTP/1.1 408 ")
    with connected(server) as raw:  # nor has the second one on a connection
        raw.sendall(LIVE)
        assert answer_on(raw).read() == b'{"status":"live"}'
        assert send_slowly(raw, endless) < len(endless) // 2
        assert until_closed(raw).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_nobody_waits_for_holds_no_connection(server: Server) -> None:
    with connected(server) as raw:
        raw.sendall(b"POST /nope HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        answer = answer_on(raw)
        assert (answer.status, json.loads(answer.read())["status"]) == (404, 404)
        assert send_slowly(raw, b"a" * 600) < 300
        assert until_closed(raw) == b""


def test_who_is_idle_or_slow_within_the_limits_is_served(server: Server, predict: bytes) -> None:
    with connected(server) as raw:
        for content in (LIVE, predict, LIVE):
            raw.sendall(content)
            answer = answer_on(raw)
            assert answer.status == 200
            answer.read()
            time.sleep(HEAD_SECONDS * 1.5)  # longer than a head may take
        for part in (predict[:20], predict[20:60], predict[60:-10], predict[-10:]):
            raw.sendall(part)
            time.sleep(HEAD_SECONDS / 8)
        assert answer_on(raw).status == 200


def test_an_endless_head_is_refused_before_its_time(server: Server) -> None:
    with connected(server) as raw:
        raw.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n")
        sent = 0
        try:
            while sent < 4_000_000:
                raw.sendall(b"X-Padding: %s\r\n" % (b"a" * 1000))
                sent += 1000
        except OSError:
            pass
        assert sent < 4_000_000
    with server.client() as client:
        assert client.get("/health/live").status_code == 200


def test_a_large_head_is_told_so(server: Server) -> None:
    with connected(server) as raw:
        raw.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\nX-Padding: " + b"a" * 66_000)
        answer = answer_on(raw)
        assert (answer.status, json.loads(answer.read())["type"]) == (431, "urn:problem:head-too-large")


def test_what_comes_before_garbage_is_answered(server: Server, predict: bytes) -> None:
    with connected(server) as raw:
        raw.sendall(predict + b"\x00\x01garbage\r\n\r\n")
        assert until_closed(raw).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("offered", ["h2c", "websocket"])
def test_an_offer_of_another_protocol_is_ignored(server: Server, predict: bytes, offered: str) -> None:
    offer = f"Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {offered}\r\nHTTP2-Settings: AAMAAABk\r\n"
    offering = predict.replace(b"Host: a\r\n", offer.encode())
    with connected(server) as raw:
        for parts in ([offering], [offering[:-30], offering[-30:]], [offering[:50], offering[50:]]):
            for part in parts:
                raw.sendall(part)
                time.sleep(0.05)
            answer = answer_on(raw)
            assert answer.status == 200
            answer.read()
        raw.sendall(offering * 2 + LIVE.replace(b"Host: a", b"Host: a\r\nConnection: close"))
        assert until_closed(raw).count(b"HTTP/1.1 200 ") == 3
