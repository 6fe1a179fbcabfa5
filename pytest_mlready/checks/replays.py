"""How checks describe their replays: requests made of exchanges, and the few shapes that relations have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_mlready.finding import SERVICE
from pytest_mlready.records import Answered, Exchange
from pytest_mlready.replay import Expect, Holds, Replay, Request

OWN = frozenset({"host", "connection"})
"""Headers that a connection decides, not a request."""
LONGEST_LINE = 2000
"""Bytes of a body that still fits in a command line for people."""


def request_of(exchange: Exchange) -> Request:
    """The request of an exchange."""
    headers = tuple(pair for pair in exchange.request_headers if pair[0].lower() not in OWN)
    return Request(exchange.case, exchange.method, exchange.path, headers, exchange.request_body)


def curl(exchange: Exchange) -> str:
    """The one-line command of a request that is short enough to be read."""
    return exchange.curl(SERVICE) if len(exchange.request_body) <= LONGEST_LINE else ""


def once(exchange: Exchange, holds: Holds, **told: Any) -> Replay:
    """One request shows it."""
    return Replay((request_of(exchange),), (Expect(holds, (0,), told),))


def compared(first: Exchange, second: Exchange, holds: Holds = "same", **told: Any) -> Replay:
    """Two requests, and a relation of the first to the second."""
    return Replay((request_of(first), request_of(second)), (Expect(holds, (0, 1), told),))


def varying(several: Iterable[Exchange]) -> Replay:
    """Requests whose answers must not all be the same."""
    requests = tuple(request_of(one) for one in several)
    return Replay(requests, (Expect("vary", tuple(range(len(requests)))),))


def steadily(
    canaries: Sequence[Exchange], between: Sequence[Request] = (), rounds: int = 1, expects: Iterable[Expect] = ()
) -> Replay:
    """Canaries asked first, and again after each of what comes between, round after round: always answered alike.

    `expects` are further ones; requests between follow the canaries in the order of positions.
    """
    known = tuple(range(len(canaries)))
    later = [at for place in range(len(between)) for at in (len(canaries) + place, *known)]
    requests = (*map(request_of, canaries), *between)
    return Replay(requests, (*(Expect("alike", (at,)) for at in known), *expects), (*known, *later), rounds)


def distinct(answered: Iterable[Answered], most: int) -> list[Exchange]:
    """The requests of the first few different rows."""
    rows: dict[bytes, Exchange] = {}
    for one in answered:
        rows.setdefault(one.exchange.request_body, one.exchange)
    return list(rows.values())[:most]


def rudely(exchange: Exchange, how: Mapping[str, Any], white_space: int = 0) -> Request:
    """The request of a client that does not behave; `white_space` bytes come before the body of a chunked one."""
    if white_space:
        headers = tuple(one for one in request_of(exchange).headers if one[0].lower() != "transfer-encoding")
        return replace(request_of(exchange), headers=headers, white_space=white_space)
    return replace(request_of(exchange), rude=how)
