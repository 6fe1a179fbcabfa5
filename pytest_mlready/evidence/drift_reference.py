"""Evidence `drift_reference`: what the service says it compares its traffic with, and which version serves."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import ask_one, asked_of, clean
from pytest_mlready.evidence.drift_drill import declared
from pytest_mlready.evidence.exposition import scraped
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.protocols.json_mapping import BadAnswer, found
from pytest_mlready.records import DriftReferenceTold

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.service.transport import Transport
    from pytest_mlready.settings import DriftReference

PATIENCE_S = 1.5


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and where it tells."""
    drift = context.settings.drift
    return {**asked_of(context), "reference": drift.signal.reference if drift and drift.signal else None}


def gather(context: Context) -> DriftReferenceTold:
    """Ask for a prediction, which names the version, and for the reference."""
    place = declared(context).reference
    if place is None:
        raise GatherError("no [drift.signal.reference] is declared")
    with context.target.transport() as transport:
        only = ask_one(context, 0, transport=transport).only
        version = only.version if only is not None else None
        file, digest = _file(place, version, context)
        until = time.monotonic() + PATIENCE_S
        while True:  # a monitor that has just begun may still be reading it
            told, problem = _by_route(place, transport) if place.path else _by_metric(place, context, transport)
            found = DriftReferenceTold(told, version, problem, file, digest)
            if found.agrees or time.monotonic() > until:
                return found
            time.sleep(0.2)


def _file(place: DriftReference, version: str | None, context: Context) -> tuple[str | None, str | None]:
    """The declared file of a version and its sha256."""
    if place.file is None or version is None:
        return None, None
    if "/" in version or version.startswith("."):
        raise GatherError(f"the version {version!r} cannot be part of the path {place.file}")
    file = place.file.replace("{version}", version)
    try:
        digest = hashlib.sha256(context.settings.path(file).read_bytes()).hexdigest()
    except OSError as error:
        raise GatherError(f"drift.signal.reference.file: {file} cannot be read: {error.strerror}") from None
    return file, digest


def _by_route(place: DriftReference, transport: Transport) -> tuple[str | None, str]:
    exchange = transport.request("drift reference", "GET", str(place.path))
    if not exchange.ok:
        return None, f"GET {place.path} answered {exchange.outcome}"
    try:
        value = found(exchange.json_or_none, str(place.key))
    except BadAnswer as error:
        return None, f"GET {place.path}: {clean(str(error))}"
    return _text(value), f"GET {place.path} has no value at {place.key!r}"


def _by_metric(place: DriftReference, context: Context, transport: Transport) -> tuple[str | None, str]:
    exposition = scraped(context, transport)
    values = {labels.get(str(place.label)) for name, labels, value in exposition.samples if name == place.metric}
    named = sorted(value for value in values if value)
    if len(named) > 1:
        return None, f"{place.metric} names several references: {', '.join(named[:5])}"
    why = exposition.problem or f"no sample of {place.metric} has a label {place.label!r}"
    return (named[0] if named else None), why


def _text(value: object) -> str | None:
    return clean(str(value), 200) if isinstance(value, str | int | float) and str(value) else None
