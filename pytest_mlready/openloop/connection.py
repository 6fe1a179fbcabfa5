"""One keep-alive HTTP/1.1 connection over a bare gevent socket."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import gevent.socket
import gevent.ssl

from pytest_mlready.protocols.http1 import Malformed, Oversize, ResponseParser

_READ = 65_536
UNSENT = "unsent"
"""What became of a request for which this machine had no socket: nothing that the service could have done."""
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM}


@dataclass(frozen=True)
class Origin:
    """Where a service listens."""

    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of `url`. Raises ValueError where it has no host."""
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError(f"{url!r} names no host")
        tls = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls)

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


class Failed(Exception):
    """No whole answer came; `word` says why (see `records.Exchange.failure`)."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class _Stale(Exception):
    """A connection that was used before turned out closed before any byte of the answer."""


class Connection:
    """Sends one request at a time and reopens itself as needed."""

    def __init__(self, origin: Origin, timeout_s: float, max_body: int) -> None:
        self._origin = origin
        self._timeout_s = timeout_s
        self._max_body = max_body
        self._socket: Any = None

    def exchange(self, method: str, request: bytes) -> ResponseParser:
        """Send prepared bytes, return the complete answer.

        A server may close an idle connection at the moment we use it (RFC 9112, 9.3.1): where a connection that was
        used before ends without a single byte, the request goes once more over a new one.

        Raises:
            Failed: refused, reset, closed, deadline, oversize, malformed or unsent.
        """
        deadline = time.monotonic() + self._timeout_s
        try:
            try:
                return self._attempt(method, request, deadline)
            except _Stale:
                self.close()
                return self._attempt(method, request, deadline)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the socket, if one is open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _attempt(self, method: str, request: bytes, deadline: float) -> ResponseParser:
        used = self._socket is not None
        if not used:
            self._open(deadline)
        parser = ResponseParser(method, self._max_body)
        try:
            self._send_and_read(parser, request, deadline)
        except TimeoutError:
            raise Failed("deadline") from None
        except Oversize:
            raise Failed("oversize") from None
        except Malformed:
            raise Failed("malformed") from None
        except OSError:
            if used and not parser.started:
                raise _Stale from None
            raise Failed("reset") from None
        except EOFError:
            if used and not parser.started:
                raise _Stale from None
            raise Failed("closed") from None
        if not parser.keep_alive or parser.leftover:
            self.close()
        return parser

    def _open(self, deadline: float) -> None:
        origin = self._origin
        try:
            raw = gevent.socket.create_connection((origin.host, origin.port), timeout=_left(deadline))
            raw.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
            if origin.tls:
                raw = _tls().wrap_socket(raw, server_hostname=origin.host)
        except TimeoutError:
            raise Failed("deadline") from None
        except OSError as error:
            raise Failed(UNSENT if error.errno in _EXHAUSTED else "refused") from None
        self._socket = raw

    def _send_and_read(self, parser: ResponseParser, request: bytes, deadline: float) -> None:
        connection = self._socket
        connection.settimeout(_left(deadline))
        try:
            connection.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            if parser.started:
                raise
            # An early answer (413, 408) may be waiting although the server stopped reading.
        while True:
            data = connection.recv(_READ)
            if not data:
                if parser.eof():
                    return
                raise EOFError
            if parser.feed(data):
                return
            connection.settimeout(_left(deadline))


class Connections:
    """What one request at a time has to itself: a connection `to` each origin, open from its first use on."""

    def __init__(self, origins: Iterable[Origin], timeout_s: float, max_body: int) -> None:
        self.to = {one: Connection(one, timeout_s, max_body) for one in origins}

    def close(self) -> None:
        """Close all."""
        for one in self.to.values():
            one.close()


@cache
def _tls() -> Any:
    """One context for all connections: reading the system's certificates takes milliseconds."""
    return gevent.ssl.create_default_context()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
