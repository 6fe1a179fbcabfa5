"""The user's files of rows and golden answers, read with errors that a person can act on."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from pytest_mlready.records import Row, strict_json
from pytest_mlready.settings import Settings, SettingsError, nearest

MIN_ROWS = 20


def read_rows(settings: Settings) -> tuple[Row, ...]:
    """The sample rows of `[inputs] rows`, without the label column; () if none are declared.

    A CSV file with a header (an empty cell is a missing value, a numeric one a number), or a JSON list of objects.

    Raises:
        SettingsError: not readable, fewer than 20 rows, ragged, or without the label column.
    """
    if settings.inputs.rows is None:
        return ()
    path = settings.path(settings.inputs.rows)
    where = f"inputs.rows: {settings.inputs.rows}"
    if not path.is_file():
        raise SettingsError(f"{where}: no such file in {settings.directory}")
    try:
        rows = _from_json(path) if path.suffix == ".json" else _from_csv(path)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise SettingsError(f"{where}: cannot be read as {path.suffix.lstrip('.') or 'CSV'}: {error}") from None
    if len(rows) < MIN_ROWS:
        raise SettingsError(f"{where}: has {len(rows)} rows, needs {MIN_ROWS} or more: every check is anchored on them")
    label = settings.inputs.label
    if label is not None and label not in rows[0]:
        hint = nearest(label, list(rows[0]))
        raise SettingsError(f"inputs.label: {settings.inputs.rows} has no column {label!r}{hint}")
    return tuple({name: value for name, value in row.items() if name != label} for row in rows)


def _from_csv(path: Path) -> list[dict[str, str | int | float | None]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        if len(set(header)) != len(header) or not all(header):
            raise ValueError("the first line must name every column, each once")
        rows = []
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise ValueError(f"line {reader.line_num} has {len(cells)} cells, the header {len(header)}")
            rows.append({name: _value(cell) for name, cell in zip(header, cells, strict=True)})
    return rows


def _from_json(path: Path) -> list[dict[str, str | int | float | None]]:
    rows = strict_json(path.read_bytes())
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows):
        raise ValueError("expected a list of objects with the same keys")
    for name, value in (pair for row in rows for pair in row.items()):
        if isinstance(value, (list, dict)):
            raise ValueError(f"{name!r} holds {json.dumps(value)[:40]}, expected a text, a number, true, false or null")
    return rows


def _value(cell: str) -> str | int | float | None:
    if cell == "":
        return None
    try:
        number = float(cell)
    except ValueError:
        return cell
    if number - number != 0 or "_" in cell:  # Python reads 1_000 as a number, others do not
        return cell
    return int(cell) if cell.strip().lstrip("+-").isdigit() else number
