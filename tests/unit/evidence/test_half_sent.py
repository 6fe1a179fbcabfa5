"""A request in two parts, against a socket that answers, closes, or says nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest

from pytest_mlready.evidence.half_sent import HalfSent
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.service.target import Target

ROW = {"a": 1.0, "b": 2.0}
Behaviour = Callable[[socket.socket], None]


def answer(connection: socket.socket) -> None:
    received = b""
    while b'{"features":[1.0,2.0]}' not in received:
        received += connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def close_at_once(connection: socket.socket) -> None:
    connection.recv(4096)


def babble(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"no HTTP at all\r\n\r\n")
    time.sleep(0.1)


def wait(connection: socket.socket) -> None:
    connection.recv(4096)
    time.sleep(0.6)


@pytest.mark.parametrize(
    ("behaviour", "outcomes"),
    [(answer, {"200"}), (close_at_once, {"closed", "reset"}), (babble, {"malformed", "reset"}), (wait, {"deadline"})],
)
def test_the_outcome_says_what_became_of_it(behaviour: Behaviour, outcomes: set[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Thread(target=lambda: serve(server, behaviour))
        done.start()
        half = HalfSent.begin(target(server.getsockname()[1]), ROW)
        time.sleep(0.1)
        begun, ended, outcome = half.finish(time.monotonic() + 0.3)
        done.join()
    assert outcome in outcomes
    assert begun < ended


def test_nobody_listening_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert HalfSent.begin(target(port), ROW).finish(time.monotonic() + 0.3)[2] == "refused"


def serve(server: socket.socket, behaviour: Behaviour) -> None:
    connection, _ = server.accept()
    with connection:
        behaviour(connection)


def target(port: int) -> Target:
    return Target(f"http://127.0.0.1:{port}", JsonMapping(), {}, None, frozenset())
