"""FastAPI with a shorter way to our own handlers.

Until FastAPI calls a handler, a request passes six middlewares, a search through the routes and four wrappers, which
cost more than a prediction. So a request for one of our own paths goes from the envelope right to its handler, if that
is where FastAPI would have led it: any middleware that was added, or any route that was put before ours, sends it the
long way again, and what a handler raises is always handled as FastAPI does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from reference_service.web.door import Door

Endpoint = Callable[[Request], Awaitable[Response]]


class Templated(Route):
    """A route of ours. Like FastAPI's own it leaves itself in the scope: its path template is the label in metrics."""

    def __init__(self, path: str, endpoint: Endpoint, method: str) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.handler = endpoint
        self.method = method

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the route answers a request, and what it adds to its scope."""
        match, found = super().matches(scope)
        return match, {**found, "route": self} if match is not Match.NONE else found


class FastPath(FastAPI):
    """The application.

    Args:
        envelope: what goes around every request, outside of FastAPI's way and around the short one.
        settings: for FastAPI.
    """

    def __init__(self, envelope: Callable[[ASGIApp], ASGIApp], **settings: Any) -> None:
        super().__init__(**settings)
        self.add_middleware(envelope)
        self.envelope = envelope
        self.ways: dict[tuple[str, str], ASGIApp] = {}
        self.ways_of: tuple[list[BaseRoute], int] = [], 0
        self.routes_at: dict[tuple[str, str], Templated] = {}
        self.door: Door | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            if self.ways_of != (self.router.routes, len(self.user_middleware)):
                self.find_ways()
            way = self.ways.get((scope["method"], scope["path"]))
            if way is not None and not scope.get("root_path"):
                await way(scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    def find_ways(self) -> None:
        """Find the short ways again, after routes or middlewares were added."""
        self.ways_of = list(self.router.routes), len(self.user_middleware)
        self.ways, self.routes_at = {}, {}
        if len(self.user_middleware) == 1:
            for route in self.reached():
                self.ways[route.method, route.path] = self.envelope(Handled(self, route))
                self.routes_at[route.method, route.path] = route

    def route_at(self, method: str, path: str) -> Templated | None:
        """Our route that a request would be led to on the short way, if it has been led anywhere yet."""
        return self.routes_at.get((method, path))

    def reached(self) -> Iterator[Templated]:
        """Our routes without parameters that no earlier route stands before."""
        for place, route in enumerate(self.router.routes):
            if not isinstance(route, Route):
                return  # a mount, say: only it knows what it answers
            if isinstance(route, Templated) and not route.param_convertors:
                asked = {"type": "http", "method": route.method, "path": route.path, "headers": []}
                if all(earlier.matches(asked)[0] is not Match.FULL for earlier in self.router.routes[:place]):
                    yield route


class Handled:
    """A handler as an ASGI application, with FastAPI's handling of what it raises."""

    def __init__(self, app: FastAPI, route: Templated) -> None:
        self.app = app
        self.route = route
        handlers = {kind: each for kind, each in app.exception_handlers.items() if kind not in (500, Exception)}
        self.recovery = ExceptionMiddleware(self.fail, handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["app"], scope["route"], scope["path_params"] = self.app, self.route, {}
        try:
            response = await self.route.handler(Request(scope, receive, send))
        except Exception as error:
            scope["raised"] = error
            await self.recovery(scope, receive, send)
        else:
            await response(scope, receive, send)

    async def fail(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raise what the handler raised, where it is handled."""
        raise scope.pop("raised")
