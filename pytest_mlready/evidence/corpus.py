"""Evidence `corpus`: generated rows asked one by one, and what fails asked again with fewer edits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pytest_mlready.evidence.asking import ask_one, asked_of, decoded_one, predict
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.extreme_rows import declared_bounds
from pytest_mlready.evidence.generated_rows import Edits, generated
from pytest_mlready.records import Answered, Corpus, Generated
from pytest_mlready.records.corpus import MEMORY_EVERY
from pytest_mlready.service.transport import Transport

DEADLINE_S = 5.0
MOST_FAILURES = 5
SHRINKING_S = 5.0


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and how."""
    return asked_of(context)


def gather(context: Context) -> Corpus:
    """Ask until the corpus, the time or the patience with failures ends; then shrink what failed."""
    until = time.monotonic() + context.budget_s
    mapping = context.target.mapping
    bounds = declared_bounds(context.target.openapi, mapping, list(context.rows[0]))
    cases: list[Generated] = []
    failing: list[Generated] = []
    stopped: str | None = None
    memory: list[int] = []
    instance = context.target.instance
    with context.target.transport(deadline_s=DEADLINE_S) as transport:
        before = ask_one(context, 0, transport=transport, keep_alive=True)
        for edits in generated(context.rows, bounds, context.rng("corpus")):
            if instance is not None and len(cases) % MEMORY_EVERY == 0:
                memory.append(instance.rss_bytes())
            one = _asked(context, transport, edits)
            cases.append(one)
            if fails(one.answered):
                failing.append(one)
            if len(failing) == MOST_FAILURES or (cases and time.monotonic() > until):
                stopped = f"after {len(failing)} failures" if len(failing) == MOST_FAILURES else "time was up"
                break
        if instance is not None and len(cases) % MEMORY_EVERY == 0:
            memory.append(instance.rss_bytes())
        shrink_until = time.monotonic() + SHRINKING_S
        shrunk = tuple(_shrunk(context, transport, one, shrink_until) for one in failing)
        after = ask_one(context, 0, transport=transport)
    return Corpus((before, after), tuple(cases), shrunk, stopped, tuple(memory))


def fails(answered: Answered) -> bool:
    """Whether an answer is a server error, none at all, or one with a 2xx status that cannot be read."""
    status = answered.exchange.status
    return status is None or status >= 500 or answered.problem is not None


def _shrunk(context: Context, transport: Transport, failing: Generated, until: float) -> Generated:
    """The same failure with no edit that it does not need: each is taken back once, and left out if it fails still."""
    smallest = failing
    for column in failing.edits:
        if len(smallest.edits) == 1 or time.monotonic() > until:
            break
        fewer = _asked(context, transport, {name: v for name, v in smallest.edits.items() if name != column})
        if _same(fewer.answered, failing.answered):
            smallest = fewer
    return smallest


def _same(one: Answered, other: Answered) -> bool:
    return fails(one) and one.exchange.outcome == other.exchange.outcome


def _asked(context: Context, transport: Transport, edits: Edits | Mapping[str, Any]) -> Generated:
    mapping = context.target.mapping
    named = ", ".join(f"{name} = {value!r:.40}" for name, value in list(edits.items())[:3])
    case = f"sample row 0 with {named}{' …' if len(edits) > 3 else ''}"
    body = mapping.encode_row({**context.rows[0], **edits})
    exchange = predict(context.target, case, body, transport=transport, keep_alive=True)
    return Generated(0, dict(edits), decoded_one(mapping, exchange, 0))
