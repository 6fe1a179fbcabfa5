"""The first answer of a service that documents none: where the prediction, the version and the id stand in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import predict
from pytest_mlready.protocols.answer_keys import learned

if TYPE_CHECKING:
    from pytest_mlready.records import Row
    from pytest_mlready.service.target import Target


def acquainted(target: Target, rows: tuple[Row, ...], declared: Mapping[str, Any]) -> Target:
    """The target with a mapping that fits a real answer; the same target if its answers are documented.

    A documented service is not asked: its first answer belongs to the evidence.
    """
    path = target.mapping.predict_path
    if not rows or (target.openapi is not None and target.openapi.response_schema("POST", path, 200) is not None):
        return target
    exchange = predict(target, "first answer", target.mapping.encode_row(rows[0]))
    body = exchange.json_or_none
    return replace(target, mapping=learned(target.mapping, body, declared)) if exchange.ok else target
