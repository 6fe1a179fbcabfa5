"""Defects that only a client brings out that leaves in the middle, or never ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from starlette.requests import ClientDisconnect, Request

from reference_service.components import Components
from reference_service.web.request_body import BodyReader
from tests.defects.planting import defect


@defect("fuzz.survives_rudeness")
def a_client_that_leaves_keeps_the_lock(components: Components) -> Components:
    """The lock around reading a body is released at its end, which a client that left never comes to."""

    class Locked(BodyReader):
        lock = asyncio.Lock()

        async def collect(self, request: Request, limit: int) -> bytes:
            await self.lock.acquire()
            body = await super().collect(request, limit)
            self.lock.release()
            return body

    return replace(components, bodies=Locked(components.settings.limits.body_seconds))


@defect("fuzz.survives_rudeness")
def the_limit_believes_content_length(components: Components) -> Components:
    """A body is capped by the length that it declares; a chunked one declares none and is taken whole."""

    class Believing(BodyReader):
        async def collect(self, request: Request, limit: int) -> bytes:
            return await super().collect(request, 2**40)

    return replace(components, bodies=Believing(components.settings.limits.body_seconds))


@defect("fuzz.survives_rudeness")
def half_a_body_stays_in_the_buffer(components: Components) -> Components:
    """Bodies gather in one buffer, emptied at the end: the next row begins with what an aborted one left."""

    class Buffered(BodyReader):
        left = b""

        async def collect(self, request: Request, limit: int) -> bytes:
            while (message := await request.receive())["type"] != "http.disconnect":
                self.left += message["body"]
                if len(self.left) > limit:
                    self.left = b""
                    raise self.too_large(limit)
                if not message["more_body"]:
                    body, self.left = self.left, b""
                    return body
            raise ClientDisconnect

    return replace(components, bodies=Buffered(components.settings.limits.body_seconds))
