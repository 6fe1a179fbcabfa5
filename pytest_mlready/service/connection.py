"""One TCP or TLS connection under one total deadline, reading while it writes."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterable
from typing import Any, Literal

from pytest_mlready.protocols.http1 import Malformed, Oversize, ResponseParser
from pytest_mlready.protocols.keep_alive import round_trip_s

Finish = Literal["wait", "half_close", "abort"]

_PIECE = 256 * 1024
_NOTHING = memoryview(b"")
_WOULD_BLOCK = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Failed(Exception):
    """No whole answer; `word` is one of those that `Exchange.failure` may hold."""

    def __init__(self, word: str, why: str) -> None:
        super().__init__(why)
        self.word = word


class Connection:
    """A connected socket.

    `first_sent` and `last_read` are monotonic seconds of the latest conversation, `round_trip_s` seconds that a round
    trip took when it was new.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.round_trip_s = round_trip_s(sock)
        self._poll = select.poll()
        self._write_needs_read = False
        self.first_sent: float | None = None
        self.last_read: float | None = None
        self.reusable = False

    @classmethod
    def open(cls, host: str, port: int, tls: ssl.SSLContext | None, until: float) -> Connection:
        """Connect, trying every address of the name, before the monotonic time `until`. Raises Failed."""
        error: OSError | None = None
        for family, address in _addresses(host, port, until):
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(_left(until))
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if tls is not None:
                    sock = _handshaken(sock, tls, host, until)
                sock.setblocking(False)
                return cls(sock)
            except TimeoutError:
                sock.close()
                raise Failed("deadline", f"no connection to {host}:{port} before the deadline") from None
            except OSError as met:
                sock.close()
                error = met
            except BaseException:
                sock.close()
                raise
        raise Failed("refused", f"no connection to {host}:{port}: {error}")

    @property
    def local_port(self) -> int:
        """The port at our end; by it the kernel knows who holds the other."""
        found: int = self._sock.getsockname()[1]
        return found

    def talk(self, payload: Iterable[bytes], parser: ResponseParser, until: float, finish: Finish = "wait") -> None:
        """Send the pieces of `payload` and read until `parser` has a whole answer.

        Reading goes on while writing: a server may answer 413 and close before it has read everything.

        Raises:
            Failed: reset, closed, deadline, malformed or oversize.
        """
        self.reusable = False
        self.first_sent = self.last_read = time.monotonic()
        pieces = (memoryview(piece) for piece in payload if piece)
        unsent = next(pieces, _NOTHING)
        sending = True
        while True:
            if time.monotonic() > until:
                raise Failed("deadline", "the answer was not complete before the deadline")
            sent = self._send(unsent) if sending and unsent else 0
            sending = sending and sent is not None
            unsent = unsent[sent or 0 :]
            if sending and not unsent and not (unsent := next(pieces, _NOTHING)):
                sending = False
                if finish == "abort":
                    self.abort()
                    raise Failed("closed", "the connection was aborted on purpose after sending")
                if finish == "half_close":
                    # Not the TLS object's shutdown: that would end decryption as well.
                    with contextlib.suppress(OSError):
                        socket.socket.shutdown(self._sock, socket.SHUT_WR)
                self._wait(until, writing=False)
            received = self._receive()
            if received is None:
                if not sent:
                    self._wait(until, writing=sending)
                continue
            self.last_read = time.monotonic()
            if self._digest(received, parser):
                self.reusable = parser.keep_alive and not unsent and not parser.leftover and finish == "wait"
                return

    @staticmethod
    def _digest(received: bytes, parser: ResponseParser) -> bool:
        try:
            if received:
                return parser.feed(received)
            if parser.eof():
                return True
        except Malformed as error:
            raise Failed("malformed", str(error)) from None
        except Oversize as error:
            raise Failed("oversize", str(error)) from None
        raise Failed("closed", f"closed {'in the middle of' if parser.started else 'without'} an answer")

    def pending(self) -> bool | None:
        """What an idle connection holds: False nothing, True bytes nobody asked for, None that the peer closed."""
        try:
            received = self._receive()
        except Failed:
            return None
        if received is None:
            return False
        return True if received else None

    def close(self) -> None:
        """Close it."""
        with contextlib.suppress(OSError):
            self._sock.close()

    def abort(self) -> None:
        """Close it with a TCP reset, as a client that vanishes."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def _send(self, data: memoryview) -> int | None:
        """How many bytes went; None when the peer takes no more, though its answer may still be readable."""
        try:
            sent = self._sock.send(data[:_PIECE])
        except _WOULD_BLOCK as error:
            self._write_needs_read = isinstance(error, ssl.SSLWantReadError)
            return 0
        except OSError:
            return None
        self._write_needs_read = False
        return sent

    def _receive(self) -> bytes | None:
        """What came: None nothing yet, b"" the end."""
        try:
            return self._sock.recv(_PIECE)
        except _WOULD_BLOCK:
            return None
        except ssl.SSLError as error:
            raise Failed("malformed", f"TLS: {error}") from None
        except OSError as error:
            raise Failed("reset", str(error)) from None

    def _wait(self, until: float, *, writing: bool) -> None:
        events = select.POLLIN
        if writing and not self._write_needs_read:
            events |= select.POLLOUT
        self._poll.register(self._sock, events)
        self._poll.poll(max(0.0, until - time.monotonic()) * 1000 + 1)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _handshaken(sock: socket.socket, tls: ssl.SSLContext, host: str, until: float) -> ssl.SSLSocket:
    wrapped = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    wrapped.setblocking(False)
    poll = select.poll()
    while True:
        try:
            wrapped.do_handshake()
            return wrapped
        except ssl.SSLWantReadError:
            poll.register(wrapped, select.POLLIN)
        except ssl.SSLWantWriteError:
            poll.register(wrapped, select.POLLOUT)
        except ssl.SSLCertVerificationError as error:
            wrapped.close()
            raise Failed("unsent", f"the certificate is not trusted: {error.verify_message}") from None
        except (ssl.SSLError, ValueError) as error:
            wrapped.close()
            raise Failed("malformed", f"TLS: {error}") from None
        except OSError as error:
            wrapped.close()
            raise Failed("reset", f"TLS: {error}") from None
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            wrapped.close()
            raise TimeoutError


def _addresses(host: str, port: int, until: float) -> list[tuple[socket.AddressFamily, Any]]:
    # The resolver has no deadline of its own, so it is waited for in a thread that may be left behind.
    found: list[list[tuple[socket.AddressFamily, Any]]] = []
    errors: list[str] = []

    def resolve() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.append([(family, address) for family, _, _, _, address in infos])
        except (OSError, UnicodeError) as error:
            errors.append(str(error))

    if host == "localhost" or _is_literal(host):
        resolve()
    else:
        thread = threading.Thread(target=resolve, daemon=True)
        thread.start()
        thread.join(max(0.0, until - time.monotonic()))
    if found:
        return found[0]
    if errors:
        raise Failed("refused", f"the name {host} is not known: {errors[0]}")
    raise Failed("deadline", f"the name {host} was not resolved before the deadline")


def _is_literal(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            socket.inet_pton(family, host)
            return True
    return False
