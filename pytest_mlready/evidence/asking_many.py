"""Ask for many rows as fast as the service lets us: in batches where there is a route for them, else one by one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_mlready.evidence.asking import decoded_batch, decoded_one, predict
from pytest_mlready.records import Answered, Exchange, Prediction, Row
from pytest_mlready.records.quality import Answers

if TYPE_CHECKING:
    from pytest_mlready.service.target import Target
    from pytest_mlready.service.transport import Transport

ROWS_AT_ONCE = 100
SHOWN = 5
"""Requests that are kept of those that got no answer."""
BUSY = frozenset({429, 503})
PAUSE_S = 0.2
AGAIN = 5


@dataclass
class Asked:
    """The answers by row, None where there is none, and what went wrong."""

    answers: list[Prediction | None]
    asked: int = 0
    unanswered: int = 0
    refused: list[Exchange] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)

    def note(self, answered: Answered, wanted: Sequence[int]) -> None:
        """Keep the predictions of these rows, without ids and versions, of which there is one for each."""
        for at, one in zip(wanted, answered.predictions, strict=True):
            self.answers[at] = replace(one, version=None, request_id=None)
            self.versions |= set() if one.version is None else {one.version}

    def refuse(self, answered: Answered, rows: int) -> None:
        """Count rows that got no answer."""
        self.unanswered += rows
        if len(self.refused) < SHOWN:
            self.refused.append(answered.exchange)

    @property
    def frozen(self) -> Answers:
        """The answers as a record holds them."""
        return tuple(self.answers)


def ask_many(
    target: Target, rows: Sequence[Row], order: Sequence[int], until: float, *, most_at_once: int | None = None
) -> Asked:
    """Ask for rows in this order, until all are asked or time is up; the first ones in any case.

    A batch that is refused is asked row by row, so that one bad row does not cost the others.

    Args:
        most_at_once: the most rows that a batch may have.
    """
    asked = Asked([None] * len(rows))
    size = min(ROWS_AT_ONCE, most_at_once or ROWS_AT_ONCE) if target.mapping.batch_route is not None else 1
    with target.transport() as transport:
        while asked.asked < len(order) and (asked.asked == 0 or time.monotonic() < until):
            wanted = order[asked.asked : asked.asked + size]
            asked.asked += len(wanted)
            answered = _batch(target, transport, rows, wanted) if size > 1 else _one(target, transport, rows, wanted[0])
            if len(answered.predictions) == len(wanted):
                asked.note(answered, wanted)
                continue
            if size == 1:
                asked.refuse(answered, 1)
                continue
            if answered.exchange.status == 413:
                size = max(1, size // 2)
            for at in wanted:
                alone = _one(target, transport, rows, at)
                asked.note(alone, [at]) if len(alone.predictions) == 1 else asked.refuse(alone, 1)
    return asked


def _one(target: Target, transport: Transport, rows: Sequence[Row], at: int) -> Answered:
    mapping = target.mapping
    exchange = _patiently(target, transport, f"labelled row {at}", mapping.encode_row(rows[at]), mapping.predict_path)
    return decoded_one(mapping, exchange, at)


def _batch(target: Target, transport: Transport, rows: Sequence[Row], wanted: Sequence[int]) -> Answered:
    mapping = target.mapping
    body = mapping.encode_batch([rows[at] for at in wanted])
    exchange = _patiently(target, transport, f"{len(wanted)} labelled rows", body, str(mapping.batch_route))
    return decoded_batch(mapping, exchange, wanted)


def _patiently(target: Target, transport: Transport, case: str, body: bytes, path: str) -> Exchange:
    """Who is told to come again later does so."""
    exchange = predict(target, case, body, path=path, transport=transport, keep_alive=True)
    for _ in range(AGAIN):
        if exchange.status not in BUSY:
            break
        time.sleep(PAUSE_S)
        exchange = predict(target, case, body, path=path, transport=transport, keep_alive=True)
    return exchange
