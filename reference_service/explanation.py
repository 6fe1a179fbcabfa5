"""Saying what is wrong with a body that parses but does not fit: every fault with its path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reference_service.problems import Fault
from reference_service.strict_json import OutOfRange, kind, printable

FIELDS = {"features": ("features", "user_id", "model_version"), "instances": ("instances", "model_version")}


def faults_of(value: Any, field: str, names: Sequence[str]) -> list[Fault]:
    """The faults of a parsed body whose rows are in `field`, "features" or "instances"; never empty."""
    if not isinstance(value, dict):
        return [Fault("$", f"must be an object, is {kind(value)}")]
    unknown = [key for key in value if key not in FIELDS[field]]
    faults = [Fault(f"$.{printable(key)}", "there is no such field") for key in unknown[:10]]
    if field not in value:
        faults.append(Fault(f"$.{field}", "the field is missing"))
    elif field == "features":
        faults.extend(_row_faults(value[field], "$.features", names))
    elif not isinstance(value[field], list):
        faults.append(Fault("$.instances", f"must be an array, is {kind(value[field])}"))
    else:
        for i, item in enumerate(value[field]):
            faults.extend(_row_faults(item, f"$.instances[{i}]", names))
    user_id = value.get("user_id", "")
    if field == "features" and (isinstance(user_id, bool) or not isinstance(user_id, str | int)):
        faults.append(Fault("$.user_id", "must be a non-empty string or a 64-bit integer"))
    if not isinstance(value.get("model_version", ""), str):
        faults.append(Fault("$.model_version", "must be a non-empty string"))
    return faults or [Fault("$", "does not fit the request's schema")]


def _row_faults(row: Any, path: str, names: Sequence[str]) -> list[Fault]:
    if isinstance(row, dict):
        faults = [Fault(f"{path}[{name!r}]", "the feature is missing") for name in names if name not in row]
        for name, item in row.items():
            where = f"{path}['{printable(name)}']"
            if name not in names:
                faults.append(Fault(where, "the model has no such feature"))
            elif not _is_number(item):
                faults.append(Fault(where, f"must be a finite number, is {kind(item)}"))
        return faults
    if not isinstance(row, list):
        return [Fault(path, f"must be an array of numbers or an object by feature name, is {kind(row)}")]
    faults = []
    if len(row) != len(names):
        faults.append(Fault(path, f"must have {len(names)} numbers, has {len(row)}"))
    wrong = [(i, item) for i, item in enumerate(row) if not _is_number(item)]
    faults.extend(Fault(f"{path}[{i}]", f"must be a finite number, is {kind(item)}") for i, item in wrong[:10])
    return faults


def _is_number(value: object) -> bool:
    if isinstance(value, bool | OutOfRange) or not isinstance(value, int | float):
        return False
    return abs(value) < 1 << 1023
