"""Evidence `scaling`: seconds of single rows with values at their limits, of long texts, and of rows in batches.

A batch of 3n is timed beside three batches of n, one after another: windows of equal length, so that whatever else the
machine does stretches both. Timed apart, on a busy machine a long request seems slower than in proportion, because a
short one may slip between two turns of others.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import asked_of, predict
from pytest_mlready.evidence.extreme_rows import (
    declared_bounds,
    in_groups,
    ordinary_row,
    singly,
    together,
)
from pytest_mlready.evidence.long_texts import text_times
from pytest_mlready.evidence.mixed_rows import mixed_rows
from pytest_mlready.evidence.timed_rounds import timed_rounds
from pytest_mlready.records import BatchTimes, Exchange, Row, Scaling, SlowRow

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.service.transport import Transport

SIZES = (10, 33, 100, 333, 1000)
LONG_S = 0.2
"""A batch that takes so long, twice, is long enough to be measured: no larger one is tried."""
GROUP = 6
"""So many columns are at their limits in one row: a loop that one value lengthens is long in company, too."""
SEEMS_SLOW_S = 0.25
SEEMS_SLOW = 10
"""A row is asked again when it took so many times the median, and longer than `SEEMS_SLOW_S`."""
BLANKS = b" " * 20_000
"""Means nothing in JSON, and is what a careless pattern takes the square of."""
SLOW_ROW = "a single row is slow already"
REPEATS = 3
MOST_SUSPECTS = 5
DEADLINE_S = 3.0


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and the declared caps, which bound the sizes."""
    return {**asked_of(context), **context.part_of_settings("contract")}


def gather(context: Context) -> Scaling:
    """Time single rows in half of the time there is, then long texts, then batches.

    A single row that is slow ends it: the batch that holds such a row would be, too.
    """
    began = time.monotonic()
    with context.target.transport(deadline_s=DEADLINE_S) as transport:
        singles = _Singles(context, transport)
        singles.gather(began + context.budget_s / 2)
        if singles.has_slow:
            return Scaling(tuple(singles.seconds), singles.asked, tuple(singles.suspects), None, SLOW_ROW)
        texts = text_times(context, transport, began + 3 * context.budget_s / 4)
        batch, problem = _batches(context, transport, began + context.budget_s)
    return Scaling(tuple(singles.seconds), singles.asked, tuple(singles.suspects), batch, problem, texts)


class _Singles:
    """Asks rows with values at their limits, in groups, and those of groups that seem slow or are refused one by one.

    Rows that seem slow alone are asked again, with an ordinary row before each time.
    """

    def __init__(self, context: Context, transport: Transport) -> None:
        self._context, self._transport = context, transport
        self._ordinary = ordinary_row(context.rows)
        self.seconds: list[float] = []
        self.suspects: list[SlowRow] = []
        self.has_slow = False
        """Whether a row was slow each time, beside others of the service, too."""
        self.asked = 0

    def gather(self, until: float) -> None:
        context = self._context
        bounds = declared_bounds(context.target.openapi, context.target.mapping, list(context.rows[0]))
        for _ in range(REPEATS):
            self._timed("ordinary values", self._body(self._ordinary))
        singles = singly(context.rows, context.rng("scaling"), bounds)
        groups = [(one, [each for each in singles if each.kind == one.kind]) for one in together(context.rows)]
        for group, alone in [*groups, *in_groups(singles, self._ordinary, GROUP)]:
            if time.monotonic() > until:
                return
            exchange, seconds = self._timed(group.case, self._body(group.row))
            slow, refused = self._seems_slow(seconds), not exchange.ok and len(alone) <= GROUP
            for one in [*alone, group] if slow else alone if refused else []:
                late = time.monotonic() > until and not slow
                if late or len(self.suspects) == MOST_SUSPECTS or self._is_slow(one.case, self._body(one.row)):
                    return
        plain = self._body(self._ordinary)
        for where, body in (("before its end", plain[:-1] + BLANKS + plain[-1:]), ("after its end", plain + BLANKS)):
            if self._is_slow(f"{len(BLANKS):,} blanks {where}", body):
                return

    def _is_slow(self, case: str, body: bytes) -> bool:
        """Whether a row is slow each time it is asked; if it seems so at first, it becomes a suspect."""
        exchange, first = self._timed(case, body)
        if not self._seems_slow(first):
            return False
        ordinary = self._body(self._ordinary)
        seconds, between = [first], [self._timed("ordinary values", ordinary)[1]]
        while len(seconds) < REPEATS and seconds[-1] > SEEMS_SLOW_S:
            seconds.append(self._timed(case, body)[1])
            between.append(self._timed("ordinary values", ordinary)[1])
        self.suspects.append(SlowRow(exchange, tuple(seconds), tuple(between)))
        slow = min(seconds) > SEEMS_SLOW_S
        self.has_slow |= slow and min(seconds) > SEEMS_SLOW * max(median(self.seconds or [0.0]), median(between))
        return slow

    def _seems_slow(self, seconds: float) -> bool:
        return seconds > max(SEEMS_SLOW_S, SEEMS_SLOW * median(self.seconds or [0.0]))

    def _body(self, row: Row) -> bytes:
        return self._context.target.mapping.encode_row(row)

    def _timed(self, case: str, body: bytes) -> tuple[Exchange, float]:
        case = f"a row with {case}"
        exchange = predict(self._context.target, case, body, transport=self._transport, keep_alive=True)
        seconds = DEADLINE_S if exchange.failure == "deadline" else exchange.elapsed_s
        self.asked += 1
        if exchange.ok:
            self.seconds.append(seconds)
        return exchange, seconds


