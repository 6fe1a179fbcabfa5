"""A raw-socket server for one test: what it does with a connection is the test's own function."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Handler = Callable[[socket.socket], None]


@contextmanager
def serving(handler: Handler) -> Iterator[str]:
    """Serve on a free port of the loopback; every connection is handled in a thread and closed after."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_now: set[socket.socket] = set()
    stopping = threading.Event()

    def handle(connection: socket.socket) -> None:
        open_now.add(connection)
        with connection, contextlib.suppress(OSError):
            handler(connection)
        open_now.discard(connection)

    def accept() -> None:
        while not stopping.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stopping.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in list(open_now):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def read_request(connection: socket.socket) -> bytes:
    """One request, head and body by Content-Length; b"" if the client closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(body: bytes = b"{}", *, status: str = "200 OK", headers: str = "") -> bytes:
    """A plain answer."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


def replying(*answers: bytes) -> Handler:
    """A handler that gives these answers to the requests of a connection in turn, then closes it."""

    def handler(connection: socket.socket) -> None:
        for one in answers:
            if not read_request(connection):
                return
            connection.sendall(one)

    return handler
