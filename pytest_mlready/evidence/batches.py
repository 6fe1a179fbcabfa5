"""Batches of sample rows, and how many rows the service takes in one."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_mlready.evidence.asking import predict
from pytest_mlready.evidence.context import Context
from pytest_mlready.records import Exchange
from pytest_mlready.service.transport import Transport


def largest_taken(context: Context, transport: Transport, sizes: Iterable[int]) -> tuple[int, str | None]:
    """The first of `sizes`, which fall, that is within the declared cap and answered 2xx; or 0 and why none is."""
    cap, problem = context.max_batch_rows, "the declared cap of rows leaves no batch to ask for"
    for size in sizes:
        if cap is None or size <= cap:
            exchange = ask_batch_of(context, transport, size, batch_body(context, size))
            if exchange.ok:
                return size, None
            problem = f"{exchange.case} was answered {exchange.outcome}"
    return 0, problem


def batch_body(context: Context, size: int, first: int = 0) -> bytes:
    """The body of a batch of so many sample rows, from the `first` on, over and over."""
    rows = context.rows
    return context.target.mapping.encode_batch([rows[(first + at) % len(rows)] for at in range(size)])


def ask_batch_of(context: Context, transport: Transport, size: int, body: bytes) -> Exchange:
    """Ask for a batch of `size` rows on the transport's kept connection."""
    case, path = f"a batch of {size} rows", context.target.mapping.batch_route
    return predict(context.target, case, body, path=path, transport=transport, keep_alive=True)
