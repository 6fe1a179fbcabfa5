"""/health/live, /health/ready and /health."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from reference_service.components import Components
from reference_service.web.problems import Problem


class HealthRoutes:
    """Answers probes."""

    def __init__(self, components: Components) -> None:
        self.components = components

    async def live(self, request: Request) -> Response:
        """GET /health/live: the event loop turns; asks nothing else."""
        return self.components.presenter.response({"status": "live"})

    async def ready(self, request: Request) -> Response:
        """GET /health/ready."""
        failure = await self.components.readiness.failure()
        if failure is not None:
            raise Problem(503, "not-ready", f"Not ready: {failure}.", headers={"Retry-After": "1"})
        return self.components.presenter.response({"status": "ready"})

    async def health(self, request: Request) -> Response:
        """GET /health."""
        ready = await self.components.readiness.failure() is None
        return self.components.presenter.response(self.components.identity.health(ready), 200 if ready else 503)
