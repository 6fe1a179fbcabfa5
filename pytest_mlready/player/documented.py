"""Does an answer keep to its documented schema? The keywords that documents of services use, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TYPES: Mapping[str, Any] = {
    "object": Mapping, "array": list, "string": str, "boolean": bool, "null": type(None),
    "number": (int, float), "integer": int,
}  # fmt: skip
DEEPEST = 50


def breaks(schema: Mapping[str, Any], value: object) -> str | None:
    """The first way in which a value breaks a schema, None if there is none."""
    return _broken(schema, schema, value, "body", 0)


def _broken(root: Any, schema: Any, value: Any, where: str, deep: int) -> str | None:
    if not isinstance(schema, Mapping) or deep > DEEPEST:
        return None
    if (reference := schema.get("$ref")) is not None:
        return _broken(root, _found(root, reference), value, where, deep + 1)
    for word, fits in (("anyOf", any), ("oneOf", any)):
        if (several := schema.get(word)) and not fits(
            _broken(root, one, value, where, deep + 1) is None for one in several
        ):
            return f"{where}: {value!r:.80} is none of what is documented"
    for one in schema.get("allOf", ()):
        if (wrong := _broken(root, one, value, where, deep + 1)) is not None:
            return wrong
    return _plainly(schema, value, where) or _inside(root, schema, value, where, deep)


def _plainly(schema: Mapping[str, Any], value: Any, where: str) -> str | None:
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        return f"{where}: {value!r:.80} is not {' or '.join(kinds)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where}: {value!r:.80} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        return f"{where}: {value!r:.80} is not {schema['const']!r}"
    if _is(value, "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return f"{where}: {value} is out of its bounds"
    if isinstance(value, list | str):
        word = "Length" if isinstance(value, str) else "Items"
        size = len(value)
        if size < schema.get(f"min{word}", size) or size > schema.get(f"max{word}", size):
            return f"{where}: {size} is not the documented length"
    return None


def _inside(root: Any, schema: Mapping[str, Any], value: Any, where: str, deep: int) -> str | None:
    held: list[tuple[Any, Any, str]] = []
    if isinstance(value, Mapping):
        known, more = schema.get("properties", {}), schema.get("additionalProperties")
        for name in schema.get("required", ()):
            if name not in value:
                return f"{where}: {name!r} is missing"
        if more is False and (strange := [name for name in value if name not in known]):
            return f"{where}: {strange[0]!r} is not documented"
        held = [(known.get(name, more), one, f"{where}/{name}") for name, one in value.items()]
    elif isinstance(value, list):
        held = [(schema.get("items"), one, f"{where}/{at}") for at, one in enumerate(value)]
    broken = (_broken(root, inner, one, there, deep + 1) for inner, one, there in held)
    return next((wrong for wrong in broken if wrong is not None), None)


def _is(value: Any, kind: str) -> bool:
    if kind in {"number", "integer"} and isinstance(value, bool):
        return False
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, TYPES.get(kind, object))


def _found(root: Any, reference: str) -> Any:
    for part in reference.removeprefix("#").strip("/").split("/"):
        root = root.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(root, Mapping) else None
    return root
