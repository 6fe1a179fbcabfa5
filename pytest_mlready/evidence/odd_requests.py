"""Requests in which something else than a value is odd: the coding, a text beside the row, or the rows' company."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_mlready.evidence.asking import predict
from pytest_mlready.evidence.context import Context
from pytest_mlready.records import Exchange, Generated
from pytest_mlready.service.transport import Transport

GZIP = (("Content-Encoding", "gzip"),)
MOST_FIELDS = 4
MOST_TOGETHER = 40
TEXTS = ("a" * 27 + "!", "1" * 27 + "x", "\ud83d\ude80" * 20, "a" * 5000)
"""Long runs that end otherwise take patterns with nested repeats years; emoji and length take columns by surprise."""


def odd_requests(context: Context, transport: Transport, answered: Sequence[Generated]) -> Iterator[Exchange]:
    """Ask them all, one after another; `answered` are generated rows that were answered alone."""
    mapping = context.target.mapping
    plain = mapping.encode_row(context.rows[0])
    packed = gzip.compress(plain, mtime=0)
    codings = {"gzip that is cut short": packed[: len(packed) // 2], "gzip that is none": plain}
    for case, body in codings.items():
        yield predict(context.target, f"a body of {case}", body, transport=transport, headers=GZIP)
    for name in _texts(context)[:MOST_FIELDS]:
        for text in TEXTS:
            body = plain[:-1] + b"," + json.dumps({name: text}).encode()[1:]
            case = f"sample row 0 with {name} = {text[:12]!r}… ({len(text)} characters)"
            yield predict(context.target, case, body, transport=transport, keep_alive=True)
    if mapping.batch_route is not None and answered:
        cap = min(MOST_TOGETHER, context.max_batch_rows or MOST_TOGETHER)
        rows = [{**context.rows[one.row], **one.edits} for one in answered[:cap]]
        case = f"batch of {len(rows)} generated rows that were answered alone"
        yield predict(context.target, case, mapping.encode_batch(rows), transport=transport, path=mapping.batch_route)


def _texts(context: Context) -> list[str]:
    """Texts that the document says may stand beside the row."""
    mapping, openapi = context.target.mapping, context.target.openapi
    if openapi is None or mapping.row_key is None:
        return []
    found: dict[str, None] = {}
    for properties in openapi.words(openapi.request_schema("POST", mapping.predict_path), "properties"):
        for name, schema in properties.items() if isinstance(properties, Mapping) else ():
            if name != mapping.row_key and _is_text(openapi.words(schema, "type")):
                found.setdefault(str(name))
    return list(found)


def _is_text(types: Iterator[Any]) -> bool:
    return any(one == "string" or (isinstance(one, list) and "string" in one) for one in types)
