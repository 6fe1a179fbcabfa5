"""Evidence `answers`: sample rows and mixes of them, asked singly, again, and in batches."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from pytest_mlready.evidence.asking import ask_batch, ask_one, decoded_batch, decoded_one, predict
from pytest_mlready.evidence.batch_sizes import TOO_LARGE
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.mixed_rows import crossed_rows, mixed_rows, outliers, spread, twins
from pytest_mlready.evidence.smallest_batch import differing, smallest_batch
from pytest_mlready.measure.agreement import difference, span_of
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.protocols.schemas import schema_errors
from pytest_mlready.records import Answered, Answers, Exchange, NotStrictJSON
from pytest_mlready.service.instance import Instance
from pytest_mlready.service.transport import Transport

SINGLES = 20
SLOW_S = 1.0
SLOW_TIMES = 20
"""A row that takes longer than both, that and so many times the median, is slow beside the others."""
ROUNDS = 2
MIXED = 22
CROSSED = 6
"""Of the mixed rows so many begin like a row that was asked before: a cache that looks no further answers that one."""
OUTLIERS = 4
ABROAD = (("Accept-Language", "de-DE,de;q=0.9"),)
"""What a browser in another country adds to a request, for some of the repeats: JSON has one way to write a number."""
TWINS = 7
"""And so many are a hair from another: who tells rows apart by rounded values takes them for one."""
LOG_WAIT_S = 0.5
LOG_READ = 1_000_000


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, and how it is spoken to."""
    service = context.settings.service
    return {"service": service.command or service.url, "json": service.json}


def gather(context: Context) -> Answers:
    """Ask; a service too slow for all of it is asked for less, each row at least twice.

    Rows that take far longer than the others are asked once: a few of them, again and in every batch, would take all
    the time that there is.
    """
    rng = context.rng("answers")
    until = time.monotonic() + context.budget_s
    wanted = spread(len(context.rows), SINGLES)
    with context.target.transport() as transport:
        singles = tuple(ask_one(context, one, transport=transport, keep_alive=True) for one in wanted)
        indices = _quick(singles)
        repeats = _asked_again(context, rng.sample(indices, len(indices)), transport, fresh=True)
        batches = _batches(context, indices, transport, rng) if context.target.mapping.batch_route else ()
        taken = len(batches[0].rows) if batches else 0
        mixed, mixed_again, mixed_batch = _mixed(context, transport, rng, until, taken)
        for number in range(1, ROUNDS):
            if time.monotonic() < until:
                order = rng.sample(indices, len(indices))
                repeats += _asked_again(context, order, transport, fresh=number % 2 == 0)
        echoes, sent_ids, logged_ids = _echoes(context, transport, indices[0])
        once_more = (("X-Request-ID", sent_ids[0]),)
        reused = tuple(
            ask_one(
                context, one, transport=transport, headers=once_more, case=f"sample row {one}, an earlier request's id"
            )
            for one in _differing(singles)
        )
    together = [*singles, *mixed, *batches, *([mixed_batch] if mixed_batch else [])]
    problems, schemas = _schema_problems(context.target.openapi, [one.exchange for one in together])
    return Answers(
        singles, repeats, batches, mixed, mixed_again, mixed_batch, echoes, sent_ids, logged_ids, problems, schemas,
        reused,
    )  # fmt: skip


def _quick(singles: Sequence[Answered]) -> list[int]:
    """The rows but those few that took far longer than the others."""
    limit = max(SLOW_S, SLOW_TIMES * median(one.exchange.elapsed_s for one in singles))
    return [one.rows[0] for one in singles if one.exchange.elapsed_s <= limit]


def _differing(singles: Sequence[Answered]) -> list[int]:
    """The first row whose answer is not that of the first one, if there is any."""
    first = singles[0].only
    known = ((one.rows[0], one.only) for one in singles if first is not None and one.only is not None)
    return [row for row, only in known if first is not None and difference(first, only) is not None][:1]


def _asked_again(context: Context, order: Sequence[int], transport: Transport, *, fresh: bool) -> tuple[Answered, ...]:
    return tuple(
        ask_one(
            context, one, transport=transport, keep_alive=not fresh, case=f"sample row {one} again",
            headers=ABROAD if fresh else (),
        )
        for one in order
    )  # fmt: skip


