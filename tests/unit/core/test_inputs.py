"""Sample rows: how cells become values, and which files are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest import mark, raises

from pytest_mlready.inputs import MIN_ROWS, read_rows
from pytest_mlready.records import Row
from pytest_mlready.settings import SettingsError, parse


def rows(directory: Path, content: str | bytes, name: str = "rows.csv", **inputs: Any) -> tuple[Row, ...]:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    plain = {"service": {"url": "http://x"}, "inputs": {"rows": name, **inputs}}
    return read_rows(parse(plain, source="mlready.toml", directory=directory))


def csv(cell: str, n: int = MIN_ROWS) -> str:
    return "a,b\n" + f"{cell},1\n" * n


@mark.parametrize(
    ("cell", "value"),
    [
        ("", None), ("3", 3), ("-3", -3), ("+3", 3), ("3.0", 3.0), ("1e3", 1000.0), (".5", 0.5), ("word", "word"),
        ("nan", "nan"), ("inf", "inf"), ("1e999", "1e999"), ('"a,b"', "a,b"), (" 3", 3), ("true", "true"),
        ("0x1f", "0x1f"), ("1_000", "1_000"), ("2026-11-21", "2026-11-21"), ("9007199254740993", 9007199254740993),
    ],
)  # fmt: skip
def test_a_cell_is_a_number_where_it_is_one(cell: str, value: object, tmp_path: Path) -> None:
    read = rows(tmp_path, csv(cell))[0]["a"]
    assert read == value
    assert isinstance(read, float) == isinstance(value, float)


def test_the_label_is_left_out(tmp_path: Path) -> None:
    assert rows(tmp_path, csv("3"), label="b") == ({"a": 3},) * MIN_ROWS


def test_the_protected_group_is_left_out_too(tmp_path: Path) -> None:
    content = "age,outcome,sex\n" + "40,repaid,female\n" * MIN_ROWS
    assert rows(tmp_path, content, label="outcome", protected="sex") == ({"age": 40},) * MIN_ROWS
    with raises(SettingsError, match=r"inputs\.protected: rows\.csv has no column 'sec'; did you mean 'sex'\?"):
        rows(tmp_path, content, protected="sec")


def test_numeric_looking_levels_are_texts_where_a_column_has_words(tmp_path: Path) -> None:
    content = "zone,size\n" + "1,1\n02,nan\nA,3.0\n,\n" * MIN_ROWS
    read = rows(tmp_path, content)[:4]
    assert [row["zone"] for row in read] == ["1", "02", "A", None]
    assert [row["size"] for row in read] == [1, "nan", 3.0, None]


def test_without_a_file_there_are_no_rows() -> None:
    assert read_rows(parse({"service": {"url": "http://x"}}, source="", directory=Path())) == ()


@mark.parametrize("content", ["\ufeff" + csv("3"), csv("3").replace("\n", "\r\n"), csv("3") + "\n\n"])
def test_marks_and_line_ends_of_other_systems(content: str, tmp_path: Path) -> None:
    assert rows(tmp_path, content) == ({"a": 3, "b": 1},) * MIN_ROWS


def test_json_is_read_as_it_is(tmp_path: Path) -> None:
    plain = [{"a": number, "b": None} for number in range(MIN_ROWS)]
    assert list(rows(tmp_path, json.dumps(plain), "rows.json")) == plain


@mark.parametrize(
    ("content", "name", "inputs", "said"),
    [
        ("", "rows.csv", {}, "inputs.rows: rows.csv: has 0 rows, needs 20 or more"),
        (csv("1", 19), "rows.csv", {}, "inputs.rows: rows.csv: has 19 rows, needs 20 or more"),
        ("a,a\n1,2\n", "rows.csv", {}, "cannot be read as csv: the first line must name every column, each once"),
        ("a,\n1,2\n", "rows.csv", {}, "cannot be read as csv: the first line must name every column, each once"),
        ("a,b\n1,2\n3\n", "rows.csv", {}, "cannot be read as csv: line 3 has 1 cells, the header 2"),
        ('a,b\n"1,2\n', "rows.csv", {}, "cannot be read as csv: unexpected end of data"),
        (b"a,b\n\xff,1\n", "rows.csv", {}, "cannot be read as csv: 'utf-8' codec can't decode byte 0xff"),
        ("[1]", "rows.json", {}, "cannot be read as json: expected a list of objects with the same keys"),
        ('{"a": 1}', "rows.json", {}, "cannot be read as json: expected a list of objects with the same keys"),
        ('[{"a": 1}, {"b": 1}]', "rows.json", {}, "expected a list of objects with the same keys"),
        ("[", "rows.json", {}, "inputs.rows: rows.json: cannot be read as json: "),
        ("[" * 100_000, "rows.json", {}, "inputs.rows: rows.json: cannot be read as json: "),
        ("[" + ",".join(['{"a": NaN}'] * 20) + "]", "rows.json", {}, "cannot be read as json: NaN is not JSON"),
        ("[" + ",".join(['{"a": [1]}'] * 20) + "]", "rows.json", {}, "cannot be read as json: 'a' holds [1]"),
        (csv("1"), "rows.csv", {"label": "c"}, "inputs.label: rows.csv has no column 'c'; known: a, b"),
        (csv("1"), "rows.csv", {"label": "bb"}, "inputs.label: rows.csv has no column 'bb'; did you mean 'b'?"),
    ],
)  # fmt: skip
def test_a_file_that_is_refused(
    content: str | bytes, name: str, inputs: dict[str, str], said: str, tmp_path: Path
) -> None:
    with raises(SettingsError) as caught:
        rows(tmp_path, content, name, **inputs)
    assert said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    plain = {"service": {"url": "http://x"}, "inputs": {"rows": "nowhere.csv"}}
    with raises(SettingsError, match=r"inputs\.rows: nowhere\.csv: no such file in "):
        read_rows(parse(plain, source="mlready.toml", directory=tmp_path))
