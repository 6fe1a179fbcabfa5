"""Values that fit a JSON Schema, as a Hypothesis strategy; what it cannot aim at, its caller filters.

The schemas of model services: objects, arrays, numbers within bounds, texts, enums, choices, local references.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

DEEPEST = 6
MOST_ITEMS = 8
MOST_CHARS = 64
MOST_FURTHER = 3
"""So many properties without a name of their own, beyond those that there have to be."""
LARGEST = 10**9
"""How far numbers reach from zero, or from the one bound that they have, where nothing bounds them."""
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
    named = st.fixed_dictionaries(
        {**{name: one for name, one in properties.items() if name in required}, **missing},
        optional={name: one for name, one in properties.items() if name not in required},
    )
    further = schema.get("additionalProperties", True)
    least = max(0, int(schema.get("minProperties", 0)) - len(required))
    if further is False or depth >= DEEPEST or (further is True and not least):
        return named
    others = st.text(min_size=1, max_size=MOST_ITEMS).filter(lambda name: name not in properties)
    return st.tuples(
        st.dictionaries(others, values_of(further, whole, depth + 1), min_size=least, max_size=least + MOST_FURTHER),
        named,
    ).map(lambda parts: {**parts[0], **parts[1]})


def _arrays(schema: Schema, whole: Schema, depth: int) -> Strategy:
    fixed = [values_of(one, whole, depth + 1) for one in schema.get("prefixItems", ())]
    least = max(0, int(schema.get("minItems", 0)) - len(fixed))
    most = min(int(schema.get("maxItems", least + MOST_ITEMS)), max(least, MOST_ITEMS)) - len(fixed)
    rest = st.lists(values_of(schema.get("items", True), whole, depth + 1), min_size=least, max_size=max(least, most),
                    unique_by=repr if schema.get("uniqueItems") else None)  # fmt: skip
    return st.tuples(*fixed, rest).map(lambda parts: [*parts[:-1], *parts[-1]]) if fixed else rest


def _numbers(schema: Schema, whole: Schema, depth: int) -> Strategy:
    low, high = _reach(schema, lambda bound, towards: math.nextafter(float(bound), towards * math.inf))
    if "multipleOf" in schema:
        step = schema["multipleOf"]
        return st.integers(math.ceil(low / step), math.floor(high / step)).map(lambda count: count * step)
    return st.floats(float(low), float(high), allow_nan=False, allow_infinity=False)


def _integers(schema: Schema, whole: Schema, depth: int) -> Strategy:
    low, high = _reach(
        schema, lambda bound, towards: (math.floor(bound) if towards > 0 else math.ceil(bound)) + towards
    )
    step = schema.get("multipleOf", 1)
    if not isinstance(step, int):
        return st.integers(math.ceil(low / step), math.floor(high / step)).map(lambda count: int(count * step))
    return st.integers(-(-math.ceil(low) // step), math.floor(high) // step).map(lambda count: count * step)


def _reach(schema: Schema, beside: Callable[[float, int], float]) -> tuple[float, float]:
    """The smallest and the largest number; `beside` is the next one of an excluded bound, upwards or downwards."""
    lows = [schema["minimum"]] if "minimum" in schema else []
    lows += [beside(schema["exclusiveMinimum"], 1)] if "exclusiveMinimum" in schema else []
    highs = [schema["maximum"]] if "maximum" in schema else []
    highs += [beside(schema["exclusiveMaximum"], -1)] if "exclusiveMaximum" in schema else []
    low = max(lows) if lows else min(-LARGEST, min(highs, default=0) - LARGEST)
    return low, min(highs) if highs else max(LARGEST, low + LARGEST)


def _strings(schema: Schema, whole: Schema, depth: int) -> Strategy:
    if "pattern" in schema:
        return st.from_regex(str(schema["pattern"]))
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]()
    least = int(schema.get("minLength", 0))
    most = min(int(schema.get("maxLength", least + MOST_CHARS)), least + MOST_CHARS)
    return st.text(st.characters(codec="utf-8"), min_size=least, max_size=most)


FORMATS: Mapping[str, Callable[[], Strategy]] = {
    "uuid": lambda: st.uuids().map(str),
    "email": st.emails,
    "date": lambda: st.dates().map(datetime.date.isoformat),
    "date-time": lambda: st.datetimes(timezones=st.just(datetime.UTC)).map(datetime.datetime.isoformat),
    "ipv4": lambda: st.ip_addresses(v=4).map(str),
    "ipv6": lambda: st.ip_addresses(v=6).map(str),
}
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
