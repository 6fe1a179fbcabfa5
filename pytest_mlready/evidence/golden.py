"""Golden rows: their declared answers, and what the service answers now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import asked_of, decoded_one, predict
from pytest_mlready.evidence.declared_answers import declared_answer, named_row
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import Golden
from pytest_mlready.settings import Settings

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context

DEFAULT_TOLERANCE = 1e-6


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and the golden file's content."""
    return {**asked_of(context), "golden": hashlib.sha256(_read(context.settings)).hexdigest()}


def gather(context: Context) -> Golden:
    """Ask for every golden row. Raises GatherError if the file cannot be used."""
    document = _document(context.settings)
    rows, answers = document.get("rows"), document.get("answers")
    if not isinstance(rows, list) or not isinstance(answers, list) or not rows or len(rows) != len(answers):
        raise GatherError('inputs.golden: expected {"rows": […], "answers": […]} of one length, at least 1')
    expected = tuple(declared_answer(one, f"inputs.golden: answers[{at}]") for at, one in enumerate(answers))
    named = [named_row(context, one, f"inputs.golden: rows[{at}]") for at, one in enumerate(rows)]
    mapping = context.target.mapping
    with context.target.transport() as transport:
        answered = tuple(
            decoded_one(
                mapping, predict(context.target, f"golden row {at}", mapping.encode_row(row), transport=transport)
            )
            for at, row in enumerate(named)
        )
    tolerance = document.get("tolerance", DEFAULT_TOLERANCE)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance < 1:
        raise GatherError(f"inputs.golden: tolerance: expected a number from 0 to 1, got {tolerance!r}")
    version = document.get("model_version")
    return Golden(expected, answered, float(tolerance), version if isinstance(version, str) else None)


def _read(settings: Settings) -> bytes:
    try:
        return settings.path(str(settings.inputs.golden)).read_bytes()
    except OSError:
        return b""


def _document(settings: Settings) -> Mapping[str, Any]:
    try:
        document = json.loads(_read(settings))
    except (ValueError, RecursionError) as error:
        raise GatherError(f"inputs.golden: {settings.inputs.golden} cannot be read as JSON: {error}") from None
    if not isinstance(document, Mapping):
        raise GatherError(f"inputs.golden: {settings.inputs.golden} is not an object")
    return document
