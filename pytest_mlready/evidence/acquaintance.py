"""How a service is met: it is started or found, and its first answer says where the prediction stands in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import decoded_one, predict
from pytest_mlready.protocols.answer_keys import answer_documented, learned, prediction_missing
from pytest_mlready.protocols.detect import DetectError
from pytest_mlready.service import target as targets

if TYPE_CHECKING:
    from pytest_mlready.protocols.json_mapping import JsonMapping
    from pytest_mlready.records import Row
    from pytest_mlready.service.target import Target
    from pytest_mlready.settings import Base, Service, Settings


FIRST_ROWS = 3
"""So many rows are asked where the answer to the first cannot be read: it may be one that went wrong."""


def reached(
    settings: Settings,
    where: Service | Base,
    rows: tuple[Row, ...],
    run_dir: Path,
    *,
    cwd: str = ".",
    allow: Sequence[str] = (),
) -> Target:
    """Start the command in `cwd` or attach to the URL of `where`, and get acquainted; whoever calls stops it.

    It is spoken to as `[service]` declares, with headers of its own if it has some.

    Raises:
        StartError: it did not start, or was never ready; the message is fit to print once it is scrubbed.
        DetectError, ValueError: how to speak to it cannot be found out and is not declared, or is declared wrong.
    """
    service = settings.service
    known: dict[str, Any] = {
        "declared_json": service.json,
        "declared_paths": service.paths,
        "feature_names": tuple(rows[0]) if rows else (),
        "headers": tuple((service.headers if where.headers is None else where.headers).items()),
        "allow": tuple(allow),
        "start_timeout_s": service.ready_timeout_s,
    }
    if where.command is not None:
        made = targets.launch(command=where.command, cwd=settings.path(cwd), run_dir=run_dir, **known)
    else:
        made = targets.attach(url=str(where.url), **known)
    try:
        return acquainted(made, rows, service.json)
    except BaseException:
        made.stop(0.5)
        raise


def acquainted(target: Target, rows: tuple[Row, ...], declared: Mapping[str, Any]) -> Target:
    """The target with a mapping that fits a real answer; the same target if its document says where a prediction is.

    A documented service is not asked: its first answer belongs to the evidence.

    Raises:
        DetectError: no answer to the first rows can be read, and nobody declared where in it the prediction is.
    """
    mapping = target.mapping
    if not rows or answer_documented(target.openapi, mapping, declared):
        return target
    unread: tuple[JsonMapping, object] | None = None
    for row in rows[:FIRST_ROWS]:
        exchange = predict(target, "first answer", mapping.encode_row(row))
        body = exchange.json_or_none
        if not exchange.ok or body is None:
            continue
        likely = learned(mapping, body, declared)
        without = likely if "probabilities" in declared else replace(likely, probabilities_key=None)
        for fitting in (likely, without):
            if decoded_one(fitting, exchange, 0).problem is None:
                return replace(target, mapping=fitting)
        unread = unread or (likely, body)
    if unread is None:
        return target
    missing = None if "prediction" in declared else prediction_missing(*unread)
    if missing is not None:
        raise DetectError([missing])
    return replace(target, mapping=unread[0])
