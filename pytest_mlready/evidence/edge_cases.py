"""Evidence `edge_cases`: rows that somebody thought of, and what the service makes of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import asked_of, decoded_one, predict
from pytest_mlready.evidence.declared_answers import named_row
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import EdgeCase, EdgeCases, Row
from pytest_mlready.settings import Quality, Settings

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context

KEYS = {"name", "row", "expect"}
WORDS = ({"refused"}, {"minimum"}, {"maximum"}, {"minimum", "maximum"})
FORM = '{"name": "…", "row": {…}, "expect": …}'


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and the content of the file."""
    return {**asked_of(context), "edge_cases": hashlib.sha256(_read(context.settings)).hexdigest()}


def gather(context: Context) -> EdgeCases:
    """Ask for each case by itself. Raises GatherError if the file cannot be used."""
    mapping = context.target.mapping
    cases = []
    with context.target.transport() as transport:
        for name, row, expect in _declared(context):
            exchange = predict(context.target, f"edge case {name}", mapping.encode_row(row), transport=transport)
            cases.append(EdgeCase(name, expect, decoded_one(mapping, exchange)))
    return EdgeCases(tuple(cases))


def _declared(context: Context) -> Iterator[tuple[str, Row, Any]]:
    where = f"quality.edge_cases: {_file(context.settings)}"
    try:
        listed = json.loads(_read(context.settings))
    except (ValueError, RecursionError) as error:
        raise GatherError(f"{where} cannot be read as JSON: {error}") from None
    if not isinstance(listed, list) or not listed:
        raise GatherError(f"{where}: expected a list of {FORM}")
    for at, one in enumerate(listed):
        if not isinstance(one, Mapping) or one.keys() != KEYS or not isinstance(one["name"], str):
            raise GatherError(f"{where}: [{at}]: expected {FORM}")
        yield one["name"], named_row(context, one["row"], f"{where}: [{at}].row"), _expected(one["expect"], where, at)


def _expected(expect: Any, where: str, at: int) -> Any:
    if isinstance(expect, Mapping) and set(expect) in WORDS:
        limits = [value for name, value in expect.items() if name != "refused"]
        if all(isinstance(one, int | float) for one in limits) and expect.get("refused", True) is True:
            return dict(expect)
    if expect is None or not isinstance(expect, str | int | float):
        what = 'a label, a number, {"minimum": …, "maximum": …} or {"refused": true}'
        raise GatherError(f"{where}: [{at}].expect: expected {what}, got {json.dumps(expect)[:60]}")
    return expect


def _file(settings: Settings) -> str:
    return str((settings.quality or Quality()).edge_cases)


def _read(settings: Settings) -> bytes:
    try:
        return settings.path(_file(settings)).read_bytes()
    except OSError:
        return b""
