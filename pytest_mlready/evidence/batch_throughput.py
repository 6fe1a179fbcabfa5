"""Evidence `batch_throughput`: rows a second, one to a request and many to a request, in blocks that alternate."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import cycle
from typing import Any

from pytest_mlready.evidence.asking import asked_of, predict
from pytest_mlready.evidence.batches import ask_batch_of, batch_body, largest_taken
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import BatchThroughput, Exchange
from pytest_mlready.service.transport import Transport

SIZES = (100, 25, 8)
"""Rows in a batch: the first size that the service takes."""
BLOCK_S = 0.1
FEWEST_PAIRS = 8
MOST_PAIRS = 40
DEADLINE_S = 5.0


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and the declared caps, which bound the size."""
    return {**asked_of(context), **context.part_of_settings("contract")}


def gather(context: Context) -> BatchThroughput:
    """Alternate between both for the whole budget, over one connection."""
    if context.target.mapping.batch_route is None:
        return BatchThroughput(0, (), ())
    until = time.monotonic() + context.budget_s
    with context.target.transport(deadline_s=DEADLINE_S) as transport:
        size, problem = largest_taken(context, transport, SIZES)
        if size == 0:
            return BatchThroughput(0, (), (), problem)
        asked = _Asked(context, transport, size)
        singles, batches = [asked.rate(1)], [asked.rate(size)]
        while len(singles) < MOST_PAIRS and (len(singles) < FEWEST_PAIRS or time.monotonic() < until):
            order = (1, size) if len(singles) % 2 else (size, 1)
            found = {rows: asked.rate(rows) for rows in order}
            singles.append(found[1])
            batches.append(found[size])
    # The first pair has warmed both ways up.
    return BatchThroughput(size, tuple(singles[1:]), tuple(batches[1:]))


class _Asked:
    """Requests of sample rows, single ones and batches, in turn."""

    def __init__(self, context: Context, transport: Transport, size: int) -> None:
        mapping, rows = context.target.mapping, context.rows
        self._context, self._transport = context, transport
        self._bodies = {1: cycle([mapping.encode_row(row) for row in rows]), size: cycle([batch_body(context, size)])}

    def rate(self, rows: int) -> float:
        """Rows a second while requests of so many rows are asked for a block's time.

        Raises:
            GatherError: one was not answered 2xx.
        """
        asked, seconds = 0, 0.0
        while seconds < BLOCK_S:
            exchange = self._ask(rows, next(self._bodies[rows]))
            if not exchange.ok:
                raise GatherError(f"{exchange.case} was answered {exchange.outcome}, though one like it was taken")
            asked, seconds = asked + rows, seconds + exchange.elapsed_s
        return asked / seconds

    def _ask(self, rows: int, body: bytes) -> Exchange:
        if rows == 1:
            return predict(self._context.target, "a row", body, transport=self._transport, keep_alive=True)
        return ask_batch_of(self._context, self._transport, rows, body)
