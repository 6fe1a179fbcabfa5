"""What is written in one turn of the event loop leaves in one go, and nothing of it is lost or late."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest

from reference_service.web.corked import MOST_HELD, Corked
from tests.contract.conftest import Server


class Recorded:
    """A transport that records."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.closed = True
        self.done.append("closed")

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> str:
        return f"the {name}"


def turns(*steps: Any) -> list[object]:
    """What a transport records of steps, each in a turn of its own."""
    recorded = Recorded()

    async def scenario() -> None:
        corked = Corked(recorded, asyncio.get_running_loop())
        for step in steps:
            step(corked)
            await asyncio.sleep(0)

    asyncio.run(scenario())
    return recorded.done


def test_a_turns_writes_leave_together_and_those_of_two_turns_apart() -> None:
    def write_both(corked: Corked) -> None:
        corked.write(b"head")
        corked.write(b"body")

    assert turns(write_both, lambda corked: corked.write(b"next")) == [b"headbody", b"next"]


def test_closing_writes_first() -> None:
    def write_and_close(corked: Corked) -> None:
        corked.write(b"bye")
        corked.close()

    assert turns(write_and_close) == [b"bye", "closed"]


def test_much_does_not_wait() -> None:
    recorded = Recorded()

    async def scenario() -> None:
        corked = Corked(recorded, asyncio.get_running_loop())
        for _ in range(3):
            corked.write(b"x" * MOST_HELD)
        assert b"".join(part for part in recorded.done if isinstance(part, bytes)) == b"x" * 2 * MOST_HELD

    asyncio.run(scenario())


def test_a_connection_that_was_lost_is_not_written_to() -> None:
    recorded = Recorded()

    async def scenario() -> None:
        corked = Corked(recorded, asyncio.get_running_loop())
        corked.write(b"too late")
        recorded.closed = True
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert recorded.done == []


def test_all_else_is_the_transports_own() -> None:
    async def scenario() -> None:
        assert Corked(Recorded(), asyncio.get_running_loop()).get_extra_info("socket") == "the socket"

    asyncio.run(scenario())


@pytest.mark.parametrize("times", [1, 3], ids=["alone", "pipelined"])
def test_whole_answers_arrive(server: Server, row: list[float], times: int) -> None:
    content = json.dumps({"features": row}).encode()
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=20) as raw:
        raw.sendall((head % len(content) + content) * times)
        first = raw.recv(65536)
        assert b'"prediction"' in first  # the head did not come alone
        received = first
        while received.count(b'"request_id"') < times:
            received += raw.recv(65536)
    assert received.count(b"HTTP/1.1 200 OK") == times
