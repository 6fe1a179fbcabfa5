"""The user's rows whose true answer is known, read with errors that a person can act on."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_mlready.inputs import rows_of_csv, rows_of_json
from pytest_mlready.records import Label, Row
from pytest_mlready.settings import Settings, SettingsError, nearest

UNSENT = frozenset({"quality.entity", "inputs.protected"})
"""Keys of columns that are never sent; slices and groups may be features, too."""


@dataclass(frozen=True)
class LabelledRows:
    """Rows as they are sent, the true answer of each, and the columns by which they are parted, sent or not."""

    rows: tuple[Row, ...]
    truth: tuple[Label, ...]
    beside: Mapping[str, tuple[Label, ...]]


def read_labelled(settings: Settings, features: Sequence[str]) -> LabelledRows:
    """The rows that `[quality]` is measured on.

    Args:
        features: the names of the columns that are sent, in this order, as the sample rows have them; without any, all
            columns are sent that are no label, entity or protected group.

    Raises:
        SettingsError: not readable, empty, without a column that is declared or sent, or without a row's true answer.
    """
    if settings.labelled is None:
        raise SettingsError("no labelled rows are declared: say [quality] rows and label")
    name, label = settings.labelled
    rows = _read(settings.path(name), f"quality.rows: {name}")
    return parted(rows, label, parts_of(settings), features, name)


def parted(
    rows: Sequence[Row], label: str, parts: Mapping[str, str], features: Sequence[str], source: str
) -> LabelledRows:
    """Split what is sent from what is known beside it.

    Args:
        parts: columns by which rows are parted, with the key that declares each.

    Raises:
        SettingsError: a column is not there, or a row has no true answer.
    """
    columns = rows[0].keys()
    for column, key in {label: "quality.label", **parts}.items():
        if column not in columns:
            raise SettingsError(f"{key}: {source} has no column {column!r}{nearest(column, list(columns))}")
    if missing := [name for name in features if name not in columns]:
        raise SettingsError(f"quality.rows: {source} lacks {_listed(missing)}, which the sample rows have")
    unsent = {label, *(column for column, key in parts.items() if key in UNSENT)}
    sent = list(features) or [name for name in columns if name not in unsent]
    truth = tuple(row[label] for row in rows)
    if None in truth:
        raise SettingsError(f"quality.label: {source}: row {truth.index(None) + 1} has no {label!r}; leave it out")
    return LabelledRows(
        tuple({name: row[name] for name in sent} for row in rows),
        truth,
        {column: tuple(row[column] for row in rows) for column in parts},
    )


def parts_of(settings: Settings) -> dict[str, str]:
    """The columns by which rows are parted, with the key that declares each."""
    quality = settings.quality
    if quality is None:
        return {}
    parts = dict.fromkeys(quality.slices, "quality.slices")
    if quality.entity is not None:
        parts[quality.entity] = "quality.entity"
    if settings.group is not None:
        parts[settings.group] = "quality.group" if quality.group else "inputs.protected"
    return parts


def _read(path: Path, where: str) -> Sequence[Row]:
    try:
        rows = rows_of_json(path) if path.suffix == ".json" else rows_of_csv(path)
    except FileNotFoundError:
        raise SettingsError(f"{where}: no such file in {path.parent}") from None
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise SettingsError(f"{where}: cannot be read as {path.suffix.lstrip('.') or 'CSV'}: {error}") from None
    if not rows:
        raise SettingsError(f"{where}: has no rows")
    return rows


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(repr, list(names)[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
