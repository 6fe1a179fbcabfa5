"""Clients that do not behave: each sends a part of a request, in a way of its own, and leaves."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pytest_mlready.player.connecting import connected
from pytest_mlready.protocols.http1 import Malformed, Oversize, ResponseParser, chunked, request_bytes
from pytest_mlready.records import Exchange

if TYPE_CHECKING:
    from pytest_mlready.service.target import Target

MAX_BODY = 1024 * 1024
SMALL_WINDOW = 2048
"""Receive buffer of a client that reads no further, in bytes: the rest of its answer waits at the service."""


@dataclass(frozen=True)
class Manner:
    """What one client does.

    `name` completes "a client that …". It declares `more` bytes than its body has, sends `share` of the body in
    `pieces` over `seconds`, listens, and ends. `batch` asks for several rows, whose answer is longer; `chunked`
    declares no length; who `stays` sends no more and keeps the connection while others ask; `times` so many come at
    once.
    """

    name: str
    share: float = 1.0
    ends: Literal["close", "reset", "half_close"] = "close"
    listens: Literal["no", "first byte", "whole answer"] = "no"
    more: int = 0
    pieces: int = 1
    seconds: float = 0.0
    batch: bool = False
    chunked: bool = False
    stays: bool = False
    times: int = 1

    @property
    def how(self) -> dict[str, str | int | float]:
        """What a replay needs, beside the bytes, to do the same."""
        how: dict[str, str | int | float] = {"pieces": self.pieces, "seconds": self.seconds}
        return {**how, "ends": self.ends, "listens": self.listens, **({"stays": 1} if self.stays else {})}


ABRUPT = (
    Manner("sent its headers only and left", share=0.0),
    Manner("left in the middle of its body", share=0.5),
    Manner("vanished in the middle of its body", share=0.5, ends="reset"),
    Manner("vanished before its answer", ends="reset"),
    Manner("vanished in the middle of its answer", ends="reset", listens="first byte", batch=True),
    Manner("declared more than it sent", ends="half_close", listens="whole answer", more=1000),
)
STALLED = Manner("stopped in the middle of its body and stays", share=0.5, stays=True)
CROWD = Manner("vanished in the middle of its body", share=0.5, ends="reset", times=30)
IN_CHUNKS = Manner(
    "sent its body in chunks, one after another", listens="whole answer", pieces=3, seconds=0.015, chunked=True
)
TRICKLING = Manner("sent its body a few bytes at a time", listens="whole answer", pieces=8, seconds=0.024)


def misbehave(target: Target, manner: Manner, path: str, body: bytes, deadline_s: float) -> Exchange:
    """Do what the manner says with a valid body, within the deadline, and record what was heard."""
    with misbehaving(target, manner, path, body, deadline_s) as exchange:
        return exchange


@contextlib.contextmanager
def misbehaving(target: Target, manner: Manner, path: str, body: bytes, deadline_s: float) -> Iterator[Exchange]:
    """As `misbehave`; a client that stays keeps its connection until the block ends."""
    body = chunked(_pieces(body, manner.pieces)) if manner.chunked else body
    framing = ("Transfer-Encoding", "chunked") if manner.chunked else ("Content-Length", str(len(body) + manner.more))
    headers = (*target.mapping.request_headers, framing)
    sent = body[: int(len(body) * manner.share)]
    parser = ResponseParser("POST", MAX_BODY)
    began = time.monotonic()
    failure: str | None = "closed"
    with contextlib.ExitStack() as held:
        try:
            connection = held.enter_context(_connected(target, began + deadline_s, manner))
            connection.sendall(_head(target, path, headers))
            for number, piece in enumerate(_pieces(sent, manner.pieces)):
                time.sleep(manner.seconds / manner.pieces if number else 0.0)
                connection.sendall(piece)
            if manner.ends == "half_close":
                socket.socket.shutdown(connection, socket.SHUT_WR)
            if manner.listens != "no":
                _listen(connection, parser, began + deadline_s, whole=manner.listens == "whole answer")
            failure = None if parser.complete else "closed"
        except TimeoutError:
            failure = "deadline"
        except ConnectionRefusedError:
            failure = "refused"
        except OSError:
            failure = "reset"
        except (Malformed, Oversize):
            failure = "malformed"
        if not manner.stays:
            held.close()
        yield Exchange(
            f"a client that {manner.name}", "POST", path, parser.status if failure is None else None,
            tuple(parser.headers), parser.body if failure is None else b"", time.monotonic() - began, failure,
            headers, sent,
        )  # fmt: skip


def _head(target: Target, path: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    parts = urlsplit(target.url)
    return request_bytes("POST", parts.path.rstrip("/") + path, (("Host", parts.netloc), *headers, *target.headers))


def _pieces(body: bytes, count: int) -> Iterator[bytes]:
    size = max(1, -(-len(body) // count))
    return (body[at : at + size] for at in range(0, len(body), size))


@contextlib.contextmanager
def _connected(target: Target, until: float, manner: Manner) -> Iterator[socket.socket]:
    parts = urlsplit(target.url)
    secure = parts.scheme == "https"
    seconds = max(0.01, until - time.monotonic())
    window = SMALL_WINDOW if manner.listens == "first byte" else None
    connection = connected(parts.hostname or "", parts.port or (443 if secure else 80), seconds, window)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if secure:
            connection = _trusting(target).wrap_socket(connection, server_hostname=parts.hostname)
        yield connection
        if manner.ends == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    finally:
        connection.close()


def _trusting(target: Target) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=target.ca_file)
    if not target.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _listen(connection: socket.socket, parser: ResponseParser, until: float, *, whole: bool) -> None:
    """Read one byte of the answer, or all of it until the service closes."""
    while not parser.complete:
        connection.settimeout(max(0.01, until - time.monotonic()))
        received = connection.recv(65_536 if whole else 1)
        if not received:
            parser.eof()
            return
        if not whole:
            return
        parser.feed(received)
