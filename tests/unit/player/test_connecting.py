"""A name may have several addresses, and a service listen at the last of them."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_mlready.player.connecting import connected

Resolved = list[tuple[Any, ...]]


def nobody_at_the_first(resolve: Callable[..., Resolved]) -> Callable[..., Resolved]:
    """`localhost` as most machines have it, where a service listens at 127.0.0.1 only."""

    def resolved(host: str, port: int, *rest: Any, **given: Any) -> Resolved:
        if host != "localhost":
            return resolve(host, port, *rest, **given)
        return [*resolve("127.0.0.2", port, *rest, **given), *resolve("127.0.0.1", port, *rest, **given)]

    return resolved


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_every_address_of_a_name_is_tried(listening: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", nobody_at_the_first(socket.getaddrinfo))
    with connected("localhost", listening, 1.0, 2048) as connection:
        assert connection.getpeername() == ("127.0.0.1", listening)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < 10_000


def test_where_nobody_listens_the_connection_is_refused(listening: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConnectionRefusedError, match=f"127.0.0.2:{listening}"):
        connected("127.0.0.2", listening, 1.0)

    def unknown(*given: Any, **also: Any) -> Resolved:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConnectionRefusedError, match="the name nowhere is not known"):
        connected("nowhere", 80, 1.0)


def test_an_address_that_does_not_answer_is_waited_for_no_longer() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        with pytest.raises(TimeoutError):
            connected("127.0.0.1", port, 0.05)
        for one in waiting:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
