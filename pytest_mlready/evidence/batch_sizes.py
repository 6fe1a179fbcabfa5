"""Evidence `batch_sizes`: batches of sizes where chunks, blocks and pages end, every row of them known singly."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_mlready.evidence.asking import asked_of, decoded_batch, decoded_one, predict
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.mixed_rows import mixed_rows
from pytest_mlready.records import Answered, BatchSizes, Row
from pytest_mlready.service.transport import Transport

POOL = 40
SIZES = (1, 2, 31, 33, 65, 129, 513, 1000)
"""Past every power of two at which code likes to cut, and the largest that guides ask for."""
TOO_LARGE = frozenset({400, 413, 422})


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and the declared cap, which bounds the sizes."""
    return {**asked_of(context), **context.part_of_settings("contract")}


def gather(context: Context) -> BatchSizes:
    """Ask the pool singly, then batches from small to large until one is refused or time is up, then singly again."""
    rng = context.rng("batch sizes")
    rows = _pool(context)
    cap = context.settings.contract.max_batch_rows
    batches: list[Answered] = []
    refused_at: int | None = None
    with context.target.transport() as transport:
        until = time.monotonic() + context.budget_s
        before = _singly(context, transport, rows, until)
        known = range(len(before))
        route = context.target.mapping.batch_route
        for size in SIZES if route is not None else ():
            if size > (cap or size) or (batches and time.monotonic() > until):
                break
            drawn = rng.choices(known, k=size)
            batch = _together(context, transport, rows, drawn)
            if batch.exchange.status in TOO_LARGE and batches and cap is None:
                refused_at = size
                break
            batches.append(batch)
        after = _singly(context, transport, rows[: len(before)], until + context.budget_s / 4)
    return BatchSizes((*before, *after), tuple(batches), cap, refused_at)


def _pool(context: Context) -> list[Row]:
    """Distinct rows whose answers differ as far as the samples allow: samples and mixes of them."""
    rng = context.rng("pool of rows")
    samples = rng.sample(context.rows, min(POOL // 2, len(context.rows)))
    return [*samples, *mixed_rows(context.rows, POOL - len(samples), rng)]


def _singly(context: Context, transport: Transport, rows: Sequence[Row], until: float) -> list[Answered]:
    asked: list[Answered] = []
    for at, row in enumerate(rows):
        if asked and time.monotonic() > until:
            break
        mapping = context.target.mapping
        exchange = predict(context.target, f"row {at}", mapping.encode_row(row), transport=transport, keep_alive=True)
        asked.append(decoded_one(mapping, exchange, at))
    return asked


def _together(context: Context, transport: Transport, rows: Sequence[Row], drawn: Sequence[int]) -> Answered:
    mapping = context.target.mapping
    body = mapping.encode_batch([rows[at] for at in drawn])
    case = f"batch of {len(drawn)} rows"
    exchange = predict(context.target, case, body, path=mapping.batch_route, transport=transport, keep_alive=True)
    return decoded_batch(mapping, exchange, drawn)
