"""A server whose latencies are known: `python truth_server.py MODE`; prints its port, then serves until killed.

Modes: `fast`; `stall` (freezes 300 ms every 2 s); `slow` (100 ms each); `lock` (20 ms each, one at a time); `never`
(no answer); `count` (closes each connection after 5 answers, without saying so); `idle` (closes connections that are
idle for 50 ms); `shuts` (closes each connection as its sixth request comes, which might have crossed the close); `dies`
(takes each connection's sixth request and closes 30 ms later, like a worker that crashed); `errors` (500); `close`
(takes each request and closes); `noise` (answers what is no HTTP); `tls` (as `fast`, with the certificate
localhost.pem, which nobody has signed).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

CERTIFICATE = Path(__file__).with_name("localhost.pem")
PERIOD_S, FREEZE_S, SLOW_S, IDLE_S, DIES_S = 2.0, 0.3, 0.1, 0.05, 0.03
LOCK, LOCKED_S = threading.Lock(), 0.02
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 422 Unprocessable Content\r\nContent-Length: 2\r\n\r\nno"
ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno"


def answer(mode: str, head: bytes, body: bytes, began: float) -> bytes:
    if mode == "stall":
        phase = (time.monotonic() - began) % PERIOD_S
        if phase < FREEZE_S:
            time.sleep(FREEZE_S - phase)
    elif mode == "slow":
        time.sleep(SLOW_S)
    elif mode == "lock":
        with LOCK:
            time.sleep(LOCKED_S)
    elif mode == "never":
        time.sleep(60)
    elif mode == "errors":
        return ERROR
    elif mode == "noise":
        return b"SSH-2.0-OpenSSH_9.2\r\n"
    commas = 29 + (b'"user_id"' in body)
    valid = head.startswith(b"GET") or b'"instances"' in body or body.count(b",") == commas
    return GOOD if valid else BAD


def serve(connection: socket.socket, mode: str, began: float) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(IDLE_S if mode == "idle" else None)
    pending, served = b"", 0
    with contextlib.suppress(OSError), _secured(connection, mode) as connection:
        while data := connection.recv(65_536):
            pending += data
            while b"\r\n\r\n" in pending:
                head, _, rest = pending.partition(b"\r\n\r\n")
                lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                length = int(lengths[0].split(b":")[1]) if lengths else 0
                if len(rest) < length:
                    break
                if mode == "close" or (mode == "shuts" and served == 5):
                    return
                if mode == "dies" and served == 5:
                    time.sleep(DIES_S)
                    return
                pending = rest[length:]
                connection.sendall(answer(mode, head, rest[:length], began))
                served += 1
                if mode == "count" and served == 5:
                    return


def _secured(connection: socket.socket, mode: str) -> socket.socket:
    if mode != "tls":
        return connection
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context.wrap_socket(connection, server_side=True)


def main(mode: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        print(listener.getsockname()[1], flush=True)
        began = time.monotonic()
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, mode, began), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
