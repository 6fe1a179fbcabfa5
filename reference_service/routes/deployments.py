"""/deployments: promote, roll back, and who did."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from reference_service.components import Components
from reference_service.deployments.deployment import Order, Outcome
from reference_service.web import text_fields
from reference_service.web.preconditions import expected_generation
from reference_service.web.text_fields import TextField

_VERSION = re.compile(r".{1,64}", re.DOTALL)
_REASON = TextField(re.compile(r".{0,500}", re.DOTALL), "must be a string of at most 500 characters")
_SHA256 = TextField(re.compile(r"[0-9a-f]{64}"), "must be a string of 64 lowercase hexadecimal digits")
_VERSION_WORDS = "must be a string of 1 to 64 characters"
PROMOTION = {"version": TextField(_VERSION, _VERSION_WORDS, required=True), "sha256": _SHA256, "reason": _REASON}
ROLLBACK = {"to": TextField(_VERSION, _VERSION_WORDS), "reason": _REASON}
MOST_BYTES = 4096


class DeploymentRoutes:
    """Changes what serves, for admins; tells everyone what changed."""

    def __init__(self, components: Components) -> None:
        self.components = components
        self.nesting = components.settings.limits.nesting

    async def promote(self, request: Request) -> Response:
        """POST /deployments."""
        parts = self.components
        actor = parts.access.require(request, "admin")
        given = text_fields.read(await parts.bodies.read(request, MOST_BYTES), PROMOTION, self.nesting)
        order = Order(
            actor.name, given["version"], given.get("sha256"), given.get("reason", ""), expected_generation(request)
        )
        return self.answer(request, await parts.deployments.promote(order))

    async def rollback(self, request: Request) -> Response:
        """POST /deployments/rollback; in an emergency it needs no body."""
        parts = self.components
        actor = parts.access.require(request, "admin")
        body = await parts.bodies.read(request, MOST_BYTES, required=False)
        given = text_fields.read(body or b"{}", ROLLBACK, self.nesting)
        order = Order(actor.name, given.get("to"), None, given.get("reason", ""), expected_generation(request))
        return self.answer(request, await parts.deployments.rollback(order))

    async def history(self, request: Request) -> Response:
        """GET /deployments."""
        parts = self.components
        changes = await parts.deployments.history()
        state = parts.serving.state()
        lines = [
            {
                "generation": change.generation,
                "at": change.at,
                "actor": change.actor,
                "action": change.action,
                "from": change.before,
                "to": change.after,
                "reason": change.reason,
            }
            for change in changes
            if change.generation <= state.generation
        ]
        members = {
            "serving": state.serving,
            "earlier": state.earlier,
            "generation": state.generation,
            "history": lines,
        }
        return parts.presenter.response(members, 200, {"ETag": f'"{state.generation}"'})

    def answer(self, request: Request, outcome: Outcome) -> Response:
        """What came of an order; also in the headers, which else tell what was in force when the request came."""
        after = outcome.after
        request.scope["in_force"] = after
        members: dict[str, Any] = {
            "generation": after.generation,
            "from": outcome.before.serving,
            "to": after.serving,
            "model_version": after.serving,
            "sha256": after.digests[after.serving],
            "changed": outcome.changed,
        }
        return self.components.presenter.response(members, 200, {"ETag": f'"{after.generation}"'})
