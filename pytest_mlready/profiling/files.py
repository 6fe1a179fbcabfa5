"""CSV and Parquet files, read in batches: some MB a column are in memory, whatever the size of file and row groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_mlready.profiling.inputs import BATCH, DataError, Frame, Part, Source, narwhals, required

CSV_BLOCK = 8 * 1024 * 1024
PARQUET_BUFFER = 1024 * 1024
"""Of each column's chunk in a row group so much is in memory, besides the page that is decoded."""
PARQUET, CSV = (".parquet", ".pq"), (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class RowGroup:
    """One row group of a Parquet file."""

    path: Path
    group: int
    first: int

    def batches(self, names: Sequence[str]) -> Iterator[Frame]:
        """The rows, at most `BATCH` at a time; only these columns are read."""
        parquet = required("pyarrow.parquet")
        with parquet.ParquetFile(self.path, pre_buffer=False, buffer_size=PARQUET_BUFFER) as file:
            first = self.first
            for batch in file.iter_batches(BATCH, row_groups=[self.group], columns=list(names)):
                yield _frame(batch, first)
                first += batch.num_rows


@dataclass(frozen=True)
class Text:
    """A CSV file; `texts` are columns of codes that look like numbers or dates."""

    path: Path
    first: int = 0
    texts: tuple[str, ...] = ()

    def batches(self, names: Sequence[str]) -> Iterator[Frame]:
        """The rows, at most `BATCH` at a time, of these columns. Raises DataError for a line that cannot be read."""
        arrow, csv = required("pyarrow"), required("pyarrow.csv")
        first = self.first
        try:
            with _opened(csv, self.path, names, self.texts) as reader:
                for block in reader:
                    for at in range(0, block.num_rows, BATCH):
                        batch = block.slice(at, BATCH)
                        yield _frame(batch, first)
                        first += batch.num_rows
        except arrow.ArrowInvalid as error:
            hint = "a column's type is that of its first rows; if later ones differ, save it as Parquet"
            raise DataError(f"{self.path}: {error}; {hint}") from None


def source_of(paths: Sequence[Path], levels: Sequence[str] = ()) -> Source:
    """Files that are parts of one data set, each by the ending of its name; of CSV files `levels` are no numbers.

    Raises:
        DataError: one is not there, cannot be read, is of another kind, or has other columns than the first.
    """
    names: tuple[str, ...] = ()
    parts: list[Part] = []
    rows = 0
    for path in paths:
        one = _source_of(path, rows, levels)
        if parts and one.names != names:
            other = sorted(set(names) ^ set(one.names)) or "the same in another order"
            raise DataError(f"{path}: has other columns than {paths[0]}: {other}")
        names, rows = one.names, rows + one.rows
        parts += one.parts
    return Source(names, rows, parts)


def _source_of(path: Path, first: int, levels: Sequence[str]) -> Source:
    if path.suffix.lower() not in (*PARQUET, *CSV):
        raise DataError(f"{path}: is neither CSV nor Parquet by its name ({', '.join((*CSV, *PARQUET))})")
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    return _parquet(path, first) if path.suffix.lower() in PARQUET else _csv(path, first, levels)


def _parquet(path: Path, first: int) -> Source:
    arrow, parquet = required("pyarrow"), required("pyarrow.parquet")
    try:
        with parquet.ParquetFile(path) as file:
            metadata, names = file.metadata, tuple(file.schema_arrow.names)
    except (arrow.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from None
    parts: list[Part] = []
    for group in range(metadata.num_row_groups):
        parts.append(RowGroup(path, group, first))
        first += metadata.row_group(group).num_rows
    return Source(_once(path, names), metadata.num_rows, parts)


def _csv(path: Path, first: int, levels: Sequence[str]) -> Source:
    """Its rows are about its lines: texts may hold line breaks."""
    arrow, csv = required("pyarrow"), required("pyarrow.csv")
    try:
        with _opened(csv, path) as reader:
            names = tuple(reader.schema.names)
            booleans = {one.name for one in reader.schema if one.type == arrow.bool_()}
        with path.open("rb") as file:
            lines = sum(block.count(b"\n") for block in iter(lambda: file.read(CSV_BLOCK), b""))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}; save it as UTF-8") from None
    except (arrow.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}") from None
    return Source(_once(path, names), lines, [Text(path, first, tuple(one for one in levels if one not in booleans))])


def _opened(csv: Any, path: Path, names: Sequence[str] = (), texts: Sequence[str] = ()) -> Any:
    """A reader of these columns, by default of all."""
    kinds = dict.fromkeys(texts, required("pyarrow").string())
    return csv.open_csv(
        path,
        read_options=csv.ReadOptions(block_size=CSV_BLOCK),
        parse_options=csv.ParseOptions(
            delimiter="\t" if path.suffix.lower() == ".tsv" else ",", newlines_in_values=True
        ),
        convert_options=csv.ConvertOptions(strings_can_be_null=True, include_columns=list(names), column_types=kinds),
    )


def _once(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise DataError(f"{path}: two columns have one name")
    return names


def _frame(batch: Any, first: int) -> Frame:
    table = required("pyarrow").Table.from_batches([batch])
    return Frame(narwhals().from_native(table, eager_only=True), first)
