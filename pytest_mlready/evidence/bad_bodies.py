"""Bodies that a strict service refuses, each made from a valid row of full length with one thing wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from pytest_mlready.evidence.mixed_rows import is_number, spread
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import Row

HOLE = "@mlready hole@"
DEPTH = 5_000
ABSENT = 10
"""So many names are left out, one at a time: some of them may have a default by mistake."""
UNKNOWN = "mlready unknown %s %(name)d {0}"
"""A name that no service has, and that is a format in three ways."""
FULL_WIDTH = 0xFEE0
"""From an ASCII character to the wide one that compatibility forms of Unicode take for it."""
NONFINITE = ("Infinity", "-Infinity", "1e400", "-1e400", "1e999")


@dataclass(frozen=True)
class Bad:
    """A bad body, its group (one per check that judges it), and whether it goes to the batch route."""

    group: str
    case: str
    body: bytes
    batch: bool = False


def bad_bodies(
    mapping: JsonMapping, rows: Sequence[Row], nullable: Set[str] = frozenset(), optional: Set[str] = frozenset()
) -> Iterator[Bad]:
    """All of them, those that are likeliest to break a service last.

    `nullable` features may be null and `optional` ones left out, as the service documents: that is no bad value.
    """
    row = rows[0]
    required = never_missing(rows)
    yield from _missing(mapping, row, [name for name in required if name not in nullable])
    yield from _arity(mapping, row, [name for name in required if name not in optional])
    number = middle_number(rows)
    if number is not None:
        yield from _literals(mapping, rows, number)
    yield from _fields(mapping, row)
    if mapping.batch_route is not None:
        yield from _batches(mapping, rows, number)
    yield from _malformed(mapping, row)


def bad_names(mapping: JsonMapping, row: Row) -> Iterator[Bad]:
    """Rows by name where the mapping writes arrays: one name is not there, or another stands that looks like it."""
    named = replace(mapping, row_shape="object")
    names = list(row)
    for at in spread(len(names), ABSENT):
        yield Bad("missing_value", f"no {names[at]}, in a row by name", named.encode_row(_without(row, names[at])))
    ascii_first = next((name for name in names if "!" <= name[:1] <= "~"), None)
    if ascii_first is not None:
        alike = chr(ord(ascii_first[0]) + FULL_WIDTH) + ascii_first[1:]
        renamed = {alike if name == ascii_first else name: value for name, value in row.items()}
        yield Bad("unknown_field", "an unknown feature, in a row by name", named.encode_row({**row, UNKNOWN: 1}))
        yield Bad("coercion", f"{alike} for {ascii_first}, in a row by name", named.encode_row(renamed))


def never_missing(rows: Sequence[Row]) -> list[str]:
    """The features that every row has a value of: where null stands in a valid row, it is no bad value."""
    return [name for name in rows[0] if all(row.get(name) is not None for row in rows)]


def middle_number(rows: Sequence[Row]) -> str | None:
    """A feature that is a number in every row, from the middle of them; None if there is none."""
    names = [name for name in rows[0] if all(is_number(row.get(name)) for row in rows)]
    return names[len(names) // 2] if names else None


def with_literal(mapping: JsonMapping, row: Row, feature: str, literal: str) -> bytes:
    """The body of a row with `literal`, JSON text or not, in the place of one value."""
    return mapping.encode_row({**row, feature: HOLE}).replace(json.dumps(HOLE).encode(), literal.encode())


def _missing(mapping: JsonMapping, row: Row, required: Sequence[str]) -> Iterator[Bad]:
    for case, text in (("no body", ""), ("null", "null"), ('""', '""'), ("{}", "{}"), ("[]", "[]")):
        yield Bad("missing", f"body {case}" if text else case, text.encode())
    if mapping.row_key is not None:
        values: tuple[Any, ...] = (None, "", [], {})
        for one in values:
            yield Bad("missing", f"{mapping.row_key} = {json.dumps(one)}", _text({mapping.row_key: one}))
        yield Bad("missing", f"no {mapping.row_key}", mapping.encode_row(row).replace(
            _text(mapping.row_key) + b":", _text(f"not_{mapping.row_key}") + b":", 1))  # fmt: skip
    if required:
        feature = required[len(required) // 2]
        yield Bad("missing_value", f"null for {feature}", mapping.encode_row({**row, feature: None}))


def _arity(mapping: JsonMapping, row: Row, required: Sequence[str]) -> Iterator[Bad]:
    if mapping.row_shape == "object":
        if required:
            yield Bad("absent_feature", f"no {required[-1]}", mapping.encode_row(_without(row, required[-1])))
        first = next(iter(row))
        if len(row) > 2:
            yield Bad("arity", f"{first} alone of {len(row)} features", mapping.encode_row({first: row[first]}))
        return
    values = list(row.values())
    shapes = {
        "one value less": values[:-1],
        "one value more": [*values, values[-1]],
        "every value twice": [*values, *values],
        "one value": values[:1],
    }
    for case, wrong in shapes.items():
        if wrong and len(wrong) != len(values):
            yield Bad("arity", f"{case}: {len(wrong)} instead of {len(values)}", mapping.encode_body(wrong))


def _literals(mapping: JsonMapping, rows: Sequence[Row], feature: str) -> Iterator[Bad]:
    row = rows[0]
    for literal in NONFINITE:
        yield Bad("nonfinite", f"{literal} for {feature}", with_literal(mapping, row, feature, literal))
    yield Bad("nan", f"NaN for {feature}", with_literal(mapping, row, feature, "NaN"))
    for literal in (json.dumps(str(row[feature])), '"1.5"', "true", "[1.5]"):
        yield Bad("coercion", f"{literal} for {feature}", with_literal(mapping, row, feature, literal))
    yield Bad("missing", f'"" for {feature}', with_literal(mapping, row, feature, '""'))


def _fields(mapping: JsonMapping, row: Row) -> Iterator[Bad]:
    whole = mapping.encode_row(row)
    if whole[:1] != b"{":
        return
    yield Bad("unknown_field", "an unknown field", whole[:-1] + b"," + _text({UNKNOWN: 1})[1:])
    if mapping.row_key is not None:
        yield Bad("duplicate_key", f"{mapping.row_key} twice", whole[:-1] + b"," + whole[1:])
    if mapping.row_shape == "object":
        yield Bad("unknown_field", "an unknown feature", mapping.encode_row({**row, UNKNOWN: 1}))


def _batches(mapping: JsonMapping, rows: Sequence[Row], number: str | None) -> Iterator[Bad]:
    three = [rows[at % len(rows)] for at in range(3)]
    good = [mapping.row_value(row) for row in three]
    between = {"missing": ("null", None), "arity": ("a short row", good[1][:-1] if isinstance(good[1], list) else None)}
    for group, (case, wrong) in between.items():
        if group == "missing" or wrong is not None:
            body = mapping.encode_batch_values([good[0], wrong, good[2]])
            yield Bad(group, f"batch: {case} between good rows", body, batch=True)
    yield Bad("empty_batch", "batch of no rows", mapping.encode_batch_values([]), batch=True)
    yield Bad("missing", "batch: body null", b"null", batch=True)
    if mapping.batch_key is not None and mapping.batch_path is not None:
        yield Bad("missing", "batch: body {}", b"{}", batch=True)
        yield Bad("missing", f"batch: {mapping.batch_key} = null", _text({mapping.batch_key: None}), batch=True)
    whole = mapping.encode_batch(three)
    yield Bad("malformed", "batch: text after the JSON", whole + b"x", batch=True)
    yield Bad("malformed", "batch: a second document after the JSON", whole + b"\n" + whole, batch=True)
    if number is None:
        return
    holed = mapping.encode_batch([three[0], {**three[1], number: HOLE}, three[2]])
    for group, literal in (("nan", "NaN"), ("nonfinite", "1e400"), ("coercion", '"1.5"'), ("coercion", "true")):
        body = holed.replace(_text(HOLE), literal.encode())
        yield Bad(group, f"batch: {literal} for {number} between good rows", body, batch=True)


def _malformed(mapping: JsonMapping, row: Row) -> Iterator[Bad]:
    whole = mapping.encode_row(row)
    feature = list(row)[len(row) // 2]
    cases = {
        "not JSON": b"features: 1, 2, 3",
        "truncated JSON": whole[: len(whole) // 2],
        "text after the JSON": whole + b"x",
        "bytes that are no UTF-8": whole.replace(b'"', b'"\xff', 1) if b'"' in whole else whole[:-1] + b"\xff",
        "a lone surrogate as a value": with_literal(mapping, row, feature, '"\\ud800"'),
        f"{DEPTH} nested lists as a value": with_literal(mapping, row, feature, "[" * DEPTH + "]" * DEPTH),
    }
    yield from (Bad("malformed", case, body) for case, body in cases.items())


def _without(row: Row, name: str) -> Mapping[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
