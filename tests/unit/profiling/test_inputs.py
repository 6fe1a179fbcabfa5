from __future__ import annotations

import datetime
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from pytest import MonkeyPatch, importorskip, mark, raises

from pytest_mlready.measure.drift import LevelPlan, NumberPlan, encode
from pytest_mlready.profiling import DataError, drift, profile
from pytest_mlready.profiling import inputs as of_data
from pytest_mlready.profiling.building import FEW, SMALL_SAMPLE
from tests.unit.profiling.edge_cases import Case, cases, tables

ROWS = 500
KINDS = ["arrays", "pandas", "pandas nullable", "polars", "pyarrow", "parquet"]


def table() -> dict[str, list[Any]]:
    """Every kind of column, with missing values in most."""
    rng = np.random.default_rng(1)
    begin = datetime.datetime(2026, 1, 1)
    columns: dict[str, list[Any]] = {
        "real": rng.normal(size=ROWS).tolist(),
        "whole": rng.integers(0, 9, ROWS).tolist(),
        "level": rng.choice(["a", "b", "c"], ROWS).tolist(),
        "flag": (rng.random(ROWS) < 0.3).tolist(),
        "when": [begin + datetime.timedelta(seconds=int(one)) for one in rng.integers(0, 10**6, ROWS)],
    }
    holes = {f"{name} missing": [None if rng.random() < 0.1 else one for one in some] for name, some in columns.items()}
    return {**columns, **holes}


def made(kind: str, columns: dict[str, list[Any]], directory: Path) -> Any:
    """The same table in another form."""
    if kind == "arrays":
        arrays = {name: np.array(column) for name, column in columns.items()}
        return {**arrays, **{name: _dates(arrays[name]) for name in columns if "when" in name}}
    if kind == "polars":
        return importorskip("polars").DataFrame(columns)
    arrow = importorskip("pyarrow").table(columns)
    if kind == "parquet":
        importorskip("pyarrow.parquet").write_table(arrow, directory / "t.parquet")
        return directory / "t.parquet"
    if kind == "pyarrow":
        return arrow
    frame = importorskip("pandas").DataFrame(columns)
    return frame.convert_dtypes() if kind == "pandas nullable" else frame


def _dates(column: Any) -> Any:
    return np.array(column, dtype="datetime64[us]")


@mark.parametrize("kind", KINDS[1:])
def test_every_form_of_data_has_the_same_profile(kind: str, tmp_path: Path) -> None:
    expected = profile(made("arrays", table(), tmp_path))
    assert encode(profile(made(kind, table(), tmp_path))) == encode(expected)


@mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_edge_cases_are_never_passed_in_silence(case: Case) -> None:
    before, after = tables(case)
    panel = drift(before, after, smallest_shift=0.3, ignore=[])
    judged = {one.name: one for one in panel.columns}
    assert judged["x"].verdict == case.verdict, judged["x"]
    assert judged["calm"].verdict != "fail"


def test_there_are_24_edge_cases() -> None:
    assert len({one.name for one in cases()}) == 24


def test_numpy_arrays_have_columns_by_number() -> None:
    found = profile(np.arange(60.0).reshape(20, 3))
    assert ([one.name for one in found.plan], found.rows) == (["x0", "x1", "x2"], 20)


def test_pandas_names_columns_by_numbers() -> None:
    pandas = importorskip("pandas")
    values = np.arange(60.0).reshape(20, 3)
    named = profile({str(at): column for at, column in enumerate(values.T)})
    assert encode(profile(pandas.DataFrame(values))) == encode(named)
    for names, says in (([1, "1", "b"], "two columns have one name"), (["a", "a", "b"], "two columns have one name"),
                        ([("a", "b"), ("a", "c"), ("d", "d")], r"plain names, not \('a', 'b'\)")):  # fmt: skip
        frame = pandas.DataFrame(values, columns=pandas.Index(names))
        with raises(DataError, match=says):
            profile(frame)


@mark.parametrize("missing", [[], [None]])
def test_dates_and_large_numbers_that_pandas_keeps_in_arrow(missing: list[None]) -> None:
    pandas, arrow = importorskip("pandas"), importorskip("pyarrow")
    given = {
        "day": ([datetime.date(2026, 1, 2), datetime.date(1969, 12, 31), *missing], arrow.date32()),
        "whole": ([2**60 + 1, 3, *missing], arrow.int64()),
    }
    frame = pandas.DataFrame(
        {name: pandas.Series(some, dtype=pandas.ArrowDtype(kind)) for name, (some, kind) in given.items()}
    )
    gap = [np.nan] * len(missing)
    days = (datetime.date(2026, 1, 2) - datetime.date(1970, 1, 1)).days
    expected = {"day": np.array([86400.0 * days, -86400, *gap]), "whole": np.array([2.0**60, 3, *gap])}
    assert encode(profile(frame)) == encode(profile(expected))


