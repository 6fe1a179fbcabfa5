"""Rows of full length with values at their limits: where loops converge slowly, and tables are looked up in vain."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_mlready.evidence.mixed_rows import Cell, is_number, numeric_columns
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.protocols.request_rows import column_schemas
from pytest_mlready.records import Row

Bounds = tuple[float | None, float | None]
MOST_LOOKED_AT = 500
"""So many sample rows are looked at for an ordinary one."""


def ordinary_row(rows: Sequence[Row]) -> Row:
    """A sample row whose values are at no limit of their columns, or at as few as there are."""
    limits = {name: _limits(rows, name) for name in numeric_columns(rows)}
    return min(rows[:MOST_LOOKED_AT], key=lambda row: sum(row[name] in at for name, at in limits.items()))


@dataclass(frozen=True)
class ExtremeRow:
    """A row with one column at a limit, or with all columns at the same kind of limit."""

    kind: str
    case: str
    row: Row


def together(rows: Sequence[Row]) -> Iterator[ExtremeRow]:
    """An ordinary row with every column at its smallest, its largest, and zero: a few rows that touch all limits."""
    named = {name: _named(rows, name, (None, None)) for name in numeric_columns(rows)}
    base = ordinary_row(rows)
    for kind in ("at its smallest", "at its largest", "at zero") if named else ():
        values = {name: values[kind] for name, values in named.items()}
        yield ExtremeRow(kind, f"every column {kind}", {**base, **values})


def in_groups(singles: Sequence[ExtremeRow], base: Row, size: int) -> list[tuple[ExtremeRow, list[ExtremeRow]]]:
    """Rows with several columns at the same kind of limit, each with the single ones that it stands for."""
    of_kind: dict[str, list[ExtremeRow]] = {}
    for one in singles:
        of_kind.setdefault(one.kind, []).append(one)
    made = []
    for kind, alike in of_kind.items():
        for at in range(0, len(alike), size):
            group = alike[at : at + size]
            values = {name: one.row[name] for one in group for name in base if one.row[name] != base[name]}
            made.append((ExtremeRow(kind, f"{', '.join(values)} {kind}", {**base, **values}), group))
    return made


def singly(rows: Sequence[Row], rng: random.Random, declared: Mapping[str, Bounds]) -> list[ExtremeRow]:
    """An ordinary row with one column at a limit, for each of them, in random order.

    The limits are each column's smallest and largest sample, zero, and those that the interface document declares.
    """
    base = ordinary_row(rows)
    made = [
        ExtremeRow(kind, f"{name} {kind} ({value!r})", {**base, name: value})
        for name in numeric_columns(rows)
        for kind, value in _named(rows, name, declared.get(name, (None, None))).items()
    ]
    return rng.sample(made, len(made))


def declared_bounds(openapi: OpenAPI | None, mapping: JsonMapping, columns: Sequence[str]) -> dict[str, Bounds]:
    """Each column's minimum and maximum by the request's schema, references and choices followed."""
    low, high = (declared_words(openapi, mapping, columns, word) for word in ("minimum", "maximum"))
    return {name: (_number(low[name]), _number(high[name])) for name in columns}


def declared_words(
    openapi: OpenAPI | None, mapping: JsonMapping, columns: Sequence[str], word: str
) -> dict[str, object]:
    """What the request's schema says of each column by one word ("minimum"); None where it says nothing."""
    if openapi is None:
        return dict.fromkeys(columns)
    schemas = column_schemas(openapi, mapping, columns)
    return {name: next(openapi.words(schema, word), None) for name, schema in schemas.items()}


def _limits(rows: Sequence[Row], name: str) -> tuple[Cell, Cell]:
    values = [value for row in rows if is_number(value := row[name])]
    return min(values), max(values)


def _named(rows: Sequence[Row], name: str, bounds: Bounds) -> dict[str, Cell]:
    smallest, largest = _limits(rows, name)
    zero = 0 if isinstance(smallest, int) and isinstance(largest, int) else 0.0
    values: dict[str, Cell] = {"at its smallest": smallest, "at its largest": largest, "at zero": zero}
    for kind, value in zip(("at its declared minimum", "at its declared maximum"), bounds, strict=True):
        if value is not None and value not in values.values():
            values[kind] = value
    return values


def _number(value: object) -> float | None:
    return value if is_number(value) else None
