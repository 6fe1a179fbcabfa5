"""Faults that Schemathesis finds where it is installed, and that no relation between answers shows."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from tests.defects.planting import defect


@defect("fuzz.schemathesis")
def a_refused_method_does_not_say_which_are_allowed(app: FastAPI) -> FastAPI:
    """405 comes without the Allow header that HTTP requires of it (RFC 9110, 15.5.6)."""

    class Silent:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def without(message: Any) -> None:
                if message.get("status") == 405:
                    message["headers"] = [one for one in message["headers"] if one[0].lower() != b"allow"]
                await send(message)

            await self.inner(scope, receive, without)

    app.add_middleware(Silent)
    return app
