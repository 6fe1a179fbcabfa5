"""uvicorn's two HTTP protocols, with our promises about what is no request: half of one, or no HTTP at all.

Such bytes never become a request, so they have no route and are in no metric. They are answered with a problem document
like all others, and the connection ends: where the next request would begin is anyone's guess.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from http import HTTPStatus
from typing import Any, cast

import h11
import msgspec
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from reference_service.settings import Limits
from reference_service.web.corked import Corked
from reference_service.web.door import Doored
from reference_service.web.problems import MEDIA_TYPE, Problem, ProblemRenderer
from reference_service.web.upgrade_offers import OffersIgnored


class ServerConfig(uvicorn.Config):
    """uvicorn's settings, and our limits for its protocols."""

    def __init__(self, *arguments: Any, limits: Limits, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.limits = limits


class Guarded(asyncio.Protocol):
    """What is added to a protocol of uvicorn; comes before it among the bases.

    From the first byte of a head its client has `limits.head_seconds` to complete it, however it spreads them: without
    a bound, a client could hold thousands of connections with a byte now and then. A new connection has as long, and so
    has what is left of a body that nobody waits for. Between requests a connection may be idle for longer. None of this
    costs a request that arrives whole more than a glance.
    """

    config: Any
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    cycle: Any
    late: asyncio.TimerHandle | None = None
    head_bytes = 0

    @property
    def limits(self) -> Limits:
        """The limits of this server."""
        config: ServerConfig = self.config
        return config.limits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the first head its time, and answers one packet each."""
        super().connection_made(cast(asyncio.Transport, Corked(transport, self.loop)))
        self.expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self.cancel_late()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and see whether a request is under way."""
        super().data_received(data)
        if self.answering():
            if self.late is not None:
                self.cancel_late()
        elif not self.transport.is_closing():
            if self.late is None:
                self.expect_head()
            if self.head_begun():
                self.head_bytes += len(data)
                if self.head_bytes > self.limits.head_bytes:
                    self.refuse_large_head()

    def answering(self) -> bool:
        """Whether a request's head is complete and its answer is not."""
        return self.cycle is not None and not self.cycle.response_complete

    def head_begun(self) -> bool:
        """Whether there are bytes of a head that is not complete."""
        raise NotImplementedError

    def expect_head(self) -> None:
        """From now on a head must be completed in time."""
        self.head_bytes = 0
        self.late = self.loop.call_later(self.limits.head_seconds, self.too_late)

    def cancel_late(self) -> None:
        """The head is complete, or will never be."""
        if self.late is not None:
            self.late.cancel()
            self.late = None

    def too_late(self) -> None:
        """No head was completed in time. Only half of one can be answered: else nobody asked anything."""
        if self.transport.is_closing() or self.answering():
            return
        if self.head_begun():
            detail = f"The head did not arrive within {self.limits.head_seconds:g} seconds."
            self.refuse(408, "head-too-slow", detail)
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP. A whole request before it is answered first, or its client would mix them up."""
        if self.answering() and not self.cycle.more_body:
            self.cycle.keep_alive = False
        elif getattr(sys.exception(), "error_status_hint", 400) == 431:
            self.refuse_large_head()
        else:
            self.refuse(400, "malformed-http", "This is not an HTTP request.")

    def refuse_large_head(self) -> None:
        """Refuse a head over its limit."""
        self.refuse(431, "head-too-large", f"The head may have at most {self.limits.head_bytes} bytes.")

    def refuse(self, status: int, kind: str, detail: str) -> None:
        """Answer with a problem document, and close."""
        content = msgspec.json.encode(ProblemRenderer().body(Problem(status, kind, detail), str(uuid.uuid4())))
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(content)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + content)
        self.transport.close()


class GuardedHttpTools(Guarded, OffersIgnored, Doored):
    """On the parser in C."""

    def head_begun(self) -> bool:
        """Whether the parser has begun a message that it has made no request of."""
        return self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)


class GuardedH11(Guarded, H11Protocol):
    """On the parser in Python."""

    def head_begun(self) -> bool:
        """Whether the parser waits for the rest of what it has."""
        return self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])


PROTOCOLS: dict[str, type[asyncio.Protocol]] = {"httptools": GuardedHttpTools, "h11": GuardedH11}
