"""Ask a service whether it is ready, and where it keeps its health, metadata, metrics and OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from pytest_mlready.protocols.bounds import BadDocument
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.protocols.paths import Role, candidates, locate
from pytest_mlready.records import Exchange, NotStrictJSON
from pytest_mlready.service.launch import StartError
from pytest_mlready.service.scrub import scrub
from pytest_mlready.service.transport import Transport

_PROBE_DEADLINE_S = 3.0
_NOT_HTTP_TIMES = 3
_ABSENT = frozenset({404, 405, 501})
_UNKNOWN_PATH = "/mlready-no-such-path"


@dataclass
class ReadyProbe:
    """Callable for `wait_ready`: True once the ready route answers 2xx, or once all usual ones are known to be absent.

    `path` is the ready route as soon as it is known. A service that answers HTTP but has no such route counts as
    ready: there is nothing more to ask it.
    """

    transport: Transport
    declared: Mapping[str, str]
    path: str | None = None
    _garbled: int = field(default=0, init=False)

    def __call__(self) -> bool | str:
        last = "none"
        for path in [self.path] if self.path else candidates("ready", self.declared):
            exchange = self.transport.request("ready", "GET", path, deadline_s=_PROBE_DEADLINE_S)
            last = self._described(exchange)
            if exchange.status is None:
                return last
            if exchange.status not in _ABSENT or path in self.declared.values():
                self.path = path
                return exchange.ok or last
        return True

    def _described(self, exchange: Exchange) -> str:
        if exchange.failure == "malformed":
            self._garbled += 1
            if self._garbled >= _NOT_HTTP_TIMES:
                raise StartError(f"{self.transport.url} answers, but is not HTTP: {scrub(self.transport.why())[:200]}")
        detail = f" ({scrub(self.transport.why())[:200]})" if exchange.failure else ""
        return f"GET {exchange.path}: {exchange.outcome}{detail}"


def read_openapi(transport: Transport, declared: Mapping[str, str]) -> tuple[str | None, OpenAPI | None]:
    """Path and content of the service's OpenAPI document; (None, None) without one.

    A declared path is kept even if what it serves cannot be read: judging that is a check's business.
    """
    for path in candidates("openapi", declared):
        exchange = transport.request("openapi", "GET", path)
        try:
            if exchange.ok:
                return path, OpenAPI.parse(exchange.json)
        except (NotStrictJSON, BadDocument):
            continue
    return declared.get("openapi"), None


def locate_paths(transport: Transport, declared: Mapping[str, str], openapi: OpenAPI | None) -> dict[Role, str | None]:
    """The path of each role but ready and openapi, None where there is none.

    A service that answers 2xx to any path is believed only where a path is declared or documented.
    """
    anything_goes = transport.request("unknown path", "GET", _UNKNOWN_PATH).ok
    documented = {path for method, path in openapi.routes if method == "GET"} if openapi else set()
    seen: dict[str, Exchange] = {}

    def answers(role: Role, path: str) -> bool:
        if anything_goes and path not in documented:
            return False
        if path not in seen:
            seen[path] = transport.request(role, "GET", path)
        exchange = seen[path]
        if role == "metrics":
            return exchange.ok and not (exchange.header("content-type") or "").startswith("text/html")
        if role == "info":
            return exchange.ok and isinstance(exchange.json_or_none, dict)
        return exchange.ok

    roles: tuple[Role, ...] = ("live", "health", "info", "metrics")
    return {role: locate(role, declared, partial(answers, role), openapi) for role in roles}
