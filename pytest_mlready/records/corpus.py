"""Records of generated rows: full length, of the right types, with values that a model was never trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_mlready.records.exchange import Exchange
from pytest_mlready.records.probes import Answered

MEMORY_EVERY = 20
NOT_IMPLEMENTED = 501
UNAVAILABLE = 503


def broke(exchange: Exchange) -> bool:
    """Whether a request got no whole answer, or a server error.

    A coding may be one that is not implemented (501), and who has too much to do may say when to come again (503 with
    Retry-After, RFC 9110, 15.6.4).
    """
    if exchange.status is None:
        return True
    shed = exchange.status == UNAVAILABLE and exchange.header("Retry-After") is not None
    return exchange.status >= 500 and exchange.status != NOT_IMPLEMENTED and not shed


@dataclass(frozen=True)
class Generated:
    """A sample row with some values replaced, and its answer; `row` is the sample's position."""

    row: int
    edits: Mapping[str, str | bool | int | float | None]
    answered: Answered


@dataclass(frozen=True)
class Corpus:
    """A seeded set of generated rows.

    `shrunk` are the failing ones again with as few edits as still fail, in the order found; `sample` is the sample row
    itself, asked before and after. `stopped` says why the rest was not asked.
    `memory` is the resident memory of the service's processes before the first row and after each `MEMORY_EVERY` rows,
    in bytes (empty: they are not ours). `odd` are requests in which something else than a value is odd: the coding, a
    text beside the row, or the rows' company.
    """

    sample: tuple[Answered, ...]
    cases: tuple[Generated, ...]
    shrunk: tuple[Generated, ...] = ()
    stopped: str | None = None
    memory: tuple[int, ...] = ()
    odd: tuple[Exchange, ...] = ()