def test_numbers_are_not_added_to_levels() -> None:
    codes = profile({"code": np.array(["A1", "7"], dtype=object)})
    with raises(DataError, match="column 'code' holds numbers, its profile levels: give them as texts"):
        profile({"code": np.array([7, 8])}, beside=codes)
    assert profile({"code": np.array([np.nan])}, beside=codes).rows == 1


def test_columns_can_be_chosen_and_ignored() -> None:
    data = {name: np.arange(20.0) for name in "abc"}
    assert [one.name for one in profile(data, columns=["a", "c"], ignore=["c"]).plan] == ["a"]
    with raises(DataError, match=r"there is no column 'colour'; did you mean 'color'\?"):
        profile({"color": np.arange(3), "bb": np.arange(3)}, columns=["colour"])


@mark.parametrize("saved", [False, True])
def test_a_column_that_is_chosen_and_in_neither_is_named(saved: bool) -> None:
    data = {name: np.arange(50.0) for name in ("age", "income")}
    for current in (data, profile(data)):
        with raises(DataError, match="there is no column 'incme'"):
            drift(profile(data) if saved else data, current, columns=["age", "incme"])


def test_a_column_that_is_chosen_and_lost_is_drift() -> None:
    data = {name: np.arange(50.0) for name in "ab"}
    panel = drift(data, {"a": data["a"]}, columns=["a", "b"])
    assert [(alarm.column, alarm.test) for alarm in panel.alarms] == [("b", "schema")]


@mark.parametrize("kind", [Decimal, Fraction, np.int64, np.float32])
def test_numbers_that_are_objects_are_numbers(kind: Any) -> None:
    values = np.random.default_rng(4).integers(0, 1000, ROWS)
    objects = np.array([*map(kind, values.tolist()), None], dtype=object)
    assert encode(profile({"x": objects})) == encode(profile({"x": np.array([*values, np.nan])}))


@mark.parametrize("zone", [None, datetime.timezone(datetime.timedelta(hours=2))])
def test_dates_that_are_objects_are_dates(zone: datetime.tzinfo | None) -> None:
    days = np.datetime64("2026-01-01", "us") + np.arange(ROWS) * np.timedelta64(1, "D")
    objects: list[Any] = days.astype("M8[D]").tolist()
    if zone is not None:
        objects = [datetime.datetime(one.year, one.month, one.day, 2, tzinfo=zone) for one in objects]
    expected = profile({"x": np.array([*days, np.datetime64("NaT")])})
    assert encode(profile({"x": np.array([*objects, None], dtype=object)})) == encode(expected)


@mark.parametrize(
    ("data", "says"),
    [
        (7, "int is no data: expected a path, a frame"),
        (np.zeros((2, 2, 2)), "an array of 3 dimensions is no table"),
        ({"a": [1, 2], "b": [1]}, "columns must be sequences of one length"),
        ({"a": np.array([[1], [2, 3]], dtype=object)}, r"column 'a' holds lists.*ignore = \['a'\]"),
        ({"a": np.array([10**400, 1], dtype=object)}, "column 'a' holds numbers beyond 1e308"),
        ({"a": np.array([b"x"], dtype="V1")}, "column 'a' holds "),
    ],
)
def test_what_is_no_data(data: object, says: str) -> None:
    with raises(DataError, match=says):
        profile(data)


def test_a_frame_without_the_extra_names_the_install_command(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "narwhals", None)
    with raises(DataError, match=r'needs narwhals: pip install "pytest-mlready\[drift\]"'):
        profile(object())


@mark.parametrize("first", [None, "a", 7])
@mark.parametrize("later", [None, "a", 7])
@mark.parametrize("rows", [FEW // 2, FEW, 2 * FEW, SMALL_SAMPLE])
def test_what_a_column_of_levels_holds_now_is_told_by_all_of_its_rows(first: Any, later: Any, rows: int) -> None:
    reference = profile({"level": np.array(["a", "b"] * 500, dtype=object)})
    current = {"level": np.array([first] * rows + [later] * rows, dtype=object)}
    (plan,) = profile(current, like=reference).plan
    numbers = {first, later} <= {None, 7} and {first, later} != {None}
    assert isinstance(plan, NumberPlan if numbers else LevelPlan)


def test_samples_are_taken_evenly_and_of_the_same_rows(monkeypatch: MonkeyPatch) -> None:
    """A plan is made of a share of the rows; counts are of all, whatever the batches."""
    rng = np.random.default_rng(3)
    data = {"x": rng.normal(size=20_000), "y": np.arange(20_000) % 7}
    whole = profile(data)
    monkeypatch.setattr(of_data, "BATCH", 1500)
    assert encode(profile(data)).replace(b'"ties":14', b'"ties":1') == encode(whole)
