"""Evidence `edits`: sample rows with one value changed at a time, and what a declared reference says of the rows."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_mlready.evidence.asking import ask_one, asked_of, decoded_one, predict
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.mixed_rows import Cell, is_number, is_numeric, numeric_columns, spread
from pytest_mlready.evidence.reference import expected_of
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.measure.agreement import difference
from pytest_mlready.records import Answered, Edit, Edits, Prediction, Row
from pytest_mlready.service.transport import Transport
from pytest_mlready.settings import Relations, nearest

ORIGINALS = 16
STEPS = 4
OUTSIDE = 10
"""So many groups of columns get values outside of what the samples span, where a reference can tell what is right."""
DECLARED_ROWS = 3
"""Rows in which a declared column is edited, by every step; other columns are edited once, in one row."""

Told = tuple[tuple[Answered, ...], tuple[Prediction, ...]]


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and the declared relations, which decide what is edited."""
    return {**asked_of(context), **context.part_of_settings("relations")}


def gather(context: Context) -> Edits:
    """Ask the originals and edits of each declared column in one row, then further edits while there is time."""
    until = time.monotonic() + context.budget_s
    relations = context.settings.relations or Relations()
    declared = _declared(relations, context.rows)
    rows = spread(len(context.rows), ORIGINALS)
    expected = expected_of(relations.reference, context.settings.directory, [context.rows[at] for at in rows])
    with context.target.transport() as transport:
        originals = tuple(ask_one(context, at, transport=transport, keep_alive=True) for at in rows)
        edits: list[Edit] = []
        for done, (at, column) in enumerate(places(declared, list(context.rows[0]), rows)):
            if done >= max(1, len(declared)) and time.monotonic() > until:
                break
            steps = ladder(context.rows, column, at)
            asked = steps if column in declared else steps[-1:]
            edits += [_edited(context, transport, at, column, value) for value in asked]
        for column in relations.active:
            edits += _further(context, transport, column, originals, edits, until + context.budget_s)
        beyond, beyond_expected = _beyond(context, transport) if expected else ((), ())
    return Edits(originals, tuple(edits), expected, beyond, beyond_expected)


def _further(
    context: Context,
    transport: Transport,
    column: str,
    originals: Sequence[Answered],
    edits: Sequence[Edit],
    until: float,
) -> Iterator[Edit]:
    """Edits of a declared active column in further rows, until one moves an answer: a tree is flat in many rows."""
    before = {one.rows[0]: one.only for one in originals}

    def moves(edit: Edit) -> bool:
        own, now = before[edit.row], edit.answered.only
        return own is not None and now is not None and difference(own, now) is not None

    so_far = [edit for edit in edits if edit.column == column]
    if any(map(moves, so_far)):
        return
    for at in [row for row in before if row not in {edit.row for edit in so_far}]:
        for value in ladder(context.rows, column, at):
            if time.monotonic() > until:
                return
            edit = _edited(context, transport, at, column, value)
            yield edit
            if moves(edit):
                return


def places(declared: Sequence[str], columns: Sequence[str], rows: Sequence[int]) -> list[tuple[int, str]]:
    """Row and column of each edit, so ordered that time that runs out leaves no declared column unedited."""
    others = [(rows[0], column) for column in columns if column not in declared]
    first, *more = [[(at, column) for column in declared] for at in rows[:DECLARED_ROWS]]
    return [*first, *(place for one in more for place in one), *others]


def ladder(rows: Sequence[Row], column: str, at: int) -> list[Cell]:
    """Other values for a column of a row: even steps over what the samples span, or other values that they have."""
    own = rows[at][column]
    steps: Sequence[Cell] = [value for value in dict.fromkeys(row[column] for row in rows) if value is not None]
    if is_numeric(rows, column):
        seen = [one for one in steps if is_number(one)]
        low, high = min(seen), max(seen)
        even = [low + (high - low) * step / (STEPS - 1) for step in range(STEPS)]
        steps = [round(one) for one in even] if all(isinstance(one, int) for one in seen) else even
    return [value for value in dict.fromkeys(steps[:STEPS]) if value != own]


def outside(rows: Sequence[Row]) -> list[tuple[int, dict[str, float]]]:
    """Row and values half a span below what the samples have, then above; a few columns at a time, every one once."""
    numeric = numeric_columns(rows)
    found: list[tuple[int, dict[str, float]]] = []
    count = min(OUTSIDE, len(numeric))
    for number in range(count):
        below, above = {}, {}
        for name in numeric[number::count]:
            seen = [value for row in rows if is_number(value := row[name])]
            half = (max(seen) - min(seen)) / 2
            if all(isinstance(one, int) for one in seen):
                half = math.ceil(half)
            below[name], above[name] = min(seen) - half, max(seen) + half
        found += [(number % len(rows), below), (number % len(rows), above)]
    return found


def _beyond(context: Context, transport: Transport) -> Told:
    """What the service answers outside of the samples, and the reference; nothing if that has no answer there.

    The first row that they disagree about is asked again with each of its values alone, and those come first then:
    one wrong value is easier to see.
    """
    asked = outside(context.rows)
    together, expected = _told(context, transport, asked)
    pairs = zip(asked, together, expected, strict=False)
    at, values = next((edit for edit, one, told in pairs if _disagree(context, one, told)), (0, {}))
    alone = [(at, {name: value}) for name, value in values.items()] if len(values) > 1 else []
    singly, expected_singly = _told(context, transport, alone)
    return (*singly, *together), (*expected_singly, *expected)


def _disagree(context: Context, answered: Answered, expected: Prediction) -> bool:
    tolerance = (context.settings.relations or Relations()).tolerance
    return answered.only is not None and difference(expected, answered.only, tolerance) is not None


def _told(context: Context, transport: Transport, edits: Sequence[tuple[int, dict[str, float]]]) -> Told:
    """What the service and the reference say of sample rows with these values; nothing if the latter has no answer."""
    relations = context.settings.relations or Relations()
    rows = [{**context.rows[at], **values} for at, values in edits]
    try:
        expected = expected_of(relations.reference, context.settings.directory, rows)
    except GatherError:
        return (), ()
    mapping = context.target.mapping
    answered = []
    for (at, values), row in zip(edits, rows, strict=True):
        named = ", ".join(f"{name} = {value!r}" for name, value in values.items())
        body = mapping.encode_row(row)
        exchange = predict(context.target, f"sample row {at} with {named}", body, transport=transport, keep_alive=True)
        answered.append(decoded_one(mapping, exchange, at))
    return tuple(answered), expected


def _edited(context: Context, transport: Transport, at: int, column: str, value: Cell) -> Edit:
    mapping = context.target.mapping
    case = f"sample row {at} with {column} = {value!r}"
    body = mapping.encode_row({**context.rows[at], column: value})
    exchange = predict(context.target, case, body, transport=transport, keep_alive=True)
    return Edit(at, column, context.rows[at][column], value, decoded_one(mapping, exchange, at))


def _declared(relations: Relations, rows: Sequence[Row]) -> list[str]:
    named = [*relations.increasing, *relations.decreasing, *relations.invariant, *relations.active]
    for column in named:
        if column not in rows[0]:
            raise GatherError(f"[relations] names {column!r}, which is no column of the rows{nearest(column, rows[0])}")
    return list(dict.fromkeys(named))
