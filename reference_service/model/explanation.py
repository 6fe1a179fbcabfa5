"""Saying what is wrong with a body that parses but does not fit: every fault with its path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from reference_service.model.columns import LONGEST_CATEGORY, NUMBER, Column
from reference_service.web.problems import Fault
from reference_service.web.strict_json import OutOfRange, kind, printable

FIELDS = {"features": ("features", "user_id", "model_version"), "instances": ("instances", "model_version")}


def faults_of(value: Any, field: str, columns: Sequence[Column], bound: float) -> list[Fault]:
    """The faults of a parsed body whose rows are in `field`, "features" or "instances"; never empty."""
    if not isinstance(value, dict):
        return [Fault("$", f"must be an object, is {kind(value)}")]
    unknown = [key for key in value if key not in FIELDS[field]]
    faults = [Fault(f"$.{printable(key)}", "there is no such field") for key in unknown[:10]]
    if field not in value:
        faults.append(Fault(f"$.{field}", "the field is missing"))
    elif field == "features":
        faults.extend(_row_faults(value[field], "$.features", columns, bound))
    elif not isinstance(value[field], list):
        faults.append(Fault("$.instances", f"must be an array, is {kind(value[field])}"))
    else:
        for i, item in enumerate(value[field]):
            faults.extend(_row_faults(item, f"$.instances[{i}]", columns, bound))
    user_id = value.get("user_id", "")
    if field == "features" and (isinstance(user_id, bool) or not isinstance(user_id, str | int)):
        faults.append(Fault("$.user_id", "must be a non-empty string or a 64-bit integer"))
    if not isinstance(value.get("model_version", ""), str):
        faults.append(Fault("$.model_version", "must be a non-empty string"))
    return faults or [Fault("$", "does not fit the request's schema")]


def cell_fault(column: Column, value: object, bound: float) -> str | None:
    """What is wrong with a value of parsed JSON in a column; None if nothing is.

    Args:
        bound: the largest absolute number.
    """
    if value is None and column.nullable:
        return None
    or_null = " or null" if column.nullable else ""
    if column.type == NUMBER:
        if not _is_number(value):
            return f"must be a finite number{or_null}, is {kind(value)}"
        return None if -bound <= value <= bound else f"must be between -{bound:g} and {bound:g}"
    must = f"must be a string of 1 to {LONGEST_CATEGORY} characters{or_null}"
    if not isinstance(value, str):
        return f"{must}, is {kind(value)}"
    return None if 1 <= len(value) <= LONGEST_CATEGORY else f"{must}, has {len(value)}"


def _row_faults(row: Any, path: str, columns: Sequence[Column], bound: float) -> list[Fault]:
    known = {column.name: column for column in columns}
    what = "numbers" if all(column.plain for column in columns) else "values"
    if isinstance(row, dict):
        faults = [Fault(f"{path}[{name!r}]", "the feature is missing") for name in known if name not in row]
        for name, item in row.items():
            where = f"{path}['{printable(name)}']"
            if name not in known:
                faults.append(Fault(where, "the model has no such feature"))
            elif (wrong := cell_fault(known[name], item, bound)) is not None:
                faults.append(Fault(where, wrong))
        return faults
    if not isinstance(row, list):
        return [Fault(path, f"must be an array of {what} or an object by feature name, is {kind(row)}")]
    faults = []
    if len(row) != len(columns):
        faults.append(Fault(path, f"must have {len(columns)} {what}, has {len(row)}"))
    judged = ((i, cell_fault(column, item, bound)) for i, (column, item) in enumerate(zip(columns, row, strict=False)))
    faults.extend([Fault(f"{path}[{i}]", wrong) for i, wrong in judged if wrong is not None][:10])
    return faults


def _is_number(value: object) -> TypeGuard[float]:
    if isinstance(value, bool | OutOfRange) or not isinstance(value, int | float):
        return False
    return abs(value) < 1 << 1023
