"""The guarded transport: whatever a target does, a request ends in bounded time and memory, as an Exchange."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from pytest_mlready.protocols.http1 import Oversize, ResponseParser, request_head
from pytest_mlready.protocols.keep_alive import closed_before
from pytest_mlready.records import Exchange
from pytest_mlready.service.connection import Connection, Failed, Finish
from pytest_mlready.service.decoding import BadEncoding, decoded

JSON = (("Content-Type", "application/json"),)
MAX_BODY = 16 * 1024 * 1024
KEPT_OF_FAILED = 64 * 1024
"""So much of the body of an answer that failed is kept, in bytes."""

Headers = Sequence[tuple[str, str]]


class Transport:
    """Requests to one origin, each under one total deadline and with a bounded answer.

    Every outcome is an `Exchange`; none is an exception. Nothing is followed (redirects), taken from the environment
    (proxies) or trusted (sizes, codings, framing, bytes after the answer). A request has a connection of its own
    unless `keep_alive` is asked for; then each thread keeps one, so a transport may be shared by threads.

    Parameters:
        url: origin, `http` or `https`, with an optional path prefix.
        deadline_s: seconds that a whole request may take, connecting included.
        max_body: bytes of an answer's body, before and after decompression.
        headers: sent with every request; a header given with a request takes the place of its namesake.
        ca_file: PEM file of certificates to trust instead of the system's.
        verify: False accepts any certificate.

    Raises:
        ValueError: the URL is not one of http or https with a host and without credentials.
    """

    def __init__(
        self,
        url: str,
        *,
        deadline_s: float = 10.0,
        max_body: int = MAX_BODY,
        headers: Headers = (),
        ca_file: Path | None = None,
        verify: bool = True,
    ) -> None:
        self.url = url.rstrip("/")
        self.deadline_s = deadline_s
        self.max_body = max_body
        self.headers = tuple(headers)
        self._host, self._port, self._authority, self.prefix, secure = _origin(url)
        self._tls = _tls(ca_file, verify) if secure else None
        self._local = threading.local()
        self._kept: set[Connection] = set()
        self._lock = threading.Lock()

    def request(
        self,
        case: str,
        method: str,
        path: str,
        body: bytes | Sequence[bytes] = b"",
        headers: Headers = (),
        *,
        keep_alive: bool = False,
        deadline_s: float | None = None,
    ) -> Exchange:
        """Send one request and read its answer.

        A body may come in pieces, which are sent one after another and need not fit in memory together: of such a
        body nothing is recorded.

        A kept connection that the server closed while idle is replaced, and the request sent again, once, if it ended
        so soon that the server may not have had it (`keep_alive`).
        """
        own = [("Host", self._authority), ("User-Agent", "pytest-mlready"), ("Accept", "*/*")]
        own += [("Accept-Encoding", "identity"), ("Connection", "keep-alive" if keep_alive else "close")]
        sent = _overridden(_overridden(own, self.headers), headers)
        started = time.monotonic()
        pieces, recorded = ((), body) if isinstance(body, bytes) else (body, b"")
        try:
            size = len(recorded) + sum(map(len, pieces))
            payload = (request_head(method, self.prefix + path, sent, size) + recorded, *pieces)
        except ValueError as error:
            self._note(str(error))
            return Exchange(case, method, path, None, failure="unsent", request_headers=sent, request_body=recorded)
        until = started + (self.deadline_s if deadline_s is None else deadline_s)
        talk = _Talk(case, method, path, payload, until, "wait", sent, recorded)
        return self._kept_alive(talk) if keep_alive else self._once(talk, keep=False)

    def send_raw(
        self,
        case: str,
        payload: bytes,
        *,
        path: str,
        method: str,
        finish: Finish = "wait",
        deadline_s: float | None = None,
    ) -> Exchange:
        """Send bytes as they are, on a connection of their own: input that no well-behaved client would send.

        `finish`: "wait" for the answer, "half_close" the sending side first, or "abort" with a reset and not read.
        The exchange has the payload as `request_body` and no `request_headers`; `path` and `method` are labels.
        """
        until = time.monotonic() + (self.deadline_s if deadline_s is None else deadline_s)
        return self._once(_Talk(case, method, path, (payload,), until, finish, (), payload), keep=False)

    def why(self) -> str:
        """A sentence on the latest failure in this thread, empty if there was none."""
        return getattr(self._local, "why", "")

    def local_port(self) -> int | None:
        """Our port of the connection that this thread keeps, None if it keeps none."""
        connection: Connection | None = getattr(self._local, "connection", None)
        return None if connection is None or connection not in self._kept else connection.local_port

    def close(self) -> None:
        """Close the kept connections of all threads."""
        with self._lock:
            kept, self._kept = self._kept, set()
        for connection in kept:
            connection.close()

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _kept_alive(self, talk: _Talk) -> Exchange:
        connection: Connection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None and connection in self._kept and connection.pending() is False:
            parser = ResponseParser(talk.method, self.max_body)
            began = time.monotonic()
            exchange = self._converse(connection, talk, parser, keep=True)
            unread = exchange.failure in {"closed", "reset"} and not parser.started
            if not (unread and closed_before(time.monotonic() - began, connection.round_trip_s)):
                return exchange
        elif connection is not None:
            self._drop(connection)
        return self._once(talk, keep=True)

    def _once(self, talk: _Talk, *, keep: bool) -> Exchange:
        try:
            connection = Connection.open(self._host, self._port, self._tls, talk.until)
        except Failed as failed:
            self._note(str(failed))
            return talk.exchange(None, failure=failed.word, sent_at=time.time())
        return self._converse(connection, talk, ResponseParser(talk.method, self.max_body), keep=keep)

    def _converse(self, connection: Connection, talk: _Talk, parser: ResponseParser, *, keep: bool) -> Exchange:
        sent_at = time.time()
        self._note("")
        failure: str | None = None
        headers: tuple[tuple[str, str], ...] = ()
        body = b""
        try:
            connection.talk(talk.payload, parser, talk.until, talk.finish)
            body = parser.body
            if parser.leftover or (connection.reusable and connection.pending() is True):
                raise Failed("malformed", "more bytes followed the whole answer: a second one nobody asked for")
            headers = tuple(parser.headers)
            body = decoded(body, _coding(headers), self.max_body)
        except Failed as failed:
            failure = failed.word
            self._note(str(failed))
        except (BadEncoding, Oversize) as error:
            failure = "encoding" if isinstance(error, BadEncoding) else "oversize"
            self._note(str(error))
        finally:
            if keep and failure is None and connection.reusable:
                with self._lock:
                    self._kept.add(connection)
                self._local.connection = connection
            else:
                self._drop(connection)
        return talk.exchange(
            parser.status if failure is None else None,
            headers=headers or tuple(parser.headers),
            body=body if failure is None else parser.body[:KEPT_OF_FAILED],
            elapsed_s=(connection.last_read or 0.0) - (connection.first_sent or 0.0),
            failure=failure,
            sent_at=sent_at,
        )

    def _drop(self, connection: Connection) -> None:
        with self._lock:
            self._kept.discard(connection)
        connection.close()

    def _note(self, why: str) -> None:
        self._local.why = why


@dataclass(frozen=True)
class _Talk:
    """One request to be sent, and how it is to be recorded."""

    case: str
    method: str
    path: str
    payload: Sequence[bytes]
    until: float
    finish: Finish
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def exchange(self, status: int | None, **answer: Any) -> Exchange:
        sent: dict[str, Any] = {"request_headers": self.headers, "request_body": self.body}
        return Exchange(self.case, self.method, self.path, status, **sent, **answer)


def _coding(headers: Headers) -> str | None:
    return ",".join(value for name, value in headers if name.lower() == "content-encoding") or None


def _overridden(earlier: Iterable[tuple[str, str]], later: Headers) -> tuple[tuple[str, str], ...]:
    names = {name.lower() for name, _ in later}
    return (*(pair for pair in earlier if pair[0].lower() not in names), *later)


def _origin(url: str) -> tuple[str, int, str, str, bool]:
    """Host, port, Host header, path prefix, whether TLS."""
    parts = urlsplit(url)
    with contextlib.suppress(ValueError):
        port = parts.port
        if parts.scheme in {"http", "https"} and parts.hostname and parts.username is None and not parts.query:
            secure = parts.scheme == "https"
            return parts.hostname, port or (443 if secure else 80), parts.netloc, parts.path.rstrip("/"), secure
    raise ValueError(f"{url!r} is not a service's URL: expected http://host[:port] or https://…, without credentials")


def _tls(ca_file: Path | None, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
