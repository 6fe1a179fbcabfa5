"""Predictions for users whose variant is known: what the answer, the log and the metrics say of it."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_mlready.evidence.asking import predict
from pytest_mlready.evidence.exposition import scraped
from pytest_mlready.evidence.variants import declared, variant_in
from pytest_mlready.records import Assigned, Labelled

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.service.transport import Transport

EACH = 5
"""Predictions for each variant."""
LOG_WAIT_S = 0.5
LOG_READ = 1_000_000


def labelled(context: Context, asked: Sequence[Assigned]) -> tuple[tuple[Labelled, ...], tuple[str, ...] | None]:
    """Predictions for a few users of each variant of the first experiment; and its variants that metrics name."""
    experiment = next((one.name for one in declared(context).declared), None)
    users: dict[str, list[Assigned]] = {}
    for one in asked:
        if one.experiment == experiment and one.variant is not None:
            users.setdefault(one.variant, []).append(one)
    if not users:
        return (), None
    with context.target.transport(deadline_s=5.0) as transport:
        ids = {str(uuid.uuid4()): one for told in users.values() for one in told[:EACH]}
        made = {id: _predicted(context, transport, id, one) for id, one in ids.items()}
        exposition = scraped(context, transport)
    values = {value for _, labels, _ in exposition.samples for value in labels.values()}
    named = None if exposition.problem is not None else tuple(name for name in users if name in values)
    return tuple(_with_log(context, made)), named


def _predicted(context: Context, transport: Transport, id: str, user: Assigned) -> Labelled:
    settings, mapping = declared(context), context.target.mapping
    body = mapping.encode_row(context.rows[0], {settings.id_field: user.unit})
    headers = (("X-Request-ID", id),)
    answer = predict(context.target, f"a prediction for {user.unit!r}", body, transport=transport, headers=headers)
    return Labelled(user.unit, str(user.variant), answer, variant_in(settings, answer))


def _with_log(context: Context, made: Mapping[str, Labelled]) -> list[Labelled]:
    """Each prediction with what the service's log says of it, where we started it and so have its log."""
    instance = context.target.instance
    if instance is None:
        return list(made.values())
    until = time.monotonic() + LOG_WAIT_S
    while True:
        lines = _lines(instance.log_end(LOG_READ), list(made))
        if len(lines) == len(made) or time.monotonic() > until:
            break
        time.sleep(0.02)
    return [replace(one, logged=_names(lines.get(id), one.variant)) for id, one in made.items()]


def _lines(log: str, ids: Sequence[str]) -> dict[str, str]:
    """The lines of a log that hold one of the ids, by it."""
    found = {id: [line for line in log.splitlines() if id in line] for id in ids if id in log}
    return {id: "\n".join(lines) for id, lines in found.items()}


def _names(lines: str | None, variant: str) -> bool | None:
    return None if lines is None else re.search(rf"(?<![\w-]){re.escape(variant)}(?![\w-])", lines) is not None
