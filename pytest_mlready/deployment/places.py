"""Places in declared texts, `{version}` and `{url}`, and what goes there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def has(text: object, name: str) -> bool:
    """Whether a text, or any text within a value, has the place."""
    return "{" + name + "}" in str(text)


def filled(text: str, **values: str | None) -> str:
    """A text with all its places filled, by nothing where a value is None.

    >>> filled("kubectl set image x={version}", version="2")
    'kubectl set image x=2'
    """
    for name, value in values.items():
        text = text.replace("{" + name + "}", value or "")
    return text


def filled_body(body: Any, version: str | None) -> Any:
    """A body with the version in its places; without one, members that need it are left out."""
    if isinstance(body, str):
        return filled(body, version=version)
    if isinstance(body, Mapping):
        kept = {name: one for name, one in body.items() if version is not None or not has(one, "version")}
        return {name: filled_body(one, version) for name, one in kept.items()}
    return [filled_body(one, version) for one in body] if isinstance(body, list | tuple) else body
