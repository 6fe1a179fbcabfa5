"""Evidence `rudeness`: clients that leave in the middle, trickle or never end, each followed by canary rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import ask_one, asked_of, decoded_one
from pytest_mlready.evidence.canary_rows import canary_rows
from pytest_mlready.evidence.rude_clients import ABRUPT, CROWD, STALLED, TRICKLING, Manner, misbehave, misbehaving
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.protocols.http1 import LAST_CHUNK, chunk
from pytest_mlready.records import Answered, Exchange, Rude, Rudeness

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.service.transport import Transport

ROUNDS = 2
"""Each abrupt client comes so often, where time allows: it may cost one of several workers, or of a few slots."""
SETTLE_S = 0.002
"""Between a client's end and the first canary: a service in threads takes a moment to notice that it left."""
RUDE_DEADLINE_S = 1.0
"""So long a rude client listens at most; no canary waits for it."""
DEADLINE_S = 5.0
SOONEST_DEADLINE_S = 3.0
TIMES_USUAL = 100
"""A canary without an answer after so many times the usual is not slow, where that is between the two: known rows were
answered before, and nobody else asks."""
LONG_BATCH = 200
CHUNK = 64 * 1024
FAR_BYTES = 32 * 1024 * 1024
KEPT = 2000


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and the declared caps, which bound what is sent."""
    return {**asked_of(context), **context.part_of_settings("contract")}


def gather(context: Context) -> Rudeness:
    """One of each client, the endless one last, then more of the abrupt ones while there is time."""
    until = time.monotonic() + context.budget_s
    with context.target.transport(deadline_s=DEADLINE_S) as transport:
        canaries = _Canaries(context, transport)
        first = (*canaries.asked(), *canaries.asked())
        if not any(one.exchange.status for one in first):
            raise GatherError(f"the canary rows got no answer: {first[0].exchange.failure}")
        usual_s = max(one.exchange.elapsed_s for one in first)
        transport.deadline_s = min(DEADLINE_S, max(SOONEST_DEADLINE_S, TIMES_USUAL * usual_s))
        rude: list[Rude] = []
        for manner in (*ABRUPT, TRICKLING, STALLED, CROWD):
            if not _hangs(rude) and (not manner.batch or context.target.mapping.batch_route is not None):
                rude.append(_rude(context, canaries, manner))
        endless, size = (None, 0) if _hangs(rude) else _chunked(context, transport, canaries)
        for _ in range(ROUNDS - 1):
            for manner in ABRUPT:
                if time.monotonic() < until and not _hangs([*rude, *([endless] if endless else [])]):
                    rude += [] if manner.batch else [_rude(context, canaries, manner)]
    return Rudeness(first, tuple(rude), endless, size)


class _Canaries:
    """Asks the canary rows, and knows a further row for the rude clients."""

    def __init__(self, context: Context, transport: Transport) -> None:
        self._context, self._transport = context, transport
        self.rows = canary_rows(context.rows, lambda at: self._ask(at, keep_alive=True))
        self.other_row = next((at for at in range(len(context.rows)) if at not in self.rows), self.rows[-1])

    def asked(self) -> tuple[Answered, ...]:
        """Both rows on new connections, and both on the one that is kept."""
        return tuple(self._ask(row, keep_alive=kept) for row in self.rows for kept in (False, True))

    def after(self) -> tuple[Answered, ...]:
        """The same, ending at the first that gets no answer."""
        time.sleep(SETTLE_S)
        answered: list[Answered] = []
        for kept in (False, True):
            for row in self.rows:
                answered.append(self._ask(row, keep_alive=kept))
                if answered[-1].exchange.status is None:
                    return tuple(answered)
        return tuple(answered)

    def _ask(self, row: int, *, keep_alive: bool) -> Answered:
        case = f"sample row {row} on a {'kept' if keep_alive else 'new'} connection"
        return ask_one(self._context, row, transport=self._transport, keep_alive=keep_alive, case=case)


def _rude(context: Context, canaries: _Canaries, manner: Manner) -> Rude:
    mapping = context.target.mapping
    lawful = manner is TRICKLING
    row = canaries.rows[0] if lawful else canaries.other_row
    if manner.batch and mapping.batch_route is not None:
        count = min(LONG_BATCH, context.max_batch_rows or LONG_BATCH)
        body, path = mapping.encode_batch([context.rows[row]] * count), mapping.batch_route
    else:
        body, path = mapping.encode_row(context.rows[row]), mapping.predict_path
    deadline_s = DEADLINE_S if lawful else RUDE_DEADLINE_S
    for _ in range(manner.times - 1):
        misbehave(context.target, manner, path, body, deadline_s)
    with misbehaving(context.target, manner, path, body, deadline_s) as exchange:
        answered = decoded_one(mapping, exchange, row) if lawful else None
        return Rude(manner.name, _short(exchange), canaries.after(), answered, manner.how, manner.times)


def _chunked(context: Context, transport: Transport, canaries: _Canaries) -> tuple[Rude | None, int]:
    """White space without end and then a valid row, in chunks; sending stops as soon as the service answers.

    The row comes last, so that only a service that took all of it can answer it: one that reads no further than its
    cap and ignores the rest, as Werkzeug does, has only white space.
    """
    if (context.settings.contract.max_body_bytes or 0) >= FAR_BYTES:
        return None, 0
    mapping = context.target.mapping
    row = mapping.encode_row(context.rows[canaries.other_row])
    name = f"sent a chunked body of {FAR_BYTES >> 20} MiB"
    body = [*[chunk(b" " * CHUNK)] * (FAR_BYTES // CHUNK - 1), chunk(row.rjust(CHUNK)), LAST_CHUNK]
    headers = (*mapping.request_headers, ("Transfer-Encoding", "chunked"))
    exchange = transport.request(
        f"a client that {name}", "POST", mapping.predict_path, body, headers, deadline_s=DEADLINE_S
    )
    return Rude(name, _short(replace(exchange, request_body=row)), canaries.after()), FAR_BYTES


def _short(exchange: Exchange) -> Exchange:
    """Without the end of a long answer."""
    return replace(exchange, body=exchange.body[:KEPT])


def _hangs(rude: list[Rude]) -> bool:
    """Whether a canary got no answer: all that come after would wait for theirs, too."""
    return any(one.exchange.status is None for each in rude for one in each.canaries)
