"""One packet for an answer, not one for its head and one for its body."""

from __future__ import annotations

import asyncio
from typing import Any

MOST_HELD = 64 * 1024


class Corked:
    """A transport that holds what is written until the event loop's turn ends, and then writes it in one go.

    The servers of uvicorn write an answer's head and its body one after the other: two calls of the kernel, two packets
    and two awakenings of the client for a few hundred bytes. That is a tenth of what a prediction costs.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self.loop = loop
        self.held: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> None:
        """Write soon; at once if much waits, so that the transport can ask for a pause."""
        if not self.held:
            self.loop.call_soon(self.flush)
        self.held.append(data)
        self.size += len(data)
        if self.size > MOST_HELD:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self.held:
            data = b"".join(self.held)
            self.held.clear()
            self.size = 0
            if not self.transport.is_closing():
                self.transport.write(data)

    def close(self) -> None:
        """Write what waits, then end the connection."""
        self.flush()
        self.transport.close()

    def __getattr__(self, name: str) -> Any:
        """All else is the transport's own."""
        return getattr(self.transport, name)
