"""The user's files of rows and golden answers, read with errors that a person can act on."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from pytest_mlready.records import Row, strict_json
from pytest_mlready.settings import Settings, SettingsError, nearest

MIN_ROWS = 20


def read_rows(settings: Settings) -> tuple[Row, ...]:
    """The sample rows of `[inputs] rows`, without the label and the protected column; () if none are declared.

    A CSV file with a header, or a JSON list of objects. In CSV an empty cell is a missing value, and a numeric one a
    number, unless the column has words, too: of the levels "1", "2" and "A" all are texts.

    Raises:
        SettingsError: not readable, fewer than 20 rows, ragged, or without a column that is declared.
    """
    if settings.inputs.rows is None:
        return ()
    path = settings.path(settings.inputs.rows)
    where = f"inputs.rows: {settings.inputs.rows}"
    if not path.is_file():
        raise SettingsError(f"{where}: no such file in {settings.directory}")
    try:
        rows = rows_of_json(path) if path.suffix == ".json" else rows_of_csv(path)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise SettingsError(f"{where}: cannot be read as {path.suffix.lstrip('.') or 'CSV'}: {error}") from None
    if len(rows) < MIN_ROWS:
        raise SettingsError(f"{where}: has {len(rows)} rows, needs {MIN_ROWS} or more: every check is anchored on them")
    beside = {"label": settings.inputs.label, "protected": settings.inputs.protected}
    for key, column in beside.items():
        if column is not None and column not in rows[0]:
            hint = nearest(column, list(rows[0]))
            raise SettingsError(f"inputs.{key}: {settings.inputs.rows} has no column {column!r}{hint}")
    quality = settings.quality
    unsent = {*beside.values(), *((quality.label, quality.entity) if quality is not None else ())}
    return tuple({name: value for name, value in row.items() if name not in unsent} for row in rows)


def rows_of_csv(path: Path) -> list[dict[str, str | int | float | None]]:
    """The rows of a CSV file with a header, by name. Raises OSError, UnicodeDecodeError, csv.Error, ValueError."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        if len(set(header)) != len(header) or not all(header):
            raise ValueError("the first line must name every column, each once")
        rows: list[list[str]] = []
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise ValueError(f"line {reader.line_num} has {len(cells)} cells, the header {len(header)}")
            rows.append(cells)
    texts = {name for name, *cells in zip(header, *rows, strict=True) if any(map(_is_word, cells))}
    return [
        {name: cell or None if name in texts else _value(cell) for name, cell in zip(header, cells, strict=True)}
        for cells in rows
    ]


def rows_of_json(path: Path) -> list[dict[str, str | int | float | None]]:
    """The rows of a JSON list of objects. Raises OSError, ValueError."""
    rows = strict_json(path.read_bytes())
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows):
        raise ValueError("expected a list of objects with the same keys")
    for name, value in (pair for row in rows for pair in row.items()):
        if isinstance(value, (list, dict)):
            raise ValueError(f"{name!r} holds {json.dumps(value)[:40]}, expected a text, a number, true, false or null")
    return rows


def _is_word(cell: str) -> bool:
    try:
        float(cell or "0")
    except ValueError:
        return True
    return False


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
