"""An `httpx.Client` whose every request goes through the guarded transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from pytest_mlready.records import Exchange
from pytest_mlready.service.transport import Transport

if TYPE_CHECKING:
    from pytest_mlready.service.target import Target

_HOP = frozenset({"connection", "transfer-encoding", "content-encoding", "content-length"})
_ERRORS: dict[str, type[httpx.RequestError]] = {
    "refused": httpx.ConnectError,
    "reset": httpx.ReadError,
    "closed": httpx.RemoteProtocolError,
    "deadline": httpx.ReadTimeout,
    "oversize": httpx.RemoteProtocolError,
    "malformed": httpx.RemoteProtocolError,
    "encoding": httpx.DecodingError,
    "unsent": httpx.LocalProtocolError,
}


class GuardedTransport(httpx.BaseTransport):
    """For `httpx.Client(transport=GuardedTransport(transport))`: the same total deadline, bounds and refusals.

    Requests go to the transport's origin, whatever host the URL names. A shorter timeout of httpx's own shortens
    the total deadline. Failures come as httpx's exceptions, named after `Exchange.failure`.
    """

    def __init__(self, transport: Transport, *, keep_alive: bool = False) -> None:
        self._transport = transport
        self._keep_alive = keep_alive

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises httpx.TransportError."""
        exchange = self._exchange(request)
        if exchange.status is None:
            word = exchange.failure or "closed"
            raise _ERRORS.get(word, httpx.TransportError)(f"{word}: {self._transport.why()}", request=request)
        # The body is whole and decoded: the headers that described its transfer no longer hold.
        headers = [(name, value) for name, value in exchange.headers if name.lower() not in _HOP]
        return httpx.Response(exchange.status, headers=headers, content=exchange.body, request=request)

    def close(self) -> None:
        """Close the connections kept."""
        self._transport.close()

    def _exchange(self, request: httpx.Request) -> Exchange:
        own = {"host", "connection", "accept-encoding", "content-length", "transfer-encoding", "user-agent"}
        headers = [(name, value) for name, value in request.headers.multi_items() if name.lower() not in own]
        timeouts = [one for one in request.extensions.get("timeout", {}).values() if one is not None]
        deadline_s = min([*timeouts, self._transport.deadline_s])
        # A client whose base URL is the target's own repeats the prefix that the transport adds.
        path = request.url.raw_path.decode("ascii").removeprefix(self._transport.prefix)
        return self._transport.request(
            "client", request.method, path, request.read(), headers, keep_alive=self._keep_alive, deadline_s=deadline_s
        )


def client(target: Target) -> httpx.Client:
    """A client at the target's URL, with its headers, that follows no redirects and asks no environment."""
    guarded = GuardedTransport(target.transport())
    return httpx.Client(base_url=target.url, transport=guarded, follow_redirects=False, trust_env=False, timeout=None)
