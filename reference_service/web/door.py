"""Refusing what is too much before anything is done for it.

An answer costs a hundred times what the model takes for it, in parsing, routing, counting and writing. A server that
goes through all of that to refuse is as busy refusing as it was answering, and at twice the load it answers nobody in
time. So requests that come when enough are under way already are answered from here, at a fifth of the cost, and yet
like all others: with an id, counted, and logged.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import httptools
from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from reference_service.web.envelope import Exchange
from reference_service.web.problems import Problem
from reference_service.web.rate_limit import EXEMPT

if TYPE_CHECKING:
    from reference_service.components import Components
    from reference_service.web.fast_path import FastPath

STATUS = 503


class Door:
    """Decides who is let in, and answers whom it is not."""

    def __init__(self, components: Components, app: FastPath) -> None:
        self.components = components
        self.app = app
        self.most = components.settings.limits.under_way_requests
        self.under_way: set[Doored] = set()
        """The connections whose request has arrived whole: one that is sent slowly keeps nobody out."""

    def lets_in(self, method: str, path: str) -> bool:
        """Whether a request is let in though there are enough; those of whoever looks after the service always are."""
        return path in EXEMPT or self.components.readiness.draining or self.app.route_at(method, path) is None

    def refusal(self, scope: Any, *, keep_alive: bool) -> bytes:
        """The whole answer to a request that was not let in."""
        parts = self.components
        scope["route"] = self.app.route_at(scope["method"], scope["path"])
        exchange = Exchange(parts, scope, _nowhere)
        exchange.status = STATUS
        detail = "Too many requests are under way; try again."
        problem = Problem(STATUS, "overloaded", detail, headers={"Retry-After": "1"})
        answer = parts.problems.answer(problem, scope)
        last = [] if keep_alive else [(b"connection", b"close")]
        headers = [*answer.raw_headers, *exchange.headers(), *last]
        parts.telemetry.shed("under_way")
        exchange.finish()
        lines = [b"HTTP/1.1 503 Service Unavailable", *(name + b": " + value for name, value in headers)]
        return b"\r\n".join([*lines, b"", bytes(answer.body)])


class Refused:
    """Stands where the protocol has the last request that it answered."""

    response_complete = True
    disconnected = False

    def __init__(self, scope: Any) -> None:
        self.scope = scope
        self.message_event = asyncio.Event()


class Doored(HttpToolsProtocol):
    """uvicorn's protocol on httptools, with the application's door. What is left of a refused body is passed over."""

    @property
    def door(self) -> Door | None:
        """That of the application, if it has one."""
        door: Door | None = getattr(self.app, "door", None)
        return door

    def on_headers_complete(self) -> None:
        """Begin a request, or refuse it."""
        door = self.door
        idle = self.cycle is None or self.cycle.response_complete
        if door is not None and len(door.under_way) >= door.most and idle and not self.expect_100_continue:
            method, path = self.parser.get_method().decode("ascii"), httptools.parse_url(self.url).path.decode("ascii")
            if not door.lets_in(method, path):
                self.refuse_at(door, method, path)
                return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """From here on it costs something."""
        super().on_message_complete()
        if self.door is not None and not self.cycle.response_complete:
            self.door.under_way.add(self)

    def on_response_complete(self) -> None:
        """It is answered."""
        super().on_response_complete()
        if self.door is not None:
            self.door.under_way.discard(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Its client left."""
        super().connection_lost(exc)
        if self.door is not None:
            self.door.under_way.discard(self)

    def refuse_at(self, door: Door, method: str, path: str) -> None:
        """Answer in the application's place."""
        self.scope["method"], self.scope["path"] = method, path
        keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        self.transport.write(door.refusal(self.scope, keep_alive=keep_alive))
        self.cycle = cast(Any, Refused(self.scope))
        if keep_alive:
            self.on_response_complete()
        else:
            self.transport.close()


async def _nowhere(message: Message) -> None:
    """Nothing is sent through an exchange that has its whole answer already."""
