"""The guarded transport against a table of hostile servers: bounded time, bounded memory, always an Exchange."""

from __future__ import annotations

import gzip
import itertools
import resource
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Sequence

import pytest

from pytest_mlready.protocols import keep_alive
from pytest_mlready.service.scrub import scrub
from pytest_mlready.service.transport import KEPT_OF_FAILED, Transport
from tests.unit.service.raw_server import answer, read_request, replying, serving

Handler = Callable[[socket.socket], None]


def forever(first: bytes, piece: bytes, pause_s: float = 0.0) -> Handler:
    def handler(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(first)
        for _ in itertools.count():
            connection.sendall(piece)
            time.sleep(pause_s)

    return handler


def silent(connection: socket.socket) -> None:
    read_request(connection)
    time.sleep(30)


def resetting(connection: socket.socket) -> None:
    read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def coded(body: bytes, coding: str) -> Handler:
    return replying(answer(body, headers=f"Content-Encoding: {coding}\r\n"))


BOMB = gzip.compress(bytes(50_000_000), 9)
DOUBLE_BOMB = gzip.compress(BOMB, 9)
OK_HEAD = b"HTTP/1.1 200 OK\r\n"

HOSTILE = {
    "endless body": (forever(OK_HEAD + b"\r\n", b"x" * 65536), "oversize"),
    "endless chunked body": (
        forever(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        "oversize",
    ),
    "endless headers": (forever(OK_HEAD, b"X: y\r\n" * 1000), "oversize"),
    "endless interim answers": (forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "malformed"),
    "slow headers": (forever(OK_HEAD, b"X", 0.02), "deadline"),
    "slow body": (forever(OK_HEAD + b"Content-Length: 100000\r\n\r\n", b"x", 0.02), "deadline"),
    "slow chunks": (forever(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.02), "deadline"),
    "no answer": (silent, "deadline"),
    "5000 headers": (replying(OK_HEAD + b"a: b\r\n" * 5000 + b"\r\n"), "oversize"),
    "100 MB promised": (replying(OK_HEAD + b"Content-Length: 100000000\r\n\r\n"), "oversize"),
    "gzip bomb": (coded(BOMB, "gzip"), "oversize"),
    "double gzip bomb": (coded(DOUBLE_BOMB, "gzip, gzip"), "encoding"),
    "gzip that is not": (coded(b"not gzip at all", "gzip"), "encoding"),
    "gzip cut short": (coded(gzip.compress(b"x" * 100)[:-9], "gzip"), "encoding"),
    "unknown coding": (coded(b"abc", "br"), "encoding"),
    "garbage": (replying(b"\x00\x01\x02 garbage\r\n\r\n"), "malformed"),
    "another protocol": (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), "malformed"),
    "bad Content-Length": (replying(OK_HEAD + b"Content-Length: 1e3\r\n\r\n"), "malformed"),
    "two Content-Lengths": (replying(OK_HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"), "malformed"),
    "closed at once": (lambda connection: None, None),
    "closed after the request": (lambda connection: read_request(connection) and None, "closed"),
    "closed in mid-body": (replying(OK_HEAD + b"Content-Length: 10\r\n\r\nabc"), "closed"),
    "reset": (resetting, "reset"),
    "an injected second answer": (replying(answer(b"{}") + answer(b'"injected"')), "malformed"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_target_is_survived(name: str) -> None:
    handler, failure = HOSTILE[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving(handler) as url, Transport(url, deadline_s=1.0, max_body=1_000_000) as transport:
        began = time.monotonic()
        exchange = transport.request(name, "GET", "/")
        took = time.monotonic() - began
    assert exchange.status is None
    assert exchange.failure in ({failure} if failure else {"closed", "reset"})
    assert transport.why()
    assert took < 2.5
    assert len(exchange.body) <= KEPT_OF_FAILED
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # kB


def test_refused_and_unknown_hosts() -> None:
    with socket.socket() as bound:  # bound and not listening: nothing else can take the port meanwhile
        bound.bind(("127.0.0.1", 0))
        refused = Transport(f"http://127.0.0.1:{bound.getsockname()[1]}").request("x", "GET", "/")
    assert (refused.failure, refused.status) == ("refused", None)
    unknown = Transport("http://no-such-host.invalid", deadline_s=5.0).request("x", "GET", "/")
    assert unknown.failure in {"refused", "deadline"}


@pytest.mark.parametrize("url", ["127.0.0.1:80", "ftp://h/", "http://", "http://u:p@h/", "http://h:99999/"])
def test_unusable_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not a service's URL"):
        Transport(url)


def test_plain_http_where_tls_was_expected() -> None:
    with serving(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")) as url:
        exchange = Transport(url.replace("http:", "https:"), deadline_s=2.0).request("x", "GET", "/")
    assert exchange.failure in {"malformed", "reset"}


def test_redirects_are_not_followed_and_proxies_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    asked: list[bytes] = []

    def handler(connection: socket.socket) -> None:
        asked.append(read_request(connection))
        connection.sendall(answer(b"", status="302 Found", headers="Location: /elsewhere\r\n"))

    with serving(handler) as url:
        exchange = Transport(url).request("x", "GET", "/here")
    assert exchange.status == 302
    assert len(asked) == 1
    assert b"\r\nAccept-Encoding: identity\r\n" in asked[0]


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b'{"a":1}', mtime=0)),
        ("deflate", zlib.compress(b'{"a":1}')),
        ("deflate", zlib.compress(b'{"a":1}')[2:-4]),
        ("identity", b'{"a":1}'),
    ],
)
def test_modest_compression_is_undone(coding: str, body: bytes) -> None:
    with serving(coded(body, coding)) as url:
        assert Transport(url).request("x", "GET", "/").json == {"a": 1}


LARGE = pytest.mark.parametrize("body", [b"x" * 20_000_000, [b"x" * 100_000] * 200], ids=["whole", "in pieces"])


@LARGE
def test_answer_is_read_although_the_server_stopped_reading(body: bytes | Sequence[bytes]) -> None:
    def handler(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(answer(b'{"title":"too large"}', status="413 Too Large", headers="Connection: close\r\n"))
        # closing with unread bytes makes the kernel send a reset after the answer

    with serving(handler) as url:
        exchange = Transport(url, deadline_s=5.0).request("big", "POST", "/", body)
    assert exchange.status == 413
    assert exchange.json == {"title": "too large"}


@LARGE
def test_answer_is_read_although_the_server_reads_no_further_and_does_not_close(body: bytes | Sequence[bytes]) -> None:
    done = threading.Event()

    def handler(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(answer(status="413 Too Large"))
        done.wait(10)

    with serving(handler) as url:
        exchange = Transport(url, deadline_s=2.0).request("big", "POST", "/", body)
        done.set()
    assert exchange.status == 413


def test_a_body_in_pieces_arrives_whole_and_is_not_recorded() -> None:
    seen: list[bytes] = []

    def handler(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(answer())

    with serving(handler) as url:
        exchange = Transport(url).request("x", "POST", "/", [b"ab", b"", b"c" * 100_000, b"d"])
    assert exchange.ok
    assert exchange.request_body == b""
    assert seen[0].partition(b"\r\n\r\n")[2] == b"ab" + b"c" * 100_000 + b"d"
    assert b"Content-Length: 100003\r\n" in seen[0]


def test_kept_connection_is_used_again_and_replaced_when_idle_closed() -> None:
    connections = itertools.count()

    def handler(connection: socket.socket) -> None:
        own = str(next(connections)).encode()
        for _ in range(2):
            if read_request(connection):
                connection.sendall(answer(own))

    with serving(handler) as url, Transport(url) as transport:
        bodies = []
        for _ in range(5):
            bodies.append(transport.request("x", "POST", "/", b"{}", keep_alive=True).body)
            time.sleep(0.05)
    assert bodies == [b"0", b"0", b"1", b"1", b"2"]


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize(("noticed_s", "sent", "failure"), [(60.0, 3, None), (0.005, 2, "closed")])
def test_request_is_sent_again_once_only_where_a_kept_connection_ended_before_it_could_be_had(
    resets: bool, noticed_s: float, sent: int, failure: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[bytes] = []

    def handler(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        connection.sendall(answer(b"1"))
        requests.append(read_request(connection))  # and closes without a byte
        time.sleep(0.05)
        if resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    monkeypatch.setattr(keep_alive, "NOTICED_S", noticed_s)
    with serving(handler) as url, Transport(url) as transport:
        assert transport.request("x", "GET", "/", keep_alive=True).ok
        found = transport.request("x", "POST", "/", b"{}", keep_alive=True).failure
    assert found == ("reset" if failure and resets else failure)
    assert len([one for one in requests if one]) == sent


def test_fresh_connections_are_not_retried() -> None:
    count = itertools.count()

    def handler(connection: socket.socket) -> None:
        read_request(connection)
        next(count)

    with serving(handler) as url, Transport(url) as transport:
        assert transport.request("x", "GET", "/", keep_alive=True).failure == "closed"
    assert next(count) == 1


def test_late_injected_answer_is_never_believed() -> None:
    injected = threading.Event()

    def handler(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer(b'"first"'))
        if not injected.is_set():
            time.sleep(0.1)
            connection.sendall(answer(b'"injected"'))
            injected.set()
        if read_request(connection):
            connection.sendall(answer(b'"second"'))

    with serving(handler) as url, Transport(url) as transport:
        transport.request("x", "GET", "/", keep_alive=True)
        assert injected.wait(5)
        time.sleep(0.05)
        assert transport.request("x", "GET", "/", keep_alive=True).json == "first"  # of a new connection


def test_threads_share_a_transport() -> None:
    with serving(replying(*[answer(b"1")] * 50)) as url, Transport(url) as transport:
        outcomes: list[str] = []

        def work() -> None:
            outcomes.extend(transport.request("x", "GET", "/", keep_alive=True).outcome for _ in range(50))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert outcomes == ["200"] * 400


def test_headers_of_a_request_replace_namesakes_and_bad_ones_are_not_sent() -> None:
    seen: list[bytes] = []

    def handler(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(answer())

    with serving(handler) as url:
        transport = Transport(url + "/prefix", headers=[("Authorization", "Bearer a"), ("X", "1")])
        exchange = transport.request("x", "GET", "/p", headers=[("authorization", "Bearer b")])
        broken = transport.request("x", "GET", "/p", headers=[("X", "a\r\nY: b")])
    assert seen[0].startswith(b"GET /prefix/p HTTP/1.1\r\n")
    assert b"Bearer a" not in seen[0]
    assert ("authorization", "Bearer b") in exchange.request_headers
    assert (broken.failure, len(seen)) == ("unsent", 1)


@pytest.mark.parametrize(
    ("finish", "seen", "outcome"),
    [("wait", b"rude", "deadline"), ("half_close", b"rude", "400"), ("abort", None, "closed")],
)
def test_raw_bytes(finish: str, seen: bytes | None, outcome: str) -> None:
    got: list[bytes | None] = []
    done = threading.Event()

    def handler(connection: socket.socket) -> None:
        data = b""
        try:
            while piece := connection.recv(100):
                data += piece
            got.append(data)
            connection.sendall(answer(status="400 Bad"))
        except ConnectionResetError:
            got.append(None)
        finally:
            done.set()

    with serving(handler) as url:
        exchange = Transport(url).send_raw(
            "rude", b"rude", path="/", method="POST", finish=finish, deadline_s=0.3  # type: ignore[arg-type]
        )  # fmt: skip
        assert done.wait(5)
    assert (got, exchange.outcome) == ([seen], outcome)
    assert (exchange.request_body, exchange.request_headers) == (b"rude", ())


def test_elapsed_runs_from_the_first_byte_sent_to_the_last_byte_read() -> None:
    def handler(connection: socket.socket) -> None:
        read_request(connection)
        time.sleep(0.2)
        connection.sendall(answer())

    with serving(handler) as url:
        exchange = Transport(url).request("x", "GET", "/")
    assert 0.19 < exchange.elapsed_s < 0.6
    assert abs(exchange.sent_at - time.time()) < 2


def test_escapes_in_an_answer_can_be_printed() -> None:
    raw = answer(b"\x1b]0;title\x07", status="500 \x1b[31mred", headers="X: \x1b[2J\x9b\r\n")
    with serving(replying(raw)) as url:
        exchange = Transport(url).request("x", "GET", "/")
    assert exchange.failure == "malformed" or exchange.status == 500
    shown = scrub(exchange.text + str(exchange.header("X")) + transport_text(raw))
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "\\x1b" in shown


def transport_text(raw: bytes) -> str:
    return raw.decode("latin-1")
