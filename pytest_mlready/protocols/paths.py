"""Where services keep their health, metadata and metrics: the usual paths, tried in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, get_args

from pytest_mlready.protocols.openapi import OpenAPI

Role = Literal["ready", "live", "health", "info", "metrics", "openapi"]
ROLES: tuple[Role, ...] = get_args(Role)

CANDIDATES: Mapping[Role, tuple[str, ...]] = {
    "ready": ("/health/ready", "/ready", "/readyz", "/v2/health/ready", "/healthz", "/health", "/-/healthz", "/ping"),
    "live": ("/health/live", "/live", "/livez", "/v2/health/live", "/healthz", "/health", "/-/healthz", "/ping"),
    "health": ("/health", "/healthz", "/health/status", "/health/ready", "/ping"),
    "info": ("/model/info", "/info", "/metadata", "/model", "/version", "/v2"),
    "metrics": ("/metrics", "/metrics/", "/prometheus"),
    "openapi": ("/openapi.json", "/docs.json", "/v2/docs/dataplane.json", "/swagger.json?version=3.1",
                "/openapi/metadata.json", "/seldon.json"),
}  # fmt: skip


class BadPath(ValueError):
    """A declared path has an unknown role or is no path."""


def candidates(role: Role, declared: Mapping[str, str], openapi: OpenAPI | None = None) -> Iterator[str]:
    """The paths to try for a role: the declared one alone, else those that the document has, then the usual ones.

    Raises:
        BadPath: `declared` names an unknown role or something that is no path.
    """
    check_declared(declared)
    if role in declared:
        yield declared[role]
        return
    known = set() if openapi is None else {template for method, template in openapi.routes if method == "GET"}
    usual = CANDIDATES[role]
    yield from (path for path in usual if path in known)
    yield from (path for path in usual if path not in known)


def locate(
    role: Role, declared: Mapping[str, str], answers: Callable[[str], bool], openapi: OpenAPI | None = None
) -> str | None:
    """The path of a role: declared, or the first candidate of which `answers` says that it answers; else None."""
    if role in declared:
        check_declared(declared)
        return declared[role]
    return next((path for path in candidates(role, declared, openapi) if answers(path)), None)


def check_declared(declared: Mapping[str, str]) -> None:
    """Refuse unknown roles and what is no path. Raises BadPath."""
    for role, path in declared.items():
        if role not in ROLES:
            raise BadPath(f"{role!r} is not a path's role; there are {', '.join(ROLES)}")
        if not path.startswith("/"):
            raise BadPath(f"the path of {role!r} must begin with a slash: {path!r}")