def _batches(
    context: Context, indices: Sequence[int], transport: Transport, rng: random.Random
) -> tuple[Answered, ...]:
    """The rows in several orders; where no cap is known, as many of them as the service takes in order."""

    def asked(order: Sequence[int], name: str) -> Answered:
        return ask_batch(context, order, transport=transport, case=f"batch of {len(order)} sample rows, {name}")

    whole = list(indices)[: context.max_batch_rows]
    in_order = asked(whole, "in order")
    while _too_large(context, in_order) and len(whole) > 1:
        whole = whole[: len(whole) // 2]
        in_order = asked(whole, "in order")
    doubled = rng.choices(whole, k=2 * len(whole))[: context.max_batch_rows]
    doubled[-1] = doubled[0]
    orders = {
        "reversed": whole[::-1],
        "shuffled": rng.sample(whole, len(whole)),
        "with duplicates": doubled,
        "of one": whole[:1],
    }
    batches = [in_order]
    for name, order in orders.items():
        batch = asked(order, name)
        if _too_large(context, batch) and len(order) > len(whole):
            batch = asked([*order[: len(whole) - 1], order[-1]], name)
        batches.append(batch)
    return tuple(batches)


def _too_large(context: Context, batch: Answered) -> bool:
    """Whether it may have been refused for its size, which is nobody's fault where no cap is known."""
    return context.max_batch_rows is None and batch.exchange.status in TOO_LARGE


def _mixed(
    context: Context, transport: Transport, rng: random.Random, until: float, taken: int
) -> tuple[tuple[Answered, ...], tuple[Answered, ...], Answered | None]:
    """Mixes asked singly, while there is time, then together, then singly again; so many are `taken` together.

    Where that shows a fault, the batch is the smallest that shows it.
    """
    mapping = context.target.mapping
    crossed = crossed_rows(context.rows, spread(len(context.rows), SINGLES), CROSSED)
    mixed = mixed_rows(context.rows, MIXED - len(crossed), rng)
    near = twins(mixed)[:TWINS]
    rows = [*crossed, *mixed[: len(mixed) - len(near)], *near, *outliers(context.rows, OUTLIERS, rng)]

    def asked(case: str) -> tuple[Answered, ...]:
        made: list[Answered] = []
        for at, row in enumerate(rows):
            if made and time.monotonic() > until:
                break
            body = mapping.encode_row(row)
            exchange = predict(context.target, case.format(at), body, transport=transport, keep_alive=True)
            made.append(decoded_one(mapping, exchange, at))
        return tuple(made)

    first = asked("mixed row {}")
    batch: Answered | None = None
    # A mix of two valid rows may be none: a service that compares columns refuses it, and any batch that holds it.
    together = [at for at, one in enumerate(first) if one.exchange.ok][: context.max_batch_rows]
    while mapping.batch_route is not None and together:
        case, body = f"batch of {len(together)} mixed rows", mapping.encode_batch([rows[at] for at in together])
        exchange = predict(context.target, case, body, path=mapping.batch_route, transport=transport)
        batch = decoded_batch(mapping, exchange, together)
        if len(together) <= taken or not _too_large(context, batch):
            break
        together = together[:taken]
    again = asked("mixed row {} again")
    span = span_of(one.only for one in first if one.only)
    wrong = differing([first[at] for at in together], batch, span) if batch is not None else []
    others = [rows[together[at]] for at in wrong]
    shown = smallest_batch(context, transport, others, len(first), span) if others else None
    return (first, again, batch) if shown is None else ((*first, shown[0]), again, shown[1])


def _echoes(
    context: Context, transport: Transport, row: int
) -> tuple[tuple[Exchange, ...], tuple[str, ...], tuple[str, ...] | None]:
    """Two requests with an id of ours, two without one, one with a hostile id; and which of ours the service logged."""
    ours = tuple(f"mlready-{uuid.UUID(int=context.rng('echoes').getrandbits(128) ^ at)}" for at in range(2))
    asked = [
        ask_one(context, row, transport=transport, headers=(("X-Request-ID", one),), case="request id given")
        for one in ours
    ]
    asked += [ask_one(context, row, transport=transport, case="request id not given") for _ in range(2)]
    hostile = (("X-Request-ID", "mlready%0d%0aX-Mlready-Injected: 1"),)
    asked.append(ask_one(context, row, transport=transport, headers=hostile, case="request id with a line break"))
    instance = context.target.instance
    return tuple(one.exchange for one in asked), ours, None if instance is None else _logged(instance, ours)


def _logged(instance: Instance, ids: tuple[str, ...]) -> tuple[str, ...]:
    """Those ids that come up in the service's log within a moment."""
    until = time.monotonic() + LOG_WAIT_S
    while True:
        text = instance.log_end(LOG_READ)
        found = tuple(one for one in ids if one in text)
        if len(found) == len(ids) or time.monotonic() > until:
            return found
        time.sleep(0.02)


def _schema_problems(openapi: OpenAPI | None, exchanges: Iterable[Exchange]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """How answers break the documented schema of their status, each way once; and those schemas, by path."""
    found: dict[str, None] = {}
    schemas: dict[str, Any] = {}
    for exchange in exchanges if openapi is not None else ():
        schema = openapi.response_schema(exchange.method, exchange.path, exchange.status or 0) if openapi else None
        if not exchange.ok or schema is None:
            continue
        try:
            for error in schema_errors(schema, exchange.json):
                found.setdefault(f"{exchange.path} {exchange.status}: {error[:300]}")
                schemas.setdefault(exchange.path, dict(schema))
        except NotStrictJSON:
            continue
    return tuple(found)[:20], schemas
