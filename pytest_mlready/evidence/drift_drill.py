"""Evidence `drift_drill`: reference traffic, planted shifts and reference traffic again, and what the service tells."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence import golden
from pytest_mlready.evidence.asking import asked_of, predict
from pytest_mlready.evidence.drift_phases import Phases
from pytest_mlready.evidence.drift_signal import Reader, metric_of, similar
from pytest_mlready.evidence.exposition import Samples, metrics_path, samples_of
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.inputs import rows_of_csv, rows_of_json
from pytest_mlready.records import DriftDrill, DriftLook, Exchange, Row
from pytest_mlready.records.drift import QUIET_LOOKS
from pytest_mlready.settings import DriftSignal, nearest

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.service.target import Target
    from pytest_mlready.service.transport import Transport

MOST_REQUESTS = 5000
MOST_SENT = MOST_REQUESTS - 200
"""The others are for looks while it becomes quiet again, and for golden rows."""
LONGEST_S = 30.0
WITHIN = 2000
"""Rows in which a monitor that promises nothing is expected to tell."""
ROWS_AT_ONCE = 100
LEAST_REST_S = 1.0
PATIENCE = 5
BUSY = frozenset({429, 503})


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, the declared signal and rows, and whether they may lack values."""
    inputs, drift = context.settings.inputs, context.settings.drift
    reference, signal = (drift.reference, drift.signal) if drift is not None else (None, None)
    rows = {"rows": inputs.rows, "missing": inputs.missing, "golden": inputs.golden}
    return {**asked_of(context), **rows, "reference": reference, "signal": signal}


def gather(context: Context) -> DriftDrill:
    """Drill an instance of its own, or the running service where it is known by its URL only."""
    signal = declared(context)
    pool, from_reference = _pool(context, signal)
    within = signal.within or WITHIN
    empty = DriftDrill(None, (), within=within, promised=signal.within is not None)
    empty = replace(empty, pool=len(pool), from_reference=from_reference)
    with _instance(context, signal) as target, target.transport() as transport:
        own = replace(context, target=target)
        until = time.monotonic() + min(context.budget_s, LONGEST_S)
        service = Service(own, transport, signal, until)
        service.send(pool[: signal.look_rows])
        time.sleep(signal.look_s)
        first = service.scraped()
        metric = metric_of(signal, [] if isinstance(first, str) else first)
        if metric is None:
            return replace(empty, similar=() if isinstance(first, str) else similar(first))
        service.reader = Reader(metric)
        service.reader.look(0, first)
        rows = max(1, min(signal.look_rows, service.most_rows // QUIET_LOOKS))
        rng, missing = context.rng("drift drill"), context.settings.inputs.missing == "accept"
        found = Phases(service, pool, rng, rows, within, missing).drill(replace(empty, metric=metric))
        there = service.scraped()
        found = replace(found, similar=() if isinstance(there, str) else similar(there), requests=service.requests)
        return replace(found, golden=golden.gather(own) if context.settings.inputs.golden else None)


def declared(context: Context) -> DriftSignal:
    """The declared signal. Raises GatherError if there is none."""
    drift = context.settings.drift
    if drift is None or drift.signal is None:
        raise GatherError("no [drift.signal] is declared")
    return drift.signal


@contextmanager
def _instance(context: Context, signal: DriftSignal) -> Iterator[Target]:
    if context.target.recipe is None:
        yield context.target
        return
    with context.target.started_by(signal.command).fresh() as fresh:
        yield fresh


def _pool(context: Context, signal: DriftSignal) -> tuple[tuple[Row, ...], bool]:
    """Rows to draw traffic from, as the service takes them, and whether the reference was made of them."""
    drift = context.settings.drift
    data = drift.reference if drift is not None and not str(drift.reference).endswith((".json", ".parquet")) else None
    name = signal.rows or data
    if name is None:
        return context.rows, False
    path, key = context.settings.path(name), "drift.signal.rows" if signal.rows else "drift.reference"
    try:
        rows = rows_of_json(path) if path.suffix == ".json" else rows_of_csv(path)
    except (OSError, ValueError, csv.Error) as error:
        raise GatherError(f"{key}: {name} cannot be read as rows: {error}") from None
    names = tuple(context.rows[0])
    lacking = next((one for one in names if not rows or one not in rows[0]), None)
    if lacking is not None:
        raise GatherError(f"{key}: {name} has no column {lacking!r}{nearest(lacking, list(rows[0]) if rows else [])}")
    return tuple({one: row[one] for one in names} for row in rows), True


@dataclass
class Service:
    """The service over HTTP: rows in batches where it takes some, and one scrape a look."""

    context: Context
    transport: Transport
    signal: DriftSignal
    until: float
    requests: int = 0
    looks: int = 0
    began: float = field(default_factory=time.monotonic)
    reader: Reader | None = None

    def __post_init__(self) -> None:
        """How many rows travel together."""
        most = self.context.max_batch_rows or ROWS_AT_ONCE
        self.at_once = min(ROWS_AT_ONCE, most) if self.context.target.mapping.batch_route is not None else 1

    @property
    def most_rows(self) -> int:
        """In the quiet phase: two fifths of all requests are for it."""
        return 2 * MOST_REQUESTS // 5 * self.at_once

    def send(self, rows: Sequence[Row]) -> Exchange | None:
        """Have rows predicted; the answer that refused them, if any did."""
        at = 0
        while at < len(rows) and self.requests < MOST_SENT:
            part = rows[at : at + self.at_once]
            exchange = self._asked(part)
            if exchange.status == 413 and self.at_once > 1:
                self.at_once //= 2
                continue
            if not exchange.ok:
                return exchange
            at += len(part)
        return None

    def look(self, rows: int) -> DriftLook:
        """Wait as long as it takes the service to look, and scrape."""
        time.sleep(self.signal.look_s)
        samples = self.scraped()
        self.looks += 1
        return self.reader.look(rows, samples) if self.reader is not None else DriftLook(rows)

    def rest(self) -> None:
        """Far longer than a look should take."""
        time.sleep(max(LEAST_REST_S, 10 * self.signal.look_s))

    def room(self, rows: int) -> bool:
        """Whether there are time and requests for so many more rows, beside those that make it quiet again."""
        now, looks = time.monotonic(), -(-rows // self.signal.look_rows)
        in_time = now + looks * (now - self.began) / max(1, self.looks) < self.until
        return in_time and self.requests + -(-rows // self.at_once) + looks <= MOST_SENT

    def scraped(self) -> Samples | str:
        """All samples of one scrape, or why there are none."""
        self.requests += 1
        exchange = self.transport.request("drift signal", "GET", metrics_path(self.context), keep_alive=True)
        return samples_of(exchange) if exchange.ok else f"{exchange.path} answered {exchange.outcome}"

    def _asked(self, rows: Sequence[Row]) -> Exchange:
        target, mapping = self.context.target, self.context.target.mapping
        if len(rows) > 1 or mapping.batch_route is not None:
            body, path = mapping.encode_batch(rows), mapping.batch_route
        else:
            body, path = mapping.encode_row(rows[0]), mapping.predict_path
        for _ in range(PATIENCE):
            self.requests += 1
            exchange = predict(target, "drift", body, path=path, transport=self.transport, keep_alive=True)
            if exchange.status not in BUSY:
                break
            time.sleep(0.2)
        return exchange
