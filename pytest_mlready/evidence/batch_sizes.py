"""Evidence `batch_sizes`: batches of sizes where chunks, blocks and pages end, every row of them known singly."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_mlready.evidence.asking import asked_of, decoded_batch, decoded_one, predict
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.mixed_rows import mixed_rows, outliers, twins
from pytest_mlready.evidence.smallest_batch import differing
from pytest_mlready.measure.agreement import span_of
from pytest_mlready.records import Answered, BatchSizes, Row
from pytest_mlready.service.transport import Transport

POOL = 20
AGAIN = 8
OUTLIERS = 4
TWINS = 10
"""So many mixes have a near twin in the pool: who tells rows apart by rounded values takes them for one."""
SIZES = (1, 2, 31, 33, 65, 129, 513, 1000)
"""Past every power of two at which code likes to cut, and the largest that guides ask for."""
TOO_LARGE = frozenset({400, 413, 422})
OVERSIZE = "oversize"
"""The answer is longer than we read: that says nothing of the service, and no larger batch is tried."""


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and the declared cap, which bounds the sizes."""
    return {**asked_of(context), **context.part_of_settings("contract")}


def gather(context: Context) -> BatchSizes:
    """Ask the pool singly, then batches from small to large until one is refused or time is up, then some singly again.

    The first batch that is answered otherwise is asked again with rows that people know: samples, and outliers that got
    another answer, one value apart from a sample.
    """
    rng = context.rng("batch sizes")
    rows = _pool(context)
    cap = context.max_batch_rows
    batches: list[Answered] = []
    refused_at: int | None = None
    with context.target.transport() as transport:
        until = time.monotonic() + context.budget_s
        before = _singly(context, transport, rows, until)
        span = span_of(one.only for one in before if one.only)
        # A mix of two valid rows may be none: a service that compares columns refuses it, and any batch that holds it.
        known = [at for at, one in enumerate(before) if one.exchange.ok] or list(range(len(before)))
        route, shown, samples = context.target.mapping.batch_route, False, min(len(before), _samples(context))
        # As many rows as columns, too: only such a batch looks the same when it is transposed by mistake.
        for size in sorted({*SIZES, len(rows[0])}) if route is not None else ():
            if size > (cap or size) or (batches and time.monotonic() > until):
                break
            drawn = rng.choices(known, k=size)
            batch = _together(context, transport, rows, drawn)
            if batch.exchange.status in TOO_LARGE and batches and cap is None:
                refused_at = size
                break
            if batch.exchange.failure == OVERSIZE and batches:
                break
            batches.append(batch)
            wrong = {drawn[place] for place in differing([before[at] for at in drawn], batch, span)}
            if not shown and (wrong or _cut(batch)):
                shown = True
                known_well = [at if at in wrong and at < samples + OUTLIERS else at % samples for at in drawn]
                batches.append(_together(context, transport, rows, known_well))
        after = _singly(context, transport, rows[: min(AGAIN, len(before))], until + context.budget_s / 4)
    return BatchSizes((*before, *after), tuple(batches), cap, refused_at)


def _pool(context: Context) -> list[Row]:
    """Distinct rows whose answers differ as far as the samples allow: samples, outliers, and mixes of samples."""
    rng = context.rng("pool of rows")
    samples = rng.sample(context.rows, _samples(context))
    mixed = mixed_rows(context.rows, POOL - len(samples), rng)
    return [*samples, *outliers(context.rows, OUTLIERS, rng), *mixed, *twins(mixed[:TWINS])]


def _samples(context: Context) -> int:
    """How many of the pool's rows, its first, are samples."""
    return min(POOL // 2, len(context.rows))


def _cut(batch: Answered) -> bool:
    """Whether a batch has no answer, or one of another length."""
    return not batch.exchange.one_too_many and len(batch.predictions) != len(batch.rows)


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
