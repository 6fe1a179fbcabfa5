"""Who holds the other end of a connection, as the kernel has it."""

from __future__ import annotations

import os
import socket

from pytest_mlready.service.transport import Transport
from pytest_mlready.service.workers import holders, listeners
from tests.unit.service.raw_server import answer, replying, serving


def test_the_process_that_accepted_a_connection_is_found_by_our_port() -> None:
    with serving(replying(answer(), answer())) as url, Transport(url) as transport:
        assert transport.local_port() is None
        assert transport.request("first", "GET", "/", keep_alive=True).ok
        port = transport.local_port()
        assert port is not None
        there = int(url.rpartition(":")[2])
        assert holders(there, [os.getpid()]) == {port: os.getpid()}
        assert holders(there, [1 << 22]) == {}
        assert holders(port, [os.getpid()]).get(there) == os.getpid()  # our own end, seen from the other
        assert transport.request("second", "GET", "/", keep_alive=True).ok
        assert transport.local_port() == port


def test_a_connection_that_nobody_accepted_has_no_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            assert holders(port, [os.getpid()]) == {}


def test_who_listens_at_a_port_is_found_by_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            assert listeners(port, [os.getpid()]) == {os.getpid()}
            assert listeners(client.getsockname()[1], [os.getpid()]) == frozenset()
        assert listeners(port, [1 << 22]) == frozenset()
    assert listeners(port, [os.getpid()]) == frozenset()
