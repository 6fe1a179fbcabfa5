"""Evidence `scrape`: the metrics route, asked once as Prometheus asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.exposition import scraped
from pytest_mlready.records import Scrape


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, and its metrics route if declared."""
    service = context.settings.service
    return {"service": service.command or service.url, "path": service.paths.get("metrics")}


def gather(context: Context) -> Scrape:
    """Scrape."""
    with context.target.transport() as transport:
        return Scrape(scraped(context, transport))
