"""The table of bad requests, each answered on a connection of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import ask_one, asked_of, patiently
from pytest_mlready.evidence.bad_bodies import bad_bodies, bad_names
from pytest_mlready.protocols.detect import takes_names
from pytest_mlready.protocols.request_rows import nullable_columns, optional_columns
from pytest_mlready.records import BadRequest, BadRequests, Exchange

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.service.transport import Transport

DEADLINE_S = 5.0
RECOVERY_S = 5.0


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked; the rows and the seed are noted by the store's caller."""
    return asked_of(context)


def gather(context: Context) -> BadRequests:
    """Send every bad request; stop early only if one took the service away, or if it limits our rate for good."""
    target = context.target
    probes: list[BadRequest] = []
    stopped = None
    with target.transport(deadline_s=DEADLINE_S) as transport:
        before = ask_one(context, 0, transport=transport, case="a good request before")
        for group, send in _requests(context, transport):
            exchange = patiently(context.target, send)
            probes.append(BadRequest(group, exchange))
            lost = exchange.status is None and not _came_back(context)
            if lost or exchange.one_too_many:
                stopped = exchange.case
                break
        after = ask_one(context, 0, transport=transport, case="a good request after")
    return BadRequests(tuple(probes), before, after, stopped)


class _Send:
    """One request that may be sent again."""

    def __init__(self, transport: Transport, case: str, method: str, path: str, body: bytes, media: str | None) -> None:
        self.transport, self.case, self.method, self.path, self.body = transport, case, method, path, body
        self.headers = () if media is None else (("Content-Type", media),)

    def __call__(self) -> Exchange:
        return self.transport.request(self.case, self.method, self.path, self.body, self.headers)


def _requests(context: Context, transport: Transport) -> Iterator[tuple[str, _Send]]:
    mapping = context.target.mapping
    path = mapping.predict_path
    json_media = dict(mapping.request_headers).get("Content-Type")
    whole = mapping.encode_row(context.rows[0])
    yield "unknown_path", _Send(transport, "an unknown path", "GET", "/mlready-no-such-path", b"", None)
    for method in ("GET", "DELETE"):
        if not _documented(context, method, path):
            yield "method", _Send(transport, f"{method} instead of POST", method, path, b"", None)
    yield "no_media_type", _Send(transport, "no media type", "POST", path, whole, None)
    yield "media_type", _Send(transport, "media type application/xml", "POST", path, whole, "application/xml")
    openapi, columns = context.target.openapi, list(context.rows[0])
    by_name = takes_names(openapi, mapping, columns)
    nullable, optional = (one(openapi, mapping, columns) for one in (nullable_columns, optional_columns))
    for bad in (
        *bad_bodies(mapping, context.rows, nullable, optional),
        *(bad_names(mapping, context.rows[0]) if by_name else ()),
    ):
        if bad.group == "unknown_field" and _takes_unknown(context):
            continue
        to = (mapping.batch_route or path) if bad.batch else path
        yield bad.group, _Send(transport, bad.case, "POST", to, bad.body, json_media)


def _documented(context: Context, method: str, path: str) -> bool:
    openapi = context.target.openapi
    return openapi is not None and openapi.documents(method, path)


def _takes_unknown(context: Context) -> bool:
    """Whether the documented request says in so many words that it may have further fields."""
    openapi = context.target.openapi
    if openapi is None:
        return False
    schema = openapi.resolved(openapi.request_schema("POST", context.target.mapping.predict_path))
    return schema.get("additionalProperties", False) is not False


def _came_back(context: Context) -> bool:
    until = time.monotonic() + RECOVERY_S
    while not ask_one(context, 0, case="is it still there").exchange.ok:
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
