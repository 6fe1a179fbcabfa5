"""Values that fit a JSON Schema, as a Hypothesis strategy; what it cannot aim at, its caller filters.

The schemas of model services: objects, arrays, numbers within bounds, texts, enums, choices, local references.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

DEEPEST = 6
MOST_ITEMS = 8
MOST_CHARS = 64
LARGEST = 1e9
Schema = Mapping[str, Any]
Strategy = st.SearchStrategy[Any]


def values_of(schema: Schema | bool, whole: Schema, depth: int = 0) -> Strategy:
    """Values that mostly fit `schema`, whose references point into `whole`."""
    if schema is True or depth > DEEPEST:
        return st.none()
    if schema is False:
        return st.nothing()
    if "$ref" in schema:
        return values_of(_at(whole, str(schema["$ref"])), whole, depth + 1)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(list(schema["enum"]))
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return st.one_of([values_of(one, whole, depth + 1) for one in schema[word]])
    if "allOf" in schema:
        return values_of(_merged([_followed(one, whole) for one in schema["allOf"]]), whole, depth + 1)
    named = schema.get("type", _implied(schema))
    kinds = [named] if isinstance(named, str) else list(named)
    return st.one_of([KINDS[kind](schema, whole, depth) for kind in kinds])


def _objects(schema: Schema, whole: Schema, depth: int) -> Strategy:
    required = set(schema.get("required", ()))
    properties = {
        name: values_of(one, whole, depth + 1)
        for name, one in schema.get("properties", {}).items()
        if name in required or depth < DEEPEST  # where a schema that holds itself ends
    }
    missing = {name: st.none() for name in required - properties.keys()}
    return st.fixed_dictionaries(
        {**{name: one for name, one in properties.items() if name in required}, **missing},
        optional={name: one for name, one in properties.items() if name not in required},
    )


def _arrays(schema: Schema, whole: Schema, depth: int) -> Strategy:
    fixed = [values_of(one, whole, depth + 1) for one in schema.get("prefixItems", ())]
    least = max(0, int(schema.get("minItems", 0)) - len(fixed))
    most = min(int(schema.get("maxItems", least + MOST_ITEMS)), max(least, MOST_ITEMS)) - len(fixed)
    rest = st.lists(values_of(schema.get("items", True), whole, depth + 1), min_size=least, max_size=max(least, most),
                    unique_by=repr if schema.get("uniqueItems") else None)  # fmt: skip
    return st.tuples(*fixed, rest).map(lambda parts: [*parts[:-1], *parts[-1]]) if fixed else rest


def _numbers(schema: Schema, whole: Schema, depth: int) -> Strategy:
    low, high = float(schema.get("minimum", -LARGEST)), float(schema.get("maximum", LARGEST))
    low = max(low, math.nextafter(float(schema.get("exclusiveMinimum", -math.inf)), math.inf))
    high = min(high, math.nextafter(float(schema.get("exclusiveMaximum", math.inf)), -math.inf))
    if "multipleOf" in schema:
        step = schema["multipleOf"]
        return st.integers(math.ceil(low / step), math.floor(high / step)).map(lambda count: count * step)
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


def _integers(schema: Schema, whole: Schema, depth: int) -> Strategy:
    low, high = schema.get("minimum", -LARGEST), schema.get("maximum", LARGEST)
    low = max(low, schema.get("exclusiveMinimum", -math.inf) + 1)
    high = min(high, schema.get("exclusiveMaximum", math.inf) - 1)
    step = schema.get("multipleOf", 1)
    return st.integers(math.ceil(low / step), math.floor(high / step)).map(lambda count: int(count * step))


def _strings(schema: Schema, whole: Schema, depth: int) -> Strategy:
    if "pattern" in schema:
        return st.from_regex(str(schema["pattern"]))
    least = int(schema.get("minLength", 0))
    most = min(int(schema.get("maxLength", least + MOST_CHARS)), least + MOST_CHARS)
    return st.text(st.characters(codec="utf-8"), min_size=least, max_size=most)


KINDS: Mapping[str, Callable[[Schema, Schema, int], Strategy]] = {
    "object": _objects,
    "array": _arrays,
    "number": _numbers,
    "integer": _integers,
    "string": _strings,
    "boolean": lambda schema, whole, depth: st.booleans(),
    "null": lambda schema, whole, depth: st.none(),
}


def _implied(schema: Schema) -> list[str]:
    """The types that a schema without one most likely means."""
    for kind, words in {"object": ("properties", "required"), "array": ("items", "prefixItems"),
                        "number": ("minimum", "maximum"), "string": ("pattern", "maxLength")}.items():  # fmt: skip
        if any(word in schema for word in words):
            return [kind]
    return ["null", "boolean", "integer", "string"]


def _merged(parts: list[Schema]) -> Schema:
    """Several schemas as one, as far as objects go."""
    merged: dict[str, Any] = {}
    for part in parts:
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = [*merged.get("required", ()), *part.get("required", ())]
        merged = {**merged, **part, **({"properties": properties, "required": required} if properties else {})}
    return merged


def _followed(schema: Schema, whole: Schema) -> Schema:
    return _at(whole, str(schema["$ref"])) if "$ref" in schema else schema


def _at(whole: Schema, reference: str) -> Schema:
    """What a local reference points at.

    Raises:
        ValueError: it points nowhere, or outside.
    """
    found: Any = whole
    for part in filter(None, reference.removeprefix("#").split("/")):
        part = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or part not in found:
            raise ValueError(f"the schema refers to {reference!r}, which it does not hold")
        found = found[part]
    return found if isinstance(found, Mapping) else {}
