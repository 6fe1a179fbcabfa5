"""How large, deep and entangled a published document may be before it is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

MAX_DEPTH = 100
MAX_NODES = 200_000
MAX_COMBINATIONS = 10_000
"""So many schemas may a schema combine (allOf, anyOf, oneOf), references followed: validators visit each every time."""


class BadDocument(ValueError):
    """Not an OpenAPI 3 document, or one too deep or too large to read."""


def check_bounds(document: object) -> None:
    """Refuse what is nested or large beyond the limits. Raises BadDocument."""
    nodes = 0
    level: list[object] = [document]
    for _ in range(MAX_DEPTH):
        nodes += len(level)
        if nodes > MAX_NODES:
            raise BadDocument(f"more than {MAX_NODES} values")
        below: list[object] = []
        for node in level:
            if isinstance(node, Mapping):
                below += node.values()
            elif isinstance(node, list):
                below += node
        if not below:
            return
        level = below
    raise BadDocument(f"nested more than {MAX_DEPTH} deep")


def references(node: object) -> Iterator[str]:
    """All `$ref` values in a document within bounds."""
    if isinstance(node, Mapping):
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield reference
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def entangled(document: Mapping[str, object]) -> bool:
    """Whether some schema of the document combines more than `MAX_COMBINATIONS` others; a circle counts once."""
    components = document.get("components")
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    if not isinstance(schemas, Mapping):
        return False
    counts: dict[str, int] = {}

    def count(name: str) -> int:
        if name not in counts and name in schemas:
            counts[name] = 1
            inner = (reference.rpartition("/")[2] for reference in _combined(schemas[name]))
            counts[name] = min(MAX_COMBINATIONS + 1, 1 + sum(count(one) for one in inner))
        return counts.get(name, 1)

    try:
        return any(count(str(name)) > MAX_COMBINATIONS for name in schemas)
    except RecursionError:
        return True


def _combined(node: object) -> Iterator[str]:
    """The references that a schema combines, itself or deeper in allOf, anyOf and oneOf."""
    if not isinstance(node, Mapping):
        return
    reference = node.get("$ref")
    if isinstance(reference, str):
        yield reference
    for word in ("allOf", "anyOf", "oneOf"):
        options = node.get(word)
        for option in options if isinstance(options, list) else []:
            yield from _combined(option)
