"""What the target says of itself, for telling one deployment from another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pytest_mlready.service.scrub import redact, scrub

if TYPE_CHECKING:
    from pytest_mlready.service.target import Target

MAX_FACTS = 5_000


def facts(target: Target, secrets: tuple[str, ...] = ()) -> dict[str, str] | None:
    """Every stable scalar at the top of the info and health documents, and our process; None if it is silent.

    What lies deeper is told by one digest. Asked twice: what differs between two answers (a clock, a request id)
    identifies nothing. Fit to print: without terminal escapes and `secrets`.
    """
    first, second = _read(target), _read(target)
    if first is None or second is None:
        return None
    stable = {key: value for key, value in first.items() if second.get(key) == value}
    deep = {key: value for key, value in stable.items() if key.count(".") + key.count("[") > 1}
    known = {key: value for key, value in stable.items() if key not in deep}
    if deep:
        known["details (sha256)"] = hashlib.sha256(repr(sorted(deep.items())).encode()).hexdigest()[:16]
    return {_clean(key, secrets): _clean(value, secrets) for key, value in known.items()}


def _clean(text: str, secrets: tuple[str, ...]) -> str:
    return redact(scrub(text), secrets)


def _read(target: Target) -> dict[str, str] | None:
    transport = target.transport(deadline_s=5.0)
    known: dict[str, str] = {"pid": str(target.instance.pid)} if target.instance is not None else {}
    answered = False
    for role in ("info", "health"):
        path = target.paths.get(role)
        if path is None:
            continue
        exchange = transport.request(f"who answers: {role}", "GET", path)
        answered = answered or exchange.status is not None
        known |= dict(list(_scalars(exchange.json_or_none, role))[:MAX_FACTS])
        if (server := exchange.header("server")) is not None:
            known[f"{role}.server"] = server
    transport.close()
    return known if answered else None


def _scalars(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _scalars(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _scalars(inner, f"{path}[{index}]")
    else:
        yield path, str(value)[:200]
