"""Bodies and batches over the cap, each valid but for its size, and the service's memory meanwhile.

With `[contract] max_body_bytes` or `max_batch_rows` declared, 1 kB or one row over it is sent; and in any case a body
of 32 MiB and a batch of 100,000 rows or 32 MiB, whichever is less: more than a service that has any cap at all takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import ask_one, asked_of
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
PIECE = 256 * 1024
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
                sizes.append(sum(map(len, body)))
    peak = None if before is None else max([before, *(use.rss_bytes for use in seen)])
    parts = None if target.mapping.batch_route is None else _batch_parts(target.mapping, context.rows[0])
    return Limits(ordinary, tuple(exchanges), before, peak, tuple(sizes), parts)


def _sent(transport: Transport, case: str, path: str, body: Sequence[bytes], mapping: JsonMapping) -> Exchange:
    """The answer. A reset may have overtaken an answer on its way: that is tried again."""
    for _ in range(2):
        exchange = transport.request(case, "POST", path, body, mapping.request_headers)
        if exchange.failure not in {"reset", "closed"}:
            break
    return replace(exchange, body=exchange.body[:KEPT])


def _oversize(context: Context) -> Iterator[tuple[str, str, Sequence[bytes]]]:
    """What is sent where, the bodies in pieces: whole, they would cost more time to write out than to be refused."""
    mapping, contract, row = context.target.mapping, context.settings.contract, context.rows[0]
    single = mapping.encode_row(row)
    far = max(FAR_BYTES, 2 * (contract.max_body_bytes or 0))
    over: list[tuple[str, int]] = [(f"a body of {far >> 20} MiB", far)]
    if contract.max_body_bytes is not None:
        size = contract.max_body_bytes + OVER_BYTES
        over.insert(0, (f"a body of {size} bytes, {OVER_BYTES} over the cap", size))
    for case, size in over:
        # White space after a JSON text changes nothing.
        yield case, mapping.predict_path, [single, *_repeated(b" ", size - len(single))]
    if mapping.batch_route is None:
        return
    if contract.max_batch_rows is not None:
        count = contract.max_batch_rows + 1
        yield f"a batch of {count} rows, one over the cap", mapping.batch_route, _batch(mapping, row, count)
    count = max(2, min(FAR_ROWS, FAR_BYTES // (len(single) + 1)))
    if count > (contract.max_batch_rows or 0) + 1:
        yield f"a batch of {count} rows", mapping.batch_route, _batch(mapping, row, count)


def _batch(mapping: JsonMapping, row: Row, count: int) -> list[bytes]:
    """One row, `count` times: encoded once, for 100,000 encodings would take seconds."""
    start, further, end = _batch_parts(mapping, row)
    return [start, *_repeated(further, (count - 1) * len(further)), end]


def _batch_parts(mapping: JsonMapping, row: Row) -> tuple[bytes, bytes, bytes]:
    """The first row of a batch with what comes before, a further one with what parts them, and the end."""
    start, end = mapping.batch_frame()
    one = mapping.batch_text(row)
    return start + one, b"," + one, end


def _repeated(text: bytes, size: int) -> list[bytes]:
    """So many bytes of a text again and again, in few pieces; `size` is a multiple of its length."""
    piece = text * min(max(1, PIECE // len(text)), size // len(text))
    whole, rest = divmod(size, len(piece)) if piece else (0, 0)
    return [*[piece] * whole, piece[:rest]]
