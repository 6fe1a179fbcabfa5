"""Does a value conform to a schema that a target published? Nothing is fetched, whatever the schema refers to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_ERRORS = 20


def schema_errors(schema: Mapping[str, Any], value: object) -> list[str]:
    """Why `value` does not conform to `schema` (JSON Schema 2020-12), each as "path: reason"; empty if it does.

    A schema that cannot be applied (a dangling or outside reference, a circle, a bad pattern) is reported likewise.
    """
    import referencing
    from jsonschema import Draft202012Validator

    found: list[str] = []
    try:
        # An explicit registry holds what may be referred to: the default one would fetch from the network.
        validator = Draft202012Validator(schema, registry=referencing.Registry())
        for error in validator.iter_errors(value):
            where = "/".join(str(part) for part in error.absolute_path)
            found.append(f"{where or 'body'}: {error.message[:300]}")
            if len(found) >= MAX_ERRORS:
                break
    except RecursionError:
        found.append("the schema refers to itself without end")
    except Exception as error:  # any other failure is the schema's, which the target wrote
        found.append(f"the schema cannot be applied: {type(error).__name__}: {str(error)[:300]}")
    return found
