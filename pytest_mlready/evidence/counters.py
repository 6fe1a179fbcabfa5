"""Evidence `counters`: scrapes around a known number of requests, and around many that differ in every value."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytest_mlready.evidence.asking import predict
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.exposition import metrics_path, scraped
from pytest_mlready.evidence.mixed_rows import mixed_rows
from pytest_mlready.records import Counters, Exchange, Exposition
from pytest_mlready.service.transport import Transport

GOOD, BAD = 37, 13
"""Requests that a counter has to grow by: numbers that nothing else grows by."""
SCRAPES_BEFORE, SCRAPES_AFTER = 4, 8
"""On fresh connections: workers that count for themselves then contradict each other."""
SETTLE_S = 0.15
DISTINCT = 1000
UNKNOWN_PATHS = 80
INVENTED_METHODS = 60
DEADLINE_S = 5.0


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, how it is spoken to, and its metrics route if declared."""
    service = context.settings.service
    return {
        "service": service.command or service.url,
        "json": service.json,
        "path": service.paths.get("metrics"),
    }


def gather(context: Context) -> Counters:
    """Scrape, send, scrape; then send what differs, while there is time, and scrape once more."""
    until = time.monotonic() + context.budget_s
    with context.target.transport(deadline_s=DEADLINE_S) as transport:
        for bad in (False, True):
            _ask(context, transport, 0, bad=bad)
        before = _scrapes(context, transport, SCRAPES_BEFORE)
        sent = Counter(_ask(context, transport, at, bad=at >= GOOD).outcome for at in range(GOOD + BAD))
        time.sleep(SETTLE_S)
        after = _scrapes(context, transport, SCRAPES_AFTER)
        until = max(until, time.monotonic() + context.budget_s / 2)  # on a busy machine the first part takes it all
        paths, methods = _invented(transport, until)
        inputs = _distinct(context, transport, until)
        time.sleep(SETTLE_S / 3)
        (distinct_after,) = _scrapes(context, transport, 1)
    return Counters(
        before=before,
        sent=dict(sent),
        after=after,
        distinct_inputs=inputs,
        unknown_paths=paths,
        invented_methods=methods,
        distinct_after=distinct_after,
        predict_path=context.target.mapping.predict_path,
        metrics_path=metrics_path(context),
    )


def _ask(context: Context, transport: Transport, at: int, *, bad: bool) -> Exchange:
    """A predict on a fresh connection; a bad one has no row at all."""
    mapping = context.target.mapping
    body = b"{}" if bad else mapping.encode_row(context.rows[at % len(context.rows)])
    return predict(context.target, "no row" if bad else "sample row", body, transport=transport)


def _scrapes(context: Context, transport: Transport, count: int) -> tuple[Exposition, ...]:
    """Scrapes without their texts: the samples say it all, and twelve of them are in one record."""
    made = [scraped(context, transport) for _ in range(count)]
    return tuple(replace(one, exchange=replace(one.exchange, body=one.exchange.body[:2000])) for one in made)


def _invented(transport: Transport, until: float) -> tuple[int, int]:
    """Ask for paths that do not exist, and with methods that do not, each once; how many of each."""
    counts = [0, 0]
    for kind, most in enumerate((UNKNOWN_PATHS, INVENTED_METHODS)):
        for at in range(most):
            if time.monotonic() > until:
                break
            if kind == 0:
                exchange = transport.request("unknown path", "GET", f"/mlready-unknown-{at}", keep_alive=True)
            else:
                exchange = transport.request("invented method", f"MLREADY{at}", "/mlready-unknown")
            counts[kind] += exchange.status is not None
    return counts[0], counts[1]


def _distinct(context: Context, transport: Transport, until: float) -> int:
    """Ask for rows that differ in every value; how many were answered."""
    mapping, answered = context.target.mapping, 0
    for row in mixed_rows(context.rows, DISTINCT, context.rng("counters")):
        if time.monotonic() > until:
            break
        body = mapping.encode_row(row)
        answered += predict(context.target, "distinct row", body, transport=transport, keep_alive=True).ok
    return answered
