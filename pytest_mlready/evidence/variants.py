"""Asking in which variant a user is: by the declared route, or by a prediction for that user."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_mlready.evidence.asking import clean, predict
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.protocols.json_mapping import BadAnswer, found
from pytest_mlready.records import Assigned, Exchange
from pytest_mlready.settings import nearest

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.measure.assignment.functions import Unit
    from pytest_mlready.measure.assignment.planned import Wanted
    from pytest_mlready.service.transport import Transport
    from pytest_mlready.settings import Experiments

CLIENTS = 4
MAX_NAME = 200


def declared(context: Context) -> Experiments:
    """The table `[experiments]`. Raises GatherError if none stands."""
    if context.settings.experiments is None:
        raise GatherError("no [experiments] are declared")
    return context.settings.experiments


def ask_all(context: Context, wanted: Iterable[Wanted]) -> tuple[Assigned, ...]:
    """Ask for each on a connection of its own, several at a time: so every worker comes to be asked."""
    with context.target.transport(deadline_s=5.0) as transport, ThreadPoolExecutor(CLIENTS) as threads:
        return tuple(threads.map(lambda one: assigned(context, transport, *one), wanted))


def assigned(
    context: Context, transport: Transport, experiment: str, kind: str, unit: Unit, *, keep_alive: bool = False
) -> Assigned:
    """The variant that an id is told to be in."""
    settings = declared(context)
    if settings.assignment is None:
        exchange = predict_for(context, transport, unit, keep_alive=keep_alive)
        path = ""
    else:
        path = route(settings.assignment, experiment, quote(str(unit), safe=""))
        exchange = transport.request("assignment", "GET", path, keep_alive=keep_alive)
    return Assigned(experiment, unit, kind, variant_in(settings, exchange), exchange.outcome, path)


def predict_for(context: Context, transport: Transport, unit: Unit, *, keep_alive: bool = False) -> Exchange:
    """A prediction of a sample row for a user."""
    mapping = context.target.mapping
    body = mapping.encode_row(context.rows[0], {declared(context).id_field: unit})
    return predict(context.target, f"a prediction for {unit!r}", body, transport=transport, keep_alive=keep_alive)


def variant_or_fail(context: Context, unit: Unit, experiment: str | None) -> str:
    """The variant of a user, in the first declared experiment unless another is named.

    Raises:
        AssertionError: the service told none, or no such experiment is declared; the message has the answer.
    """
    names = [one.name for one in declared(context).declared]
    name = experiment or (names[0] if names else "")
    if name not in names:
        raise AssertionError(f"no experiment {name!r} is declared in [experiments]{nearest(name, names)}")
    with context.target.transport(deadline_s=5.0) as transport:
        told = assigned(context, transport, name, "asked", unit)
    if told.variant is None:
        raise AssertionError(f"{name}: the service told no variant for {unit!r}: it answered {told.outcome}")
    return told.variant


def route(template: str, name: str, encoded: str = "") -> str:
    """A declared path with the name of an experiment and an id, which is percent-encoded already, in their places."""
    return template.replace("{experiment}", quote(name, safe="")).replace("{id}", encoded)


def variant_in(settings: Experiments, exchange: Exchange) -> str | None:
    """The name of the variant in an answer, None where there is none."""
    if not exchange.ok:
        return None
    if settings.variant_header is not None:
        name: object = exchange.header(settings.variant_header)
    else:
        try:
            name = found(exchange.json_or_none, settings.variant)
        except BadAnswer:
            return None
    return clean(str(name), MAX_NAME) if isinstance(name, str | int) and not isinstance(name, bool) else None
