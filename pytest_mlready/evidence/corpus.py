"""Evidence `corpus`: generated rows asked one by one, and what fails asked again with fewer edits."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from pytest_mlready.evidence.asking import ask_one, asked_of, decoded_one, predict
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.extreme_rows import declared_bounds
from pytest_mlready.evidence.generated_rows import Answerable, Edits, column, generated
from pytest_mlready.evidence.mixed_rows import Cell
from pytest_mlready.evidence.odd_requests import odd_requests
from pytest_mlready.evidence.shrinking import Patience, fewest, fewest_first, plainest
from pytest_mlready.records import Answered, Corpus, Exchange, Generated
from pytest_mlready.records.corpus import MEMORY_EVERY, broke
from pytest_mlready.service.transport import Transport

DEADLINE_S = 5.0
MOST_FAILURES = 5
SHRINKING_S = 5.0
PAIRS = 500
"""Tries of what is answered at once, if it is; as many as thirty columns have pairs."""
AGAIN_S = 10.0
SOON = 10
LEAST_SOON_S = 0.3
"""So many times the usual, and at least so long, an answer may take where many are waited for in vain."""


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and how."""
    return asked_of(context)


def gather(context: Context) -> Corpus:
    """Ask until the corpus, the time or the patience with failures ends; then shrink what failed."""
    until = time.monotonic() + context.budget_s
    mapping = context.target.mapping
    bounds = declared_bounds(context.target.openapi, mapping, list(context.rows[0]))
    known = Answerable({name: column(context.rows, name, bounds[name]) for name in context.rows[0]})
    cases: list[Generated] = []
    failing: list[Generated] = []
    stopped: str | None = None
    memory: list[int] = []
    instance = context.target.instance
    with context.target.transport(deadline_s=DEADLINE_S) as transport:
        before = ask_one(context, 0, transport=transport, keep_alive=True)
        for row, edits in generated(context.rows, known, context.rng("corpus")):
            if instance is not None and len(cases) % MEMORY_EVERY == 0:
                memory.append(instance.rss_bytes())
            one = _asked(context, transport, row, edits)
            cases.append(one)
            if one.answered.exchange.ok:
                known.learn(edits)
            if fails(one.answered):
                failing.append(one)
            if len(failing) == MOST_FAILURES or (cases and time.monotonic() > until):
                stopped = f"after {len(failing)} failures" if len(failing) == MOST_FAILURES else "time was up"
                break
        if instance is not None and len(cases) % MEMORY_EVERY == 0:
            memory.append(instance.rss_bytes())
        odd = () if failing else _odd(context, transport, [one for one in cases if one.answered.exchange.ok])
        shrinker = _Shrinker(context, transport, median(one.answered.exchange.elapsed_s for one in cases))
        shrunk = tuple(shrinker.shrunk(one) for one in failing)
        after = ask_one(context, 0, transport=transport)
    return Corpus((before, after), tuple(cases), shrunk, stopped, tuple(memory), odd)


def fails(answered: Answered) -> bool:
    """Whether an answer is a server error, none at all, or one with a 2xx status that cannot be read."""
    return broke(answered.exchange) or answered.problem is not None


def _odd(context: Context, transport: Transport, answered: Sequence[Generated]) -> tuple[Exchange, ...]:
    """Odd requests up to the first that gets no answer: others would wait for theirs, too."""
    asked: list[Exchange] = []
    for exchange in odd_requests(context, transport, answered):
        asked.append(exchange)
        if exchange.status is None:
            break
    return tuple(asked)


class _Search:
    """The smallest edits so far with which a failing row fails as it did."""

    def __init__(self, context: Context, transport: Transport, failing: Generated) -> None:
        self._context, self._transport, self._failing = context, transport, failing
        self.smallest = failing

    def fails(self, edits: Mapping[str, Cell]) -> bool:
        asked = _asked(self._context, self._transport, self._failing.row, edits)
        same = _same(asked.answered, self._failing.answered)
        self.smallest = asked if same else self.smallest
        return same

    def fails_with(self, names: Sequence[str]) -> bool:
        return self.fails({name: self._failing.edits[name] for name in names})


class _Shrinker:
    """Asks failing rows again with fewer and plainer edits. A cause that was found before is tried first.

    `ordinary_s` is how long an answer takes in general.
    """

    def __init__(self, context: Context, transport: Transport, ordinary_s: float) -> None:
        self._context, self._transport = context, transport
        self._patience = Patience(SHRINKING_S)
        self._soon_s = min(DEADLINE_S, max(LEAST_SOON_S, SOON * ordinary_s))
        self._found: list[Generated] = []

    def shrunk(self, failing: Generated) -> Generated:
        if failing.answered.exchange.failure == "deadline":
            return self._hanging(failing)
        search = _Search(self._context, self._transport, failing)
        tried = self._patience.tries(search.fails)
        if tried({}):
            return search.smallest
        for known in self._found:
            own = {name: failing.edits[name] for name in known.edits if name in failing.edits}
            if len(own) == len(known.edits) < len(failing.edits) and tried(own):
                return known
        fewest(list(failing.edits), self._patience.tries(search.fails_with))
        for name, value in search.smallest.edits.items():
            plainest(value, lambda plainer, name=name: tried({**search.smallest.edits, name: plainer}))  # type: ignore[misc]
        self._found.append(search.smallest)
        return search.smallest

    def _hanging(self, failing: Generated) -> Generated:
        """A try that fails costs seconds: few edits come first, then what has no answer soon, and at last has none."""
        if not answers_again(self._context, self._transport):
            return failing
        search = _Search(self._context, self._transport, failing)
        names = list(failing.edits)
        if fewest_first(names, Patience(SHRINKING_S, PAIRS).tries(search.fails_with)) is None:
            with self._context.target.transport(deadline_s=self._soon_s) as hurried:
                soon = _Search(self._context, hurried, failing)

                def hangs(some: Sequence[str]) -> bool:
                    return answers_again(self._context, self._transport) and soon.fails_with(some)

                fewest(names, Patience(SHRINKING_S).tries(hangs))
            if soon.smallest is not failing and answers_again(self._context, self._transport):
                search.fails(soon.smallest.edits)
        return search.smallest


def answers_again(context: Context, transport: Transport) -> bool:
    """Whether the sample row gets an answer, at last: a service that hangs may hang for everybody."""
    until = time.monotonic() + AGAIN_S
    while ask_one(context, 0, transport=transport).exchange.status is None:
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def _same(one: Answered, other: Answered) -> bool:
    return fails(one) and one.exchange.outcome == other.exchange.outcome


def _asked(context: Context, transport: Transport, row: int, edits: Edits | Mapping[str, Any]) -> Generated:
    mapping = context.target.mapping
    named = ", ".join(f"{name} = {value!r:.40}" for name, value in list(edits.items())[:3])
    case = f"sample row {row}{' with ' if named else ''}{named}{' …' if len(edits) > 3 else ''}"
    body = mapping.encode_row({**context.rows[row], **edits})
    exchange = predict(context.target, case, body, transport=transport, keep_alive=True)
    return Generated(row, dict(edits), decoded_one(mapping, exchange, row))
