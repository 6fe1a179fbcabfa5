"""Scraping as Prometheus 3 does it: its headers, its media types, and the reference parser."""

from __future__ import annotations

import math
from email.message import Message

from pytest_mlready.evidence.context import Context
from pytest_mlready.records import Exchange, Exposition
from pytest_mlready.service.transport import Transport

ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;"
    "q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
USUAL_PATH = "/metrics"
MAX_SAMPLES = 100_000
MAX_TEXT = 500
Samples = list[tuple[str, dict[str, str], float]]


def scraped(context: Context, transport: Transport) -> Exposition:
    """Scrape the target's metrics route once, on a connection of its own."""
    headers = (("Accept", ACCEPT), ("X-Prometheus-Scrape-Timeout-Seconds", "10"))
    return read(transport.request("scrape", "GET", metrics_path(context), headers=headers))


def metrics_path(context: Context) -> str:
    """The target's metrics route, the usual path where none is known."""
    return context.target.paths.get("metrics") or USUAL_PATH


def read(exchange: Exchange) -> Exposition:
    """An exchange as Prometheus would take it. Values that are not finite stand as 0, for JSON cannot carry them."""
    if not exchange.ok:
        return Exposition(exchange, f"it answered {exchange.outcome}")
    media = exchange.header("Content-Type")
    problem = media_problem(media)
    if problem is not None:
        return Exposition(exchange, problem)
    samples = samples_of(exchange)
    if isinstance(samples, str):
        return Exposition(exchange, samples)
    finite = ((name, labels, value if math.isfinite(value) else 0.0) for name, labels, value in samples)
    return Exposition(exchange, None, tuple(finite))


def samples_of(exchange: Exchange) -> Samples | str:
    """The samples of an answer as the reference parser reads them, with NaN and infinities, or why there are none."""
    try:
        openmetrics = "openmetrics" in (exchange.header("Content-Type") or "").lower()
        samples = _parsed(exchange.body.decode("utf-8"), openmetrics=openmetrics)
    except Exception as error:  # the parser raises whatever it stumbles over: the target wrote the text
        return f"it does not parse: {type(error).__name__}: {str(error)[:200]}"
    return f"more than {MAX_SAMPLES} samples" if len(samples) > MAX_SAMPLES else samples


def media_problem(content_type: str | None) -> str | None:
    """Why Prometheus 3 refuses this Content-Type, None if it takes it."""
    if not content_type:
        return "it has no Content-Type"
    message = Message()
    message["Content-Type"] = content_type
    # Not get_content_type, which takes whatever it cannot read for text/plain.
    media, version = content_type.partition(";")[0].strip().lower(), message.get_param("version")
    if media == "application/openmetrics-text" or (media == "text/plain" and version in {None, "0.0.4", "1.0.0"}):
        return None
    return f"its Content-Type is {content_type[:100]!r}, not text/plain; version=0.0.4 or OpenMetrics"


def _parsed(text: str, *, openmetrics: bool) -> Samples:
    if openmetrics:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
    else:
        from prometheus_client.parser import text_string_to_metric_families as parse
    samples = []
    for family in parse(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            labels = {name[:MAX_TEXT]: value[:MAX_TEXT] for name, value in sample.labels.items()}
            samples.append((sample.name, labels, float(sample.value)))
            if len(samples) > MAX_SAMPLES:
                return samples
    return samples
