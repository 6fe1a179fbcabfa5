"""A row that was never asked before, asked several times: what the declared cache header says each time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import asked_of, decoded_one, predict
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import Answered, CacheDrill, Row

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.service.transport import Transport

TIMES = 4
NEAR = 3e-7
"""Relative: a float of 32 bits still tells such a row from the first."""
LONGEST_WAIT_S = 5.0
"""A longer life time is not waited for."""


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and the declared cache."""
    return {**asked_of(context), **context.part_of_settings("cache")}


def gather(context: Context) -> CacheDrill:
    """Ask for one new row `TIMES` times, for others once, and for the first again after its life time."""
    cache = context.settings.cache
    if cache is None:
        raise GatherError("no [cache] is declared")
    first, other = _new_row(context), _new_row(context)
    with context.target.transport() as transport:
        asked = tuple(_ask(context, first, f"the row, time {n}", transport) for n in range(1, TIMES + 1))
        filled = time.monotonic()
        others = tuple(
            _ask(context, row, f"another row{how}", transport) for how, row in _others(context, first, other)
        )
        after_ttl = None
        if cache.ttl_s is not None and cache.ttl_s <= LONGEST_WAIT_S:
            time.sleep(max(0.0, filled + cache.ttl_s * 1.1 + 0.1 - time.monotonic()))
            after_ttl = _ask(context, first, "the row after its life time", transport)
    return CacheDrill(asked, cache.header, others, after_ttl, cache.ttl_s)


def _new_row(context: Context) -> Row:
    """A mix of the first two sample rows that no earlier run can have asked for: random, not seeded."""
    weight = 0.25 + 0.5 * secrets.randbelow(2**40) / 2**40
    first, second = context.rows[0], context.rows[1]
    return {name: _mixed(value, second.get(name), weight) for name, value in first.items()}


def _others(context: Context, first: Row, other: Row) -> Iterator[tuple[str, Row]]:
    """Rows that nobody asked for: one that has nothing of the first, one that is near it, and two of equal hash."""
    yield "", other
    real = [name for name, value in first.items() if isinstance(value, float) and value]
    if real:
        for name in dict.fromkeys((real[0], real[-1])):
            yield f", whose {name} differs in the seventh digit", {**first, name: float(first[name] or 0) * (1 - NEAR)}
        yield f", with {real[0]} = -1.0", {**other, real[0]: -1.0}
        yield f", with {real[0]} = -2.0", {**other, real[0]: -2.0}


def _mixed(one: str | float | None, other: str | float | None, weight: float) -> str | float | None:
    if isinstance(one, float) and isinstance(other, int | float):
        return weight * one + (1 - weight) * other
    return one


def _ask(context: Context, row: Row, case: str, transport: Transport) -> Answered:
    mapping = context.target.mapping
    exchange = predict(context.target, case, mapping.encode_row(row), transport=transport)
    return decoded_one(mapping, exchange)
