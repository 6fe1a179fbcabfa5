"""The declared files as profiles that can be compared, and what the service is sent."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pytest import importorskip, raises

from pytest_mlready.evidence import drift_data
from pytest_mlready.evidence.context import Context
from pytest_mlready.measure.drift import from_plain, judge
from pytest_mlready.profiling import DataError, profile, save
from pytest_mlready.records import DriftData
from pytest_mlready.settings import parse

importorskip("pyarrow")


def gathered(directory: Path, **declared: Any) -> DriftData:
    """The evidence of two files in a directory."""
    tables = {"service": {"url": "http://127.0.0.1:1"}, "drift": {"current": "now.csv", **declared}}
    settings = parse(tables, source="mlready.toml", directory=directory)
    target: Any = SimpleNamespace(mapping=SimpleNamespace(row_shape="array"))
    return drift_data.gather(Context(target, settings, ({"b": 1, "a": 2.0},), 7, 1.0))


def write(path: Path, shift: int) -> None:
    path.write_text("\n".join(["a,b,id", *(f"{number % 50 + shift},{number % 3},{number}" for number in range(400))]))


def test_data_and_profiles_can_be_the_reference(tmp_path: Path) -> None:
    write(tmp_path / "then.csv", 0)
    write(tmp_path / "now.csv", 10)
    of_data = gathered(tmp_path, reference="then.csv", ignore=["id"])
    save(profile(tmp_path / "then.csv"), tmp_path / "then.json")
    of_profile = gathered(tmp_path, reference="then.json", ignore=["id"])
    assert (of_data.served, of_data.ordered) == (("b", "a"), True)
    assert (of_data.reference["made_at"], of_profile.reference["made_at"] is None) == (None, False)
    for record in (of_data, of_profile):
        before, after = (from_plain(one)[0] for one in (record.reference, record.current))
        assert {alarm.column for alarm in judge(before, after).alarms} == {"a"}
        assert [one.name for one in before.plan] == [one.name for one in after.plan] == ["a", "b"]


def test_a_column_that_neither_has_is_named(tmp_path: Path) -> None:
    write(tmp_path / "now.csv", 0)
    save(profile(tmp_path / "now.csv"), tmp_path / "then.json")
    with raises(DataError, match="there is no column 'incme'"):
        gathered(tmp_path, reference="then.json", columns=["a", "incme"])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path / "then.csv", 0)
    with raises(DataError, match=r"now\.csv: there is no such file"):
        gathered(tmp_path, reference="then.csv")
    with raises(DataError, match=r"none\.json: cannot be read"):
        gathered(tmp_path, reference="none.json")


def test_what_only_judges_is_no_part_of_the_evidence(tmp_path: Path) -> None:
    tables = {"service": {"url": "http://127.0.0.1:1"}, "drift": {"reference": "a.csv", "looks": 24}}
    context: Any = SimpleNamespace(settings=parse(tables, source="mlready.toml", directory=tmp_path))
    assert drift_data.made_with(context) == {"reference": "a.csv", "current": None, "columns": None, "ignore": ()}
