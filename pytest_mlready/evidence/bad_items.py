"""Evidence `bad_items`: rows of full length with one bad item, each followed by canary rows."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_mlready.evidence.asking import ask_one, predict
from pytest_mlready.evidence.bad_bodies import never_missing
from pytest_mlready.evidence.canary_rows import canary_rows
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.mixed_rows import numeric_columns, spread
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.request_rows import nullable_columns
from pytest_mlready.records import Answered, BadItem, BadItems, Row
from pytest_mlready.service.transport import Transport

POSITIONS = 3
TEXT_POSITIONS = 2
CANARIES = 88
"""At least so many canary answers, where time allows: a fault in every 64th answer then shows."""
BATCH = 5
LONG_BATCH = 40
"""Every other batch is so long, with its bad row near the end: some look through the first few only."""
HUGE = 1e300
DEADLINE_S = 5.0
MARK = "mlready-bad-item"

NUMBERS = {
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "-Infinity": b"-Infinity",
    "1e400": b"1e400",
    "a 400-digit integer": b"7" * 400,
    "text": b'"mlready"',
    "true": b"true",
}
"""Bad where a number belongs; a number as text is made of the row's own value."""
ANYWHERE = {"null": b"null", "a nested list": b"[1.0]", "an object": b'{"a": 1.0}'}


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, and how it is spoken to."""
    service = context.settings.service
    return {"service": service.command or service.url, "json": service.json}


def gather(context: Context) -> BadItems:
    """Send every kind at one position, singly and in a batch, then at more positions while there is time.

    Positions are those of numbers; in a column of texts stands what is no single value. Null is no bad item in a column
    that the interface document lets be null.
    """
    until = time.monotonic() + context.budget_s
    numeric, texts = columns_of(context.rows)
    columns = numeric or texts
    places = [columns[at] for at in spread(len(columns), POSITIONS)]
    kinds = [*ANYWHERE, *([*NUMBERS, "a number as text"] if numeric else [])]
    also = [(kind, texts[at]) for at in spread(len(texts), TEXT_POSITIONS) for kind in ANYWHERE] if numeric else []
    nullable = nullable_columns(context.target.openapi, context.target.mapping, list(context.rows[0]))

    def is_bad(kind: str, column: str) -> bool:
        return kind != "null" or column not in nullable

    def placed(kind: str, at: int) -> list[str]:
        """Where to send it: at the nth place, else at the next one where it is a bad item, else nowhere."""
        return [name for name in (*places[at:], *places, *columns) if is_bad(kind, name)][:1]

    batched = context.target.mapping.batch_route is not None
    with context.target.transport(deadline_s=DEADLINE_S) as transport:
        canaries = canary_rows(context.rows, lambda at: ask_one(context, at, transport=transport, keep_alive=True))
        sender = _Sender(context, transport, canaries)
        first = sender.canaries(len(sender.canary_rows))
        if not any(one.exchange.status for one in first):
            raise GatherError(f"the canary rows got no answer: {first[0].exchange.failure}")
        sender.each = math.ceil(CANARIES / (len(kinds) * (len(places) + batched)))
        sender.look()
        items = [sender.single(kind, place) for kind in kinds for place in placed(kind, 0)]
        sender.look()
        batches = [
            sender.batch(kind, place, at)
            for at, kind in enumerate(kinds if batched else ())
            for place in placed(kind, at % len(places))
        ]
        sender.look()
        for kind, place in [*also, *((kind, place) for place in places[1:] for kind in kinds)]:
            if is_bad(kind, place) and time.monotonic() < until:
                items.append(sender.single(kind, place))
        others = tuple(sender.sent(case, body) for case, body in _other_faults(context))
        sender.look()
        last = sender.canaries(len(sender.canary_rows), fresh=True)
    return BadItems(first, tuple(items), tuple(batches), last, others, tuple(sender.memory))


def _other_faults(context: Context) -> Iterator[tuple[str, bytes]]:
    """Rows with a fault that is none of an item, which leave other ruins: too short, and far beyond all samples."""
    mapping, row = context.target.mapping, context.rows[0]
    numeric = numeric_columns(context.rows)
    yield "a value less", mapping.encode_row(dict(list(row.items())[:-1]))
    if numeric:
        yield f"{HUGE:g} for {numeric[0]}", mapping.encode_row({**row, numeric[0]: HUGE})


def columns_of(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """The columns of numbers, and others that always have a value; all, if there is no such column."""
    numeric = numeric_columns(rows)
    texts = [name for name in never_missing(rows) if name not in numeric]
    return numeric, texts or ([] if numeric else list(rows[0]))


def with_bad_item(mapping: JsonMapping, row: Row, column: str, kind: str) -> bytes:
    """The body of a row, one value of which is a bad item of this kind."""
    return _filled(mapping.encode_row({**row, column: MARK}), _literal(kind, row, column))


class _Sender:
    """Sends bad rows, and after each of them canary rows in turn."""

    def __init__(self, context: Context, transport: Transport, canary_rows: tuple[int, ...]) -> None:
        self.canary_rows = canary_rows
        self.each = 2
        self._context = context
        self._transport = transport
        self._turn = 0
        self._refused = 0
        self.memory: list[tuple[int, int]] = []

    def look(self) -> None:
        """At the service's memory, if it is ours to see."""
        instance = self._context.target.instance
        if instance is not None:
            self.memory.append((self._refused, instance.rss_bytes()))

    def canaries(self, count: int, *, fresh: bool = False) -> tuple[Answered, ...]:
        answered = []
        for _ in range(count):
            row = self.canary_rows[self._turn % len(self.canary_rows)]
            self._turn += 1
            answered.append(
                ask_one(
                    self._context,
                    row,
                    transport=self._transport,
                    keep_alive=not fresh,
                    case=f"canary, sample row {row}",
                )
            )
        return tuple(answered)

    def single(self, kind: str, column: str) -> BadItem:
        mapping = self._context.target.mapping
        body = with_bad_item(mapping, self._context.rows[0], column, kind)
        return self._sent(kind, column, f"{kind} in {column}", body, mapping.predict_path)

    def sent(self, case: str, body: bytes) -> BadItem:
        return self._sent(case, "", f"a row with {case}", body, self._context.target.mapping.predict_path)

    def batch(self, kind: str, column: str, at: int) -> BadItem:
        mapping = self._context.target.mapping
        count = min(LONG_BATCH if at % 2 == 0 else BATCH, self._context.max_batch_rows or LONG_BATCH)
        rows = [dict(self._context.rows[one % len(self._context.rows)]) for one in range(count)]
        place = (len(rows) - 1 - at) % len(rows)
        literal = _literal(kind, rows[place], column)
        rows[place][column] = MARK
        case = f"{kind} in {column} of row {place} in a batch of {len(rows)}"
        path = mapping.batch_route or mapping.predict_path
        return self._sent(kind, column, case, _filled(mapping.encode_batch(rows), literal), path)

    def _sent(self, kind: str, column: str, case: str, body: bytes, path: str) -> BadItem:
        exchange = predict(self._context.target, case, body, path=path, transport=self._transport, keep_alive=True)
        self._refused += (exchange.status or 0) // 100 == 4
        return BadItem(kind, column, exchange, self.canaries(self.each))


def _literal(kind: str, row: Row, column: str) -> bytes:
    if kind == "a number as text":
        return json.dumps(str(row[column])).encode()
    return {**NUMBERS, **ANYWHERE}[kind]


def _filled(body: bytes, literal: bytes) -> bytes:
    """The body with the bad item as it is to stand on the wire: JSON encoders write none of these."""
    return body.replace(json.dumps(MARK).encode(), literal)
