"""HTTP/1.1 without I/O: whole, byte by byte, and with what hostile servers send."""

from __future__ import annotations

import pytest

from pytest_mlready.protocols.http1 import Malformed, Oversize, ResponseParser, request_bytes

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\n\r\n\r\n\r\n0\r\nT: x\r\n\r\n"


def parsed(raw: bytes, *, method: str = "GET", step: int = 1 << 20, max_body: int = 1000) -> ResponseParser:
    parser = ResponseParser(method, max_body)
    for at in range(0, len(raw), step):
        parser.feed(raw[at : at + step])
    return parser


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize(
    ("raw", "status", "body", "keep_alive"),
    [
        (PLAIN, 200, b"abc", True),
        (CHUNKED, 200, b"abc\r\n\r\n", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + PLAIN, 200, b"abc", True),
        (b"HTTP/1.1 204 None\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 Same\r\nContent-Length: 10\r\n\r\n", 304, b"", True),
        (b"HTTP/1.1 999 \x1b[31m\r\nContent-Length: 0\r\n\r\n", 999, b"", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b"", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", 200, b"", False),
    ],
)
def test_answer_is_read_however_it_is_cut(raw: bytes, status: int, body: bytes, keep_alive: bool, step: int) -> None:
    parser = parsed(raw, step=step)
    assert (parser.complete, parser.status, parser.body) == (True, status, body)
    assert (parser.keep_alive, parser.leftover) == (keep_alive, b"")


@pytest.mark.parametrize("step", [1, 5, 1 << 20])
@pytest.mark.parametrize("first", [PLAIN, CHUNKED])
def test_a_second_answer_is_kept_apart(first: bytes, step: int) -> None:
    second = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ninjected"
    parser = parsed(first + second, step=step)
    assert parser.leftover == second
    assert b"injected" not in parser.body


def test_an_answer_that_ends_with_its_connection() -> None:
    parser = parsed(b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert not parser.complete
    assert parser.eof()
    assert (parser.body, parser.keep_alive) == (b"abc", False)


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nX: 1\r\n", PLAIN[:-1], CHUNKED[:-2]])
def test_an_answer_cut_short_is_not_complete(raw: bytes) -> None:
    parser = parsed(raw)
    assert not parser.eof()
    assert parser.started is bool(raw)


def test_an_interrupt_while_it_is_parsed_is_no_fault_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(parser: ResponseParser, name: bytes, value: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ResponseParser, "on_header", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ResponseParser("GET", 100).feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def test_head_has_no_body() -> None:
    parser = parsed(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", method="HEAD")
    assert (parser.complete, parser.body) == (True, b"")


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
    ],
)
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_what_is_not_http_is_refused(raw: bytes, step: int) -> None:
    with pytest.raises(Malformed):
        parsed(raw, step=step)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 1001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"a" * 1001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=" + b"a" * 100_000,
    ],
)
@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_what_is_too_large_is_refused(raw: bytes, step: int) -> None:
    with pytest.raises(Oversize):
        parsed(raw, step=step)


@pytest.mark.parametrize(
    ("method", "headers", "body", "expected"),
    [
        ("GET", [("Host", "h")], b"", b"GET /p HTTP/1.1\r\nHost: h\r\n\r\n"),
        ("POST", [("Host", "h")], b"", b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
        ("GET", [], b"ab", b"GET /p HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"),
        ("PUT", [("content-length", "9")], b"ab", b"PUT /p HTTP/1.1\r\ncontent-length: 9\r\n\r\nab"),
        ("POST", [("Transfer-Encoding", "chunked")], b"0\r\n\r\n",
         b"POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ],
)  # fmt: skip
def test_request_bytes(method: str, headers: list[tuple[str, str]], body: bytes, expected: bytes) -> None:
    assert request_bytes(method, "/p", headers, body) == expected


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GE T", "/", []),
        ("GET", "/a b", []),
        ("GET", "/\r\nX: 1", []),
        ("GET", "", []),
        ("GET", "/é", []),
        ("GET", "/", [("X", "a\r\nY: b")]),
        ("GET", "/", [("X\r\n", "a")]),
        ("GET", "/", [("X", "a\0")]),
        ("GET", "/", [("X", "€")]),
    ],
)
def test_requests_that_would_break_the_framing_are_refused(
    method: str, target: str, headers: list[tuple[str, str]]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        request_bytes(method, target, headers)
