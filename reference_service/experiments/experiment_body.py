"""Reading the body that defines an experiment: every fault with its path."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from reference_service.experiments.assignment import BUCKETS
from reference_service.experiments.experiment import Definition, Variant, ill_defined
from reference_service.web import strict_json
from reference_service.web.problems import Fault
from reference_service.web.text_fields import TextField

MOST_VARIANTS = 20
NAME = TextField(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"),
    "must be 1 to 64 letters, digits, dots, hyphens or underscores, the first a letter or digit",
)
SALT = TextField(re.compile(r"[^\x00-\x1f\x7f]{1,128}"), "must be 1 to 128 characters, none a control character")
VERSION = TextField(re.compile(r".{1,64}", re.DOTALL), "must be a string of 1 to 64 characters, or null")
REASON = TextField(re.compile(r".{0,500}", re.DOTALL), "must be a string of at most 500 characters")
FIELDS = ("salt", "variants", "starts_at", "ends_at", "reason")
VARIANT_FIELDS = ("name", "version", "weight")
_ROUNDING = 1e-9


def read(body: bytes, nesting: int) -> tuple[Definition, str]:
    """What an admin wants, and why.

    Raises:
        Problem: 400 not JSON; 422 not an experiment.
    """
    value = strict_json.examine(body, nesting)
    if not isinstance(value, dict):
        raise ill_defined(Fault("$", f"must be an object, is {strict_json.kind(value)}"))
    faults = _unknown(value, FIELDS, "$")
    definition = Definition(
        salt=_text(value, "salt", SALT, "$", faults),
        variants=_variants(value.get("variants"), faults),
        starts_at=_time(value, "starts_at", faults),
        ends_at=_time(value, "ends_at", faults),
    )
    reason = _text(value, "reason", REASON, "$", faults)
    if faults:
        raise ill_defined(*faults)
    return definition, reason or ""


def _variants(value: object, faults: list[Fault]) -> tuple[Variant, ...]:
    if not isinstance(value, list) or not 2 <= len(value) <= MOST_VARIANTS:
        faults.append(Fault("$.variants", f"must be an array of 2 to {MOST_VARIANTS} variants, the first the control"))
        return ()
    before = len(faults)
    found = tuple(_variant(item, f"$.variants[{i}]", faults) for i, item in enumerate(value))
    names = [variant.name for variant in found]
    faults.extend(
        Fault(f"$.variants[{i}].name", "is the name of another variant, too")
        for i, name in enumerate(names)
        if name and name in names[:i]
    )
    total = sum(variant.weight for variant in found)
    if len(faults) == before and total != BUCKETS:
        faults.append(Fault("$.variants", f"the weights must add up to 1, they add up to {total / BUCKETS:g}"))
    return found


def _variant(value: object, path: str, faults: list[Fault]) -> Variant:
    if not isinstance(value, dict):
        faults.append(Fault(path, f"must be an object, is {strict_json.kind(value)}"))
        return Variant("", None, 0)
    faults.extend(_unknown(value, VARIANT_FIELDS, path))
    faults.extend(Fault(f"{path}.{name}", "the field is missing") for name in ("name", "weight") if name not in value)
    return Variant(
        _text(value, "name", NAME, path, faults) or "",
        None if value.get("version") is None else _text(value, "version", VERSION, path, faults),
        _weight(value.get("weight", 0), f"{path}.weight", faults),
    )


def _weight(value: object, path: str, faults: list[Fault]) -> int:
    """A share of users as a number of buckets; sums of decimal fractions may be off by a rounding error."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        faults.append(Fault(path, f"must be a number from 0 to 1, in steps of {1 / BUCKETS:g}"))
        return 0
    count = round(value * BUCKETS)
    if not math.isclose(value, count / BUCKETS, rel_tol=0, abs_tol=_ROUNDING):
        faults.append(Fault(path, f"must be a multiple of {1 / BUCKETS:g}: there are {BUCKETS} buckets"))
    return count


def _text(value: Mapping[str, Any], name: str, field: TextField, path: str, faults: list[Fault]) -> str | None:
    if name not in value:
        return None
    found = value[name]
    if not isinstance(found, str):
        faults.append(Fault(f"{path}.{name}", f"{field.words}, is {strict_json.kind(found)}"))
    elif not field.pattern.fullmatch(found):
        faults.append(Fault(f"{path}.{name}", field.words))
    else:
        return found
    return None


def _time(value: Mapping[str, Any], name: str, faults: list[Fault]) -> datetime.datetime | None:
    if value.get(name) is None:
        return None
    try:
        found = msgspec.convert(value[name], datetime.datetime)
    except msgspec.ValidationError:
        found = None
    if found is None or found.utcoffset() != datetime.timedelta(0):
        faults.append(Fault(f"$.{name}", "must be a time in UTC such as 2026-03-01T12:00:00Z, or null"))
        return None
    return found


def _unknown(value: Mapping[str, Any], fields: tuple[str, ...], path: str) -> list[Fault]:
    unknown = [name for name in value if name not in fields]
    return [Fault(f"{path}.{strict_json.printable(name)}", "there is no such field") for name in unknown[:10]]
