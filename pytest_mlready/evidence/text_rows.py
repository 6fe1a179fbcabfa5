"""Rows with text: which columns hold free text, in which rows it is not ASCII, and how long it may be."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pytest_mlready.evidence.extreme_rows import declared_words
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.records import Row

MOSTLY = 0.5
"""In a column of free text more than this share of the samples differ; where fewer do, they are categories."""
MOST_LOOKED_AT = 500
ACCENT = " é"
"""Added to the free text of a row that is ASCII: one character, two bytes of UTF-8, six of an escape."""


def text_columns(rows: Sequence[Row]) -> list[str]:
    """The columns of free text: all samples are text, and most are distinct."""
    looked_at = rows[:MOST_LOOKED_AT]
    found = []
    for name in rows[0]:
        texts = [value for row in looked_at if isinstance(value := row[name], str)]
        if len(texts) == len(looked_at) < len(set(texts)) / MOSTLY:
            found.append(name)
    return found


def accented(rows: Sequence[Row], most: int) -> list[tuple[int, Row]]:
    """At most `most` sample rows with text beyond ASCII, by position; else the first one with an accent in its text."""
    own = [(at, row) for at, row in enumerate(rows[:MOST_LOOKED_AT]) if _beyond_ascii(row)]
    if own:
        return own[:most]
    free = {name: f"{rows[0][name]}{ACCENT}" for name in text_columns(rows)}
    return [(0, {**rows[0], **free})] if free else []


def in_utf8(body: bytes) -> bytes:
    """A JSON body with nothing escaped that need not be."""
    return json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()


def longest(openapi: OpenAPI | None, mapping: JsonMapping, columns: Sequence[str]) -> dict[str, int]:
    """The documented `maxLength` of those columns that have one, in characters."""
    said = declared_words(openapi, mapping, columns, "maxLength")
    return {name: value for name, value in said.items() if isinstance(value, int) and not isinstance(value, bool)}


def _beyond_ascii(row: Row) -> bool:
    """Whether some text of the row is written otherwise in UTF-8 than in ASCII; a lone surrogate has no UTF-8."""
    text = "".join(value for value in row.values() if isinstance(value, str))
    return not text.isascii() and not any("\ud800" <= one <= "\udfff" for one in text)