def _batches(context: Context, transport: Transport, until: float) -> tuple[BatchTimes | None, str | None]:
    """Times of the largest size that is taken and not too long, or why there are none."""
    cap = context.max_batch_rows
    if context.target.mapping.batch_route is None:
        return None, None
    chosen: tuple[int, Exchange] | None = None
    batches = _Batches(context, transport, _rows(context.rows, 3 * SIZES[-1]))
    for size in SIZES:
        if 3 * size > (cap or 3 * size):
            break
        exchange = batches.ask(0, 3 * size)
        if exchange.status in range(400, 500) and chosen is None:
            batches = _Batches(context, transport, _mixes(context, 3 * SIZES[-1]))
            exchange = batches.ask(0, 3 * size)
        if not exchange.ok:
            if chosen is None:
                return None, f"{exchange.case} was answered {exchange.outcome}"
            break
        chosen = size, exchange
        if exchange.elapsed_s > LONG_S and batches.ask(0, 3 * size).elapsed_s > LONG_S:
            break
    if chosen is None:
        return None, f"the declared cap of {cap} rows leaves no two sizes to compare"
    size, exchange = chosen
    parts = [batches.body(at, at + size) for at in range(0, 3 * size, size)]

    def send(body: bytes, whole: bool) -> Exchange:
        return batches.send(body, 3 * size if whole else size)

    return timed_rounds(context.target.instance, send, size, parts, exchange, until)


class _Batches:
    """Asks for rows from one position to another; each is written out once, which costs as much as all else."""

    def __init__(self, context: Context, transport: Transport, rows: Sequence[Row]) -> None:
        self._target, self._transport, self._rows = context.target, transport, rows
        self._texts: list[bytes] = []

    def body(self, start: int, end: int) -> bytes:
        mapping = self._target.mapping
        self._texts += map(mapping.batch_text, self._rows[len(self._texts) : end])
        return mapping.batch_of(self._texts[start:end])

    def ask(self, start: int, end: int) -> Exchange:
        return self.send(self.body(start, end), end - start)

    def send(self, body: bytes, count: int) -> Exchange:
        path, case = self._target.mapping.batch_route, f"a batch of {count} rows"
        return predict(self._target, case, body, path=path, transport=self._transport, keep_alive=True)


def _rows(rows: Sequence[Row], count: int) -> list[Row]:
    """Distinct rows, as far as the samples go: each a sample with one value of another."""
    columns = list(rows[0])
    made: list[Row] = []
    for at in range(count):
        lap, own = divmod(at, len(rows))
        column, other = columns[lap % len(columns)], (own + lap) % len(rows)
        made.append({**rows[own], column: rows[other][column]})
    return made


def _mixes(context: Context, count: int) -> list[Row]:
    """Rows between two samples each, for a service that compares columns and so refuses values of another row."""
    made = mixed_rows(context.rows, count, context.rng("mixes for batches")) or list(context.rows)
    return [made[at % len(made)] for at in range(count)]
