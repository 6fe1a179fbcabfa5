"""Evidence `live_routes`: the routes that answer, those of usual names among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import asked_of, clean
from pytest_mlready.evidence.route_names import ROUTE_NAMES
from pytest_mlready.records import LiveRoutes

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.protocols.openapi import OpenAPI
    from pytest_mlready.service.transport import Transport

UNKNOWN = ("/mlready-no-such-path", "/mlready/no/such/path")
ABSENT = frozenset({404, 410, 501})


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and whether many paths may be tried."""
    return {**asked_of(context), "fuzz": "fuzz" in context.settings.allow}


def gather(context: Context) -> LiveRoutes:
    """Try the known routes, and those of usual names where unknown paths are refused and many may be tried."""
    target = context.target
    with target.transport() as transport:
        catch_all = any(transport.request("unknown path", "GET", one).status not in ABSENT for one in UNKNOWN)
        wide = "fuzz" in target.allow and target.openapi is not None and not catch_all
        return LiveRoutes(tuple(_found(context, transport, wide=wide)), catch_all)


def _found(context: Context, transport: Transport, *, wide: bool) -> Iterator[str]:
    """Routes that live, as the document would name them where it has them."""
    target = context.target
    posts = dict.fromkeys(path for path in (target.mapping.predict_path, target.mapping.batch_path) if path is not None)
    yield from (_named(target.openapi, "POST", path) for path in posts)
    known = dict.fromkeys(path for role, path in target.paths.items() if path is not None and role != "openapi")
    for path in known:
        if transport.request("known route", "GET", path, keep_alive=True).status not in {None, *ABSENT}:
            yield _named(target.openapi, "GET", path)
    if not wide or transport.request("OPTIONS of an unknown path", "OPTIONS", UNKNOWN[0]).status != 404:
        return
    for path in ROUTE_NAMES:
        if path in posts or path in known:
            continue
        exchange = transport.request("is there such a route", "OPTIONS", path, keep_alive=True, deadline_s=3.0)
        if exchange.status is None or exchange.status in ABSENT or 300 <= exchange.status < 400:
            continue
        allowed = {one.strip().upper() for one in (exchange.header("allow") or "").split(",")}
        methods = sorted(allowed & {"GET", "POST", "PUT", "PATCH", "DELETE"}) or ["ANY"]
        yield from (_named(target.openapi, method, path) for method in methods)


def _named(openapi: OpenAPI | None, method: str, path: str) -> str:
    """The route by its template in the document, or as it was asked for where the document has no such route."""
    if openapi is None:
        return f"{method} {path}"
    routes = [one for one in openapi.routes if method in {one[0], "ANY"}]
    for known, template in sorted(routes, key=lambda one: one[1] != path):
        if template == path or openapi.operation(known, path) is openapi.operation(known, template):
            return f"{known} {clean(template, 300)}"
    return f"{method} {path}"
