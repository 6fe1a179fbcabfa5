"""One keep-alive HTTP/1.1 connection in gevent's loop, made for many short requests."""

from __future__ import annotations

import errno
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import gevent.socket
import gevent.ssl

from pytest_mlready.openloop.arrival import decrypted, received, stamp
from pytest_mlready.openloop.deadline import Deadline
from pytest_mlready.protocols.http1 import Malformed, Oversize, ResponseParser
from pytest_mlready.protocols.keep_alive import closed_before, round_trip_s

UNSENT = "unsent"
"""What became of a request that we could not send at all: nothing that the service answered, or failed to."""
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM}
_FOR_READING = 1
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError)


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
    """No whole answer came; `word` is one of those that `records.Exchange.failure` may hold."""

    def __init__(self, word: str, why: str = "") -> None:
        super().__init__(f"{word}: {why}" if why else word)
        self.word = word


class _Stale(Exception):
    """A connection that was used before turned out to have been closed when the request was sent on it."""


class Connection:
    """Sends one request at a time and reopens itself as needed.

    Its socket is watched for reading from its opening to its end. Watching it anew for each answer, with a timeout for
    each, would cost more than everything else that is done for a request.

    `answered_at` is when (`time.monotonic()`) the last byte of the last answer came, `resent` how many times it sent
    the last request again.
    """

    def __init__(self, origin: Origin, timeout_s: float, max_body: int) -> None:
        self.answered_at = 0.0
        self.resent = 0
        self._origin = origin
        self._receive = decrypted if origin.tls else received
        self._timeout_s = timeout_s
        self._max_body = max_body
        self._hub = gevent.get_hub()
        self._deadline = Deadline(self._hub.loop, lambda: Failed("deadline"))
        self._socket: Any = None
        self._round_trip_s = 0.0
        self._watcher: Any = None
        self._reader: Any = None

    def exchange(self, method: str, request: bytes) -> ResponseParser:
        """Send prepared bytes, return the complete answer.

        A server may close an idle connection at the moment we use it (`keep_alive`): where a connection that was used
        before ends so soon that it may not have had the request, that goes once more over a new one.

        Raises:
            Failed: refused, unsent, reset, closed, deadline, oversize or malformed.
        """
        self._deadline.set(self._timeout_s)
        self.resent = 0
        try:
            try:
                return self._attempt(method, request)
            except _Stale:
                self.close()
                self.resent = 1
                return self._attempt(method, request)
        except BaseException:
            self.close()
            raise
        finally:
            self._deadline.clear()

    def close(self) -> None:
        """Close the socket, if one is open."""
        if self._socket is not None:
            self._watcher.stop()
            self._watcher.close()
            self._socket.close()
            self._socket = None

    def _attempt(self, method: str, request: bytes) -> ResponseParser:
        used = self._socket is not None
        if not used:
            self._open()
        parser = ResponseParser(method, self._max_body)
        sent_at = time.monotonic()
        try:
            self._send(request)
            self._read(parser)
        except Oversize:
            raise Failed("oversize") from None
        except Malformed:
            raise Failed("malformed") from None
        except OSError:
            if used and not parser.started and closed_before(time.monotonic() - sent_at, self._round_trip_s):
                raise _Stale from None
            raise Failed("reset") from None
        except EOFError:
            if used and not parser.started and closed_before(time.monotonic() - sent_at, self._round_trip_s):
                raise _Stale from None
            raise Failed("closed") from None
        if not parser.keep_alive or parser.leftover:
            self.close()
        return parser

    def _open(self) -> None:
        origin = self._origin
        try:
            raw = gevent.socket.create_connection((origin.host, origin.port))
        except OSError as error:
            word = UNSENT if error.errno in _EXHAUSTED else "refused"
            raise Failed(word, f"no connection to {origin.authority}: {error.strerror or error}") from None
        try:
            raw.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
            stamp(raw)
            self._round_trip_s = round_trip_s(raw)
            self._socket = _secured(raw, origin.host) if origin.tls else raw
        except BaseException:
            raw.close()
            raise
        self._socket.setblocking(False)
        self._watcher = self._hub.loop.io(self._socket.fileno(), _FOR_READING)

    def _send(self, request: bytes) -> None:
        try:
            sent = self._send_some(request)
            if sent < len(request):
                self._send_rest(memoryview(request)[sent:])
        except (BrokenPipeError, ConnectionResetError):
            # An early answer (413, 408) may be waiting although the server stopped reading.
            pass

    def _send_rest(self, rest: memoryview) -> None:
        self._watcher.stop()  # an answer that comes early is read later: it must not wake us here
        while rest:
            gevent.socket.wait_write(self._socket.fileno())
            rest = rest[self._send_some(rest) :]

    def _send_some(self, data: bytes | memoryview) -> int:
        try:
            return int(self._socket.send(data))
        except _NOT_YET:
            return 0

    def _read(self, parser: ResponseParser) -> None:
        """Feed what comes until the answer is complete. Raises EOFError where the server ends it before."""
        if not self._watcher.active:
            self._watcher.start(self._readable)
        while True:
            self._wait()
            try:
                data, self.answered_at = self._receive(self._socket)
            except _NOT_YET:
                continue
            if not data and not parser.eof():
                raise EOFError
            if not data or parser.feed(data):
                return

    def _wait(self) -> None:
        self._reader = gevent.getcurrent()
        try:
            self._hub.switch()
        finally:
            self._reader = None

    def _readable(self) -> None:
        """Called by the loop. Where no answer is awaited, the server closed, or says what nobody asked for."""
        if self._reader is None:
            self.close()
        else:
            self._reader.switch()


def _secured(raw: Any, host: str) -> Any:
    try:
        return _tls().wrap_socket(raw, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise Failed(UNSENT, f"the certificate is not trusted: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise Failed("malformed", f"TLS: {error.reason or error}") from None
    except OSError as error:
        raise Failed("reset", f"TLS: {error.strerror or error}") from None


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
