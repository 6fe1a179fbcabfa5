from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pytest import importorskip, mark, raises

from pytest_mlready.measure.drift import LevelPlan, ProfileError, encode
from pytest_mlready.profiling import DataError, building, drift, files, load, profile, save
from pytest_mlready.profiling.inputs import BATCH

arrow: Any = importorskip("pyarrow")
arrow_csv: Any = importorskip("pyarrow.csv")
parquet: Any = importorskip("pyarrow.parquet")


def columns(rows: int = 3000) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {"x": rng.normal(size=rows), "n": rng.integers(0, 5, rows), "level": rng.choice(["a", "b"], rows).tolist()}


def test_row_groups_are_counted_as_one_and_on_two_processes_too(tmp_path: Path, monkeypatch: Any) -> None:
    parquet.write_table(arrow.table(columns()), tmp_path / "t.parquet", row_group_size=700)
    monkeypatch.setattr(building, "SAMPLE", 1000)
    told: list[tuple[int, int]] = []
    one = profile(tmp_path / "t.parquet", progress=lambda done, rows: told.append((done, rows)))
    assert told == [(700, 3000), (1400, 3000), (2100, 3000), (2800, 3000), (3000, 3000)]
    joblib = importorskip("joblib")
    with joblib.parallel_config(backend="threading"):
        assert encode(profile(tmp_path / "t.parquet", jobs=2)) == encode(one)


def test_a_row_group_is_read_piece_by_piece_and_only_the_columns_that_are_wanted(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """However large it is, and beside whatever else, Arrow holds some MB a column while it is read."""
    rng = np.random.default_rng(2)
    rows, wanted = 1_500_000, ("x", "y")
    columns = {name: rng.normal(size=rows) for name in wanted}
    vectors = arrow.FixedSizeListArray.from_arrays(rng.normal(size=rows * 4), 4)
    parquet.write_table(arrow.table({"vector": vectors, **columns}), tmp_path / "t.parquet", row_group_size=rows)
    del vectors
    before = arrow.total_allocated_bytes()
    held: list[int] = []
    frame = files._frame

    def seen(batch: Any, first: int) -> Any:
        held.append(arrow.total_allocated_bytes() - before)
        return frame(batch, first)

    monkeypatch.setattr(files, "_frame", seen)
    assert profile(tmp_path / "t.parquet", ignore=["vector"]).rows == rows
    assert len(held) == 2 * -(-rows // BATCH)
    assert max(held) < 6 * 2**20 * len(wanted)


def test_of_a_file_only_the_columns_that_are_wanted_are_read(tmp_path: Path, monkeypatch: Any) -> None:
    """A text among numbers in a later block is no matter where its column is ignored."""
    monkeypatch.setattr(files, "CSV_BLOCK", 1000)
    (tmp_path / "t.csv").write_text("\n".join(["x,note,y", *["7,8,9"] * 400, "1,see below,2"]))
    assert profile(tmp_path / "t.csv", ignore=["note"]).rows == 401
    parquet.write_table(arrow.table({"x": [1.0, 2.0]}), tmp_path / "t.parquet")
    assert profile(tmp_path / "t.parquet", ignore=["x"]).rows == 2


def test_csv_files_have_numbers_levels_and_empty_cells(tmp_path: Path) -> None:
    lines = ["x,level", *(f"{i / 2 if i % 5 else ''},{'ab'[i % 2] if i % 4 else ''}" for i in range(200))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    x = np.array([i / 2 if i % 5 else np.nan for i in range(200)])
    level = np.array(["ab"[i % 2] if i % 4 else None for i in range(200)], dtype=object)
    assert encode(profile(tmp_path / "t.csv")) == encode(profile({"x": x, "level": level}))


@mark.parametrize("ending", ["csv", "parquet"])
def test_large_whole_numbers_beside_missing_ones(ending: str, tmp_path: Path) -> None:
    table = arrow.table({"x": [2**60 + 1, None, 3], "y": [1, 2, 3]})
    (arrow_csv.write_csv if ending == "csv" else parquet.write_table)(table, tmp_path / f"t.{ending}")
    expected = {"x": np.array([2.0**60, np.nan, 3]), "y": np.array([1, 2, 3])}
    assert encode(profile(tmp_path / f"t.{ending}")) == encode(profile(expected))


def test_texts_with_line_breaks_in_many_blocks(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(files, "CSV_BLOCK", 1000)
    (tmp_path / "t.csv").write_text("x,text\n" + '1,"two\nlines of a longer text"\n' * 500)
    found = profile(tmp_path / "t.csv")
    assert (found.rows, found.plan[1]) == (500, LevelPlan("text", ("two\nlines of a longer text",)))


@mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.csv", None, "none.csv: there is no such file"),
        ("t.xlsx", b"", "is neither CSV nor Parquet by its name"),
        ("t.parquet", b"PAR1 no", "cannot be read as Parquet"),
        ("empty.csv", b"", "cannot be read as CSV"),
        ("twice.csv", b"a,a\n1,2\n", "two columns have one name"),
        ("latin.csv", "größe,b\n1,2\n".encode("latin-1"), r"latin\.csv: cannot be read as CSV: .*; save it as UTF-8"),
        ("ragged.csv", b"a,b\n1,2\n3\n", "Expected 2 columns, got 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(name: str, content: bytes | None, says: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with raises(DataError, match=says):
        profile(tmp_path / name)


def test_profiles_are_saved_and_compared(tmp_path: Path) -> None:
    saved = tmp_path / "p.json"
    save(profile(columns()), saved)
    found, made_at = load(saved)
    assert (encode(found), made_at is not None) == (encode(profile(columns())), True)
    assert [one.name for one in tmp_path.iterdir()] == ["p.json"]
    save(found, saved, 1.5e9)
    assert load(saved)[1] == 1.5e9
    panel = drift(saved, {**columns(), "x": columns()["x"] + 1}, ignore=["n"])
    assert (panel.verdict, {one.column for one in panel.alarms}) == ("fail", {"x"})
    assert [one.name for one in panel.columns] == ["x", "level"]


def test_a_saved_profile_that_is_none(tmp_path: Path) -> None:
    with raises(DataError, match=r"none\.json: cannot be read"):
        load(tmp_path / "none.json")
    (tmp_path / "p.json").write_text("{}")
    with raises(ProfileError, match=r"p\.json: is no profile"):
        load(tmp_path / "p.json")
    with raises(DataError, match="cannot be written"):
        save(profile(columns()), tmp_path / "none" / "p.json")


def test_dask_counts_the_same(tmp_path: Path) -> None:
    joblib, distributed = importorskip("joblib"), importorskip("distributed")
    parquet.write_table(arrow.table(columns()), tmp_path / "t.parquet", row_group_size=1000)
    with (
        distributed.Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None) as client,
        joblib.parallel_config(backend="dask"),
    ):
        counted = profile(tmp_path / "t.parquet", jobs=2)
        assert client.status == "running"
    assert encode(counted) == encode(profile(tmp_path / "t.parquet"))
