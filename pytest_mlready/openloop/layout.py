"""How the service under load is spoken to: the layout of its bodies, its headers, what it has beside predictions."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_mlready.protocols.declared import checked
from pytest_mlready.protocols.json_mapping import JsonMapping

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Layout:
    """What requests look like.

    `headers` go with every request; they may hold secrets. `health` is the path of a probe, `id_field` the field of the
    body that puts a user into an experiment: where there is none, none is sent. `rows` is a CSV file, `not_sent` are
    columns of it.
    """

    mapping: JsonMapping
    headers: Headers = field(default=(), repr=False)
    health: str | None = None
    id_field: str | None = None
    rows: Path | None = None
    not_sent: frozenset[str] = frozenset()


REFERENCE = Layout(JsonMapping(batch_path="/predict/batch"), health="/health/live", id_field="user_id")
"""Of the reference service."""


def read_layout(path: Path) -> Layout:
    """What a file such as mlready.toml declares in `[service]`, its `json`, `headers` and `paths`.

    A probe is its `live` path, or `ready`; users are sent where there is a table `[experiments]`. `[inputs]` may have
    the rows, if they are CSV, whose columns `label` and `protected` are not sent.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no TOML, or does not say how a row is laid out.
    """
    declared = tomllib.loads(path.read_text("utf-8"))
    service, inputs = _table(declared, "service"), _table(declared, "inputs")
    layout, paths = _table(service, "json"), _table(service, "paths")
    if not layout:
        raise ValueError(f'{path} declares no [service.json], such as predict = "/predict" and row = "features"')
    experiments, rows = _table(declared, "experiments"), path.parent / str(inputs.get("rows", ""))
    return Layout(
        JsonMapping(**checked(layout)),
        tuple(header(f"{name}: {value}") for name, value in _table(service, "headers").items()),
        paths.get("live") or paths.get("ready"),
        experiments.get("id_field", "user_id") if "experiments" in declared else None,
        rows if rows.suffix == ".csv" else None,
        frozenset(inputs[name] for name in ("label", "protected") if name in inputs),
    )


def header(text: str) -> tuple[str, str]:
    """The name and the value of "Name: value". Raises ValueError, without what may be a secret."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or any(one in text for one in "\r\n\0"):
        raise ValueError("must be 'Name: value'")
    return name.strip(), value.strip()


def with_headers(own: Sequence[tuple[str, str]], given: Headers) -> Headers:
    """All of them; where both have one of the same name, the one that is `given`."""
    names = {name.lower() for name, _ in given}
    return (*(one for one in own if one[0].lower() not in names), *given)


def _table(declared: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = declared.get(name, {})
    if not isinstance(table, Mapping):
        raise ValueError(f"{name} should be a table")
    return table
