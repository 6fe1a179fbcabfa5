"""Evidence `concurrency`: distinct rows in flight on several connections at once, on every predict route."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_mlready.evidence.asking import asked_of, decoded_batch, decoded_one, predict
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.mixed_rows import spread
from pytest_mlready.records import Answered, Concurrency
from pytest_mlready.service.transport import Transport

CONNECTIONS = 8
ROUNDS = 7
BATCH = 5


@dataclass(frozen=True)
class Question:
    """A request that one connection asks again and again: one sample row, or several in a batch."""

    rows: tuple[int, ...]
    batch: bool


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and how."""
    return asked_of(context)


def gather(context: Context) -> Concurrency:
    """Ask each question alone, then all at once for some rounds, singles beside batches, then alone again."""
    questions = _questions(context)
    with context.target.transport() as transport:
        before = [_ask(context, transport, question) for question in questions]
        together = _all_at_once(context, transport, questions)
        after = [_ask(context, transport, question) for question in questions]
    return Concurrency((*before, *after), tuple(together), len(questions))


def _questions(context: Context) -> list[Question]:
    """One for each connection, with rows of its own; every other one a batch, where there is a route for it."""
    batched = context.target.mapping.batch_route is not None
    wanted = CONNECTIONS // 2 * (1 + BATCH) if batched else CONNECTIONS
    rows = spread(len(context.rows), wanted)
    made: list[Question] = []
    while rows and len(made) < CONNECTIONS:
        size = BATCH if batched and len(made) % 2 else 1
        made.append(Question(tuple(rows[:size]), batch=size > 1))
        rows = rows[size:]
    return made


def _all_at_once(context: Context, transport: Transport, questions: Sequence[Question]) -> list[Answered]:
    """Each connection waits for all others before its every round, so that requests meet."""
    until = time.monotonic() + context.budget_s
    meeting = threading.Barrier(len(questions))
    found: list[list[Answered]] = [[] for _ in questions]

    def connection(at: int) -> None:
        try:
            for _ in range(ROUNDS):
                meeting.wait(timeout=context.budget_s)
                if time.monotonic() > until:
                    break
                found[at].append(_ask(context, transport, questions[at]))
        except threading.BrokenBarrierError:
            pass
        finally:
            meeting.abort()

    threads = [threading.Thread(target=connection, args=(at,), name="concurrency") for at in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answered for one in found for answered in one]


def _ask(context: Context, transport: Transport, question: Question) -> Answered:
    mapping = context.target.mapping
    rows = [context.rows[at] for at in question.rows]
    named = ", ".join(map(str, question.rows))
    if question.batch:
        body, path = mapping.encode_batch(rows), mapping.batch_route
        exchange = predict(
            context.target, f"batch of sample rows {named}", body, path=path, transport=transport, keep_alive=True
        )
        return decoded_batch(mapping, exchange, question.rows)
    body = mapping.encode_row(rows[0])
    exchange = predict(context.target, f"sample row {named}", body, transport=transport, keep_alive=True)
    return decoded_one(mapping, exchange, *question.rows)
