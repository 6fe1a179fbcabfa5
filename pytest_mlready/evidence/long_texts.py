"""Rows with long texts: how the time of one grows with its length, at two scales."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from pytest_mlready.evidence.asking import predict
from pytest_mlready.evidence.text_rows import longest, text_columns
from pytest_mlready.evidence.timed_rounds import timed_rounds
from pytest_mlready.records import BatchTimes, Exchange, Row, TextTimes

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.service.transport import Transport

SIZES = (100, 333, 1000, 3333, 10_000)
"""Characters of a part of a text; the whole has three."""
LONG_S = 0.2
"""A text that takes so long, twice, is long enough: no larger one is tried."""
SHORT_S = 0.01
"""Where the longest takes less, nothing has grown that matters."""
MOST_COLUMNS = 2


def text_times(context: Context, transport: Transport, until: float) -> tuple[TextTimes, ...]:
    """Times of texts in three parts and whole, for the first columns of free text that take long ones."""
    limits = longest(context.target.openapi, context.target.mapping, list(context.rows[0]))
    found: list[TextTimes] = []
    for column in text_columns(context.rows)[:MOST_COLUMNS]:
        if found and time.monotonic() > until:
            break
        texts = _Texts(context, transport, column)
        size = texts.largest(limits.get(column, 3 * SIZES[-1]))
        times = None if size is None else texts.times(size, until)
        found += [times] if times is not None else []
    return tuple(found)


class _Texts:
    """Asks the first row with texts of other lengths in one column, made of the words of all samples."""

    def __init__(self, context: Context, transport: Transport, column: str) -> None:
        self._context, self._transport, self._column = context, transport, column
        self._words = _words(context.rows, column, 3 * SIZES[-1])

    def largest(self, limit: int) -> int | None:
        """The largest size whose threefold is within the limit, taken, and not too long; None where all is fast."""
        chosen: int | None = None
        for size in SIZES:
            if 3 * size > limit:
                break
            exchange = self._ask(self._words[: 3 * size])
            if not exchange.ok:
                break
            chosen = size if exchange.elapsed_s > SHORT_S else None
            if exchange.elapsed_s > LONG_S and self._ask(self._words[: 3 * size]).elapsed_s > LONG_S:
                break
        return chosen

    def times(self, size: int, until: float) -> TextTimes | None:
        """Times at that size, and at a third of it; None where some text went unanswered."""
        made: list[BatchTimes] = []
        parts: list[Exchange] = []
        for own in (size // 3, size):
            texts = [self._words[at : at + own] for at in range(0, 3 * own, own)]
            whole = self._exchange(self._words[: 3 * own])
            parts = [self._exchange(text) for text in texts]
            bodies = [one.request_body for one in parts]
            times, _ = timed_rounds(self._context.target.instance, self._send, own, bodies, whole, until)
            if times is None:
                return None
            made.append(times)
        return TextTimes(self._column, made[0], made[1], tuple(parts) if made[1].exchange.request_body else ())

    def _body(self, text: str) -> bytes:
        row: Row = {**self._context.rows[0], self._column: text}
        return self._context.target.mapping.encode_row(row)

    def _exchange(self, text: str) -> Exchange:
        """A request that is not sent yet."""
        mapping = self._context.target.mapping
        case = f"a row with {self._column} of {len(text):,} characters"
        headers = (*self._transport.headers, *mapping.request_headers)
        return Exchange(
            case, "POST", mapping.predict_path, None, request_headers=headers, request_body=self._body(text)
        )

    def _ask(self, text: str) -> Exchange:
        return self._send(self._body(text), True)

    def _send(self, body: bytes, whole: bool) -> Exchange:
        return predict(self._context.target, "a long text", body, transport=self._transport, keep_alive=True)


def _words(rows: Sequence[Row], column: str, length: int) -> str:
    """The samples' texts one after another, again and again, as long as is asked for."""
    held: list[str] = []
    left = length
    for text in cycle(f"{row[column]} " for row in rows):
        if left <= 0:
            break
        held.append(text)
        left -= len(text)
    return "".join(held)[:length]
