"""A deployment behind HTTP calls that are declared: paths, methods, bodies and where in an answer to look.

Our own contract is one such declaration, `CONTRACT`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pytest_mlready.deployment.histories import changes, every
from pytest_mlready.deployment.http_calls import asked
from pytest_mlready.deployment.interface import Acknowledged, Unanswered
from pytest_mlready.deployment.places import filled, filled_body
from pytest_mlready.records import Change
from pytest_mlready.service.transport import Transport
from pytest_mlready.settings import DeploymentCall

CONTRACT: Mapping[str, DeploymentCall] = {
    "versions": DeploymentCall("/models", read="versions.*.version"),
    "current": DeploymentCall("/deployments", read="serving"),
    "promote": DeploymentCall(
        "/deployments", "POST", {"version": "{version}", "reason": "readiness drill"}, "to", "changed", "generation"
    ),
    "rollback": DeploymentCall(
        "/deployments/rollback", "POST", {"to": "{version}", "reason": "readiness drill"}, "to", "changed", "generation"
    ),
    "history": DeploymentCall("/deployments", read="history"),
}


class DeclaredHttp:
    """Orders and questions as declared calls.

    Parameters:
        transport: where to; without the token.
        calls: by name: versions, current, promote, rollback, history; without the latter two a rollback promotes,
            and no history is kept.
        token: sent as a bearer token.
        movable: whether the calls go to the instance itself, and not to an address of their own.
    """

    def __init__(
        self, transport: Transport, calls: Mapping[str, DeploymentCall], token: str | None = None, movable: bool = True
    ) -> None:
        self._transport = transport
        self._calls = calls
        self._token = token
        self._movable = movable
        self.remembers = "rollback" in calls

    def versions(self) -> Sequence[str]:
        """As declared."""
        return [str(one) for one in every(self._asked("versions"), self._calls["versions"].read)]

    def current(self) -> str:
        """As declared."""
        return str(self._one("current", self._asked("current"), self._calls["current"].read))

    def promote(self, version: str) -> Acknowledged:
        """As declared."""
        return self._ordered("promote", version)

    def rollback(self, to: str | None = None) -> Acknowledged:
        """As declared; where no call is, a promotion of `to`."""
        if "rollback" in self._calls:
            return self._ordered("rollback", to)
        if to is None:
            raise Unanswered("no rollback call is declared, so it must be said where to")
        return self._ordered("promote", to)

    def history(self) -> Sequence[Change] | None:
        """As declared, newest first."""
        call = self._calls.get("history")
        if call is None:
            return None
        lines = self._one("history", self._asked("history"), call.read)
        try:
            return changes(lines, call.fields)
        except TypeError as error:
            raise Unanswered(f"at {call.read!r}: {error}") from None

    def at(self, url: str) -> DeclaredHttp | None:
        """The same calls to another instance; None where they go to an address of their own."""
        if not self._movable:
            return None
        made = Transport(url, deadline_s=self._transport.deadline_s, headers=self._transport.headers)
        return DeclaredHttp(made, self._calls, self._token)

    def holding(self, token: str | None) -> DeclaredHttp:
        """The same with another token."""
        return DeclaredHttp(self._transport, self._calls, token, self._movable)

    def _ordered(self, name: str, version: str | None) -> Acknowledged:
        call = self._calls[name]
        body = self._asked(name, version)
        generation = next(every(body, call.generation), None) if call.generation else None
        changed = next(every(body, call.changed), None) if call.changed else None
        serves = next(every(body, call.read), None) if call.read else None
        return Acknowledged(
            None if serves is None else str(serves),
            changed if isinstance(changed, bool) else None,
            generation if isinstance(generation, int) else None,
        )

    def _asked(self, name: str, version: str | None = None) -> Any:
        call = self._calls[name]
        path = filled(call.path, version=quote(version or "", safe=""))
        body = None if call.body is None else filled_body(call.body, version)
        return asked(self._transport, call.method, path, body, self._token)

    def _one(self, name: str, body: Any, path: str | None) -> Any:
        found = next(every(body, path), None)
        if found is None:
            raise Unanswered(f"the answer to {name} has nothing at {path!r}")
        return found
