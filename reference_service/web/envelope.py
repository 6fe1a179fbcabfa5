"""What every request gets, whatever its route: ids, a count, a log line, its rate, the version, and an answer.

Pure ASGI: Starlette's BaseHTTPMiddleware would triple the cost of a request.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference_service.telemetry import UNMATCHED
from reference_service.web.rate_limit import EXEMPT, too_many
from reference_service.web.request_log import Entry, now

if TYPE_CHECKING:
    from reference_service.components import Components
    from reference_service.experiments.routing import Choice

CLIENT_LEFT = 499


class Envelope:
    """Wraps the application; must be outermost, so that nothing escapes it."""

    def __init__(self, app: ASGIApp, components: Components) -> None:
        self.app = app
        self.components = components

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(self.components, scope, send)
        try:
            early = exchange.early()
            if early > 0:
                await exchange.refuse(early, receive)
            else:
                await self.app(scope, receive, exchange.send)
        except Exception as error:
            await exchange.fail(error, receive)
        finally:
            exchange.finish()


class Exchange:
    """One request on its way to its answer."""

    def __init__(self, components: Components, scope: Scope, send: Send) -> None:
        self.components = components
        self.scope = scope
        self.pass_on = send
        self.began = time.perf_counter()
        self.request_id = components.request_ids.identify(scope["headers"])
        self.trace = components.traces.enter(scope["headers"])
        self.status = CLIENT_LEFT
        self.finished = False
        scope["request_id"], scope["in_force"] = self.request_id, components.serving.state()
        components.telemetry.started()

    def early(self) -> float:
        """By how many seconds the request exceeds its client's rate."""
        limit = self.components.rate_limit
        if not limit.enabled or self.scope["path"] in EXEMPT:
            return 0.0
        return limit.wait(self.components.access.client(self.scope))

    async def refuse(self, early: float, receive: Receive) -> None:
        """Answer a request that exceeds its client's rate."""
        self.components.telemetry.rate_limited()
        refusal = self.components.problems.answer(too_many(early), self.scope)
        await refusal(self.scope, receive, self.send)

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on; count before its last byte leaves, so that who has it finds it counted."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self.headers()]
        elif not message.get("more_body", False):
            self.finish()
        await self.pass_on(message)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of every answer; a draining server also asks clients to connect elsewhere next time."""
        headers = [
            (b"x-request-id", self.request_id.encode()),
            (b"x-model-version", self.version().encode()),
            (b"x-generation", b"%d" % self.scope["in_force"].generation),
            (b"traceparent", self.trace.header),
        ]
        if self.components.readiness.draining:
            headers.append((b"connection", b"close"))
        return headers

    def version(self) -> str:
        """The version that answered, or the one that serves if this was no prediction."""
        choice: Choice | None = self.scope.get("answered")
        return self.components.identity.version(self.scope["in_force"]) if choice is None else choice.version

    async def fail(self, error: Exception, receive: Receive) -> None:
        """Answer for an application that raised."""
        self.components.log.failure(self.request_id, error)
        if self.status == CLIENT_LEFT and not self.finished:
            problem = self.components.problems.problem_for(error)
            await self.components.problems.answer(problem, self.scope)(self.scope, receive, self.send)

    def finish(self) -> None:
        """Count and log, once."""
        if self.finished:
            return
        self.finished = True
        seconds = time.perf_counter() - self.began
        route = getattr(self.scope.get("route"), "path", UNMATCHED)
        method = self.scope["method"]
        version = self.version()
        if "answered" in self.scope:
            self.components.automatic_rollback.answered(version, self.status)
        self.components.telemetry.finished(route, method, self.status, version, seconds)
        method = self.components.telemetry.method_label(method)
        level = "error" if self.status >= 500 else "info"
        choice: Choice | None = self.scope.get("answered")
        variant = None if choice is None else choice.variant
        entry = Entry(
            now(),
            level,
            self.request_id,
            self.trace.trace_id,
            method,
            route,
            self.status,
            round(seconds * 1000, 3),
            version,
            variant,
            self.scope["in_force"].generation,
        )
        self.components.log.request(entry)
