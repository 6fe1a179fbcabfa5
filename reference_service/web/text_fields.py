"""Request bodies that are objects of a few short texts, read as strictly as the inputs of the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from reference_service.web import strict_json
from reference_service.web.problems import Fault, Problem


@dataclass(frozen=True)
class TextField:
    """One member: what it must look like, in a pattern for us and in words for the client."""

    pattern: re.Pattern[str]
    words: str
    required: bool = False


def read(body: bytes, fields: Mapping[str, TextField], nesting: int) -> dict[str, str]:
    """The members of a body.

    Raises:
        Problem: 400 not JSON; 422 a repeated, unknown or missing member, or one that does not look as it must.
    """
    value = strict_json.examine(body, nesting)
    if not isinstance(value, dict):
        raise _invalid(Fault("$", f"must be an object, is {strict_json.kind(value)}"))
    unknown = [name for name in value if name not in fields]
    faults = [Fault(f"$.{strict_json.printable(name)}", "there is no such field") for name in unknown[:10]]
    for name, field in fields.items():
        if name not in value:
            if field.required:
                faults.append(Fault(f"$.{name}", "the field is missing"))
        elif not isinstance(value[name], str):
            faults.append(Fault(f"$.{name}", f"{field.words}, is {strict_json.kind(value[name])}"))
        elif not field.pattern.fullmatch(value[name]):
            faults.append(Fault(f"$.{name}", field.words))
    if faults:
        raise _invalid(*faults)
    return value


def _invalid(*faults: Fault) -> Problem:
    return Problem(422, "invalid-input", "The request does not fit; see errors.", faults)
