"""GET /drift."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from reference_service.components import Components


class DriftRoutes:
    """Tells what the drift monitor sees."""

    def __init__(self, components: Components) -> None:
        self.components = components

    async def drift(self, request: Request) -> Response:
        """GET /drift: the last look, whichever worker took it."""
        parts = self.components
        report = await asyncio.to_thread(parts.drift.seen, request.scope["in_force"].serving)
        return parts.presenter.response(report)
