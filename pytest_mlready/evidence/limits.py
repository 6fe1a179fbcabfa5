"""Bodies and batches over the cap, each valid but for its size, and the service's memory meanwhile.

With `[contract] max_body_bytes` or `max_batch_rows` declared, 1 kB or one row over it is sent; and in any case a body
of 32 MiB and a batch of 100,000 rows or 32 MiB, whichever is less: more than a service that has any cap at all takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import ask_one, asked_of
from pytest_mlready.evidence.bad_bodies import HOLE
from pytest_mlready.evidence.watching import watched
from pytest_mlready.records import Exchange, Limits

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.protocols.json_mapping import JsonMapping
    from pytest_mlready.records import Row
    from pytest_mlready.service.transport import Transport

FAR_BYTES = 32 * 1024 * 1024
FAR_ROWS = 100_000
OVER_BYTES = 1024
DEADLINE_S = 10.0
KEPT = 2000
"""So much of an answer is kept, in bytes: a batch that was accepted after all is answered with megabytes."""
_SAMPLE_S = 0.02


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and the declared caps, which decide what is sent."""
    return {**asked_of(context), **context.part_of_settings("contract")}


def gather(context: Context) -> Limits:
    """Ask once as usual, then send each oversize body on a connection of its own."""
    target = context.target
    with target.transport(deadline_s=DEADLINE_S) as transport:
        ordinary = ask_one(context, 0, transport=transport)
        exchanges: list[Exchange] = []
        sizes: list[int] = []
        before = target.instance.rss_bytes() if target.instance is not None else None
        with watched(target.instance, _SAMPLE_S) as seen:
            for case, path, body in _oversize(context):
                exchanges.append(_sent(transport, case, path, body, target.mapping))
                sizes.append(len(body))
    peak = None if before is None else max([before, *(use.rss_bytes for use in seen)])
    parts = None if target.mapping.batch_route is None else _batch_parts(target.mapping, context.rows[0])
    return Limits(ordinary, tuple(exchanges), before, peak, tuple(sizes), parts)


def _sent(transport: Transport, case: str, path: str, body: bytes, mapping: JsonMapping) -> Exchange:
    """The answer, without the body we sent. A reset may have overtaken an answer on its way: that is tried again."""
    for _ in range(2):
        exchange = transport.request(case, "POST", path, body, mapping.request_headers)
        if exchange.failure not in {"reset", "closed"}:
            break
    return replace(exchange, request_body=b"", body=exchange.body[:KEPT])


def _oversize(context: Context) -> Iterator[tuple[str, str, bytes]]:
    mapping, contract, row = context.target.mapping, context.settings.contract, context.rows[0]
    single = mapping.encode_row(row)
    far = max(FAR_BYTES, 2 * (contract.max_body_bytes or 0))
    over: list[tuple[str, int]] = [(f"a body of {far >> 20} MiB", far)]
    if contract.max_body_bytes is not None:
        size = contract.max_body_bytes + OVER_BYTES
        over.insert(0, (f"a body of {size} bytes, {OVER_BYTES} over the cap", size))
    for case, size in over:
        yield case, mapping.predict_path, single.ljust(size)  # white space after a JSON text changes nothing
    if mapping.batch_route is None:
        return
    if contract.max_batch_rows is not None:
        count = contract.max_batch_rows + 1
        yield f"a batch of {count} rows, one over the cap", mapping.batch_route, _batch(mapping, row, count)
    count = max(2, min(FAR_ROWS, FAR_BYTES // (len(single) + 1)))
    if count > (contract.max_batch_rows or 0) + 1:
        yield f"a batch of {count} rows", mapping.batch_route, _batch(mapping, row, count)


def _batch(mapping: JsonMapping, row: Row, count: int) -> bytes:
    """One row, `count` times: encoded once, for 100,000 encodings would take seconds."""
    start, further, end = _batch_parts(mapping, row)
    return start + further * (count - 1) + end


def _batch_parts(mapping: JsonMapping, row: Row) -> tuple[bytes, bytes, bytes]:
    """The first row of a batch with what comes before, a further one with what parts them, and the end."""
    hole = json.dumps(HOLE).encode()
    one = json.dumps(mapping.row_value(row), separators=(",", ":")).encode()
    body = mapping.encode_batch_values([HOLE, HOLE])
    at, end = body.index(hole), body.rindex(hole)
    return body[:at] + one, body[at + len(hole) : end] + one, body[end + len(hole) :]
