"""One HTTP call to whoever changes versions: its JSON, or why there is none."""

from __future__ import annotations

import json
from typing import Any

from pytest_mlready.deployment.interface import Refused, Unanswered
from pytest_mlready.service.transport import JSON, Transport

_MOST_TEXT = 200


def asked(transport: Transport, method: str, path: str, body: object = None, token: str | None = None) -> Any:
    """The answer's JSON, None where it is none. Raises Refused for a status other than 2xx, else Unanswered."""
    content = b"" if body is None else json.dumps(body).encode()
    headers = (*(JSON if content else ()), *((("Authorization", f"Bearer {token}"),) if token else ()))
    exchange = transport.request("deployment", method, path, content, headers)
    if exchange.status is None:
        raise Unanswered(f"{method} {path}: {exchange.failure} ({transport.why()})")
    if not exchange.ok:
        raise Refused(str(exchange.status), exchange.text[:_MOST_TEXT])
    return exchange.json_or_none
