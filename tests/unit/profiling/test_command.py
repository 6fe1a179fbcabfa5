from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pytest import CaptureFixture, MonkeyPatch, approx, importorskip, mark, raises

from pytest_mlready.__main__ import main
from pytest_mlready.measure.drift import encode, to_plain
from pytest_mlready.profiling import load, profile, save

importorskip("pyarrow")
ROWS = [f"{number % 7},{'ab'[number % 2]}" for number in range(100)]


def written(path: Path, rows: list[str]) -> str:
    path.write_text("\n".join(["x,level", *rows]))
    return str(path)


def test_several_files_are_one_data_set(tmp_path: Path, capsys: CaptureFixture[str]) -> None:
    parts = [written(tmp_path / "a.csv", ROWS[:40]), written(tmp_path / "b.csv", ROWS[40:])]
    assert main(["profile", *parts, "-o", str(tmp_path / "p.json")]) == 0
    assert capsys.readouterr().err == f"{tmp_path / 'p.json'}: 100 rows, 2 columns\n"
    whole = profile(written(tmp_path / "whole.csv", ROWS))
    assert encode(load(tmp_path / "p.json")[0]) == encode(whole)


def test_rows_are_added_to_a_profile(tmp_path: Path) -> None:
    first, then, both = (str(tmp_path / f"{name}.json") for name in ("first", "then", "both"))
    part, rest = written(tmp_path / "a.csv", ROWS[:40]), written(tmp_path / "b.csv", ROWS[40:])
    assert main(["profile", part, "-o", first, "--ignore", "level"]) == 0
    assert main(["profile", rest, "-o", then, "--add", first]) == 0
    assert load(then)[0].rows == 100
    assert main(["profile", rest, part, "-o", both, "--columns", "x"]) == 0
    sums = [int(load(path)[0].columns[0].cells.sum()) for path in (then, both)]  # type: ignore[union-attr]
    assert sums == [100, 100]


def test_codes_that_happen_to_be_numbers_are_added_as_codes(tmp_path: Path) -> None:
    january, february, both = (str(tmp_path / name) for name in ("a.csv", "b.csv", "both.csv"))
    codes = ["A1", "07", "7", "1.50"], ["07", "7", "7", "1.50", ""]
    for path, some in ((january, codes[0]), (february, codes[1]), (both, [*codes[0], *codes[1]])):
        Path(path).write_text("\n".join(["x,code", *(f"1,{code}" for code in some * 50)]))
    first, then, whole = (str(tmp_path / f"{name}.json") for name in ("first", "then", "whole"))
    assert main(["profile", january, "-o", first]) == 0
    assert main(["profile", february, "-o", then, "--add", first]) == 0
    assert main(["profile", both, "-o", whole]) == 0
    assert to_plain(load(then)[0])["columns"][1] == to_plain(load(whole)[0])["columns"][1]


DAY = 86_400
WRITTEN = 1.7e9


@mark.parametrize(
    ("options", "expected"),
    [
        ([], WRITTEN),
        (["--made-at", "2024-06-30"], 19904 * DAY),
        (["--made-at", "2024-06-30T02:00:00+02:00"], 19904 * DAY),
        (["--add", "new.json"], WRITTEN),
        (["--add", "old.json", "--made-at", "2024-06-30"], 10 * DAY),
        (["--add", "of unknown age.json"], WRITTEN),
    ],
)
def test_a_profile_is_as_old_as_its_oldest_data(
    options: list[str], expected: float, tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, made_at in (("old", 10.0 * DAY), ("new", None)):
        save(profile(written(tmp_path / "a.csv", ROWS)), f"{name}.json", made_at)
    (tmp_path / "of unknown age.json").write_bytes(encode(load("new.json")[0]))
    files = [written(tmp_path / "a.csv", ROWS), written(tmp_path / "b.csv", ROWS)]
    os.utime(files[1], (WRITTEN, WRITTEN))
    assert main(["profile", *files, "-o", "p.json", *options]) == 0
    assert load("p.json")[1] == approx(expected)


@mark.parametrize(("date", "says"), [("June", "no date such as 2026-01-31"), ("2999-01-01", "is not yet")])
def test_dates_that_are_none(date: str, says: str, capsys: CaptureFixture[str]) -> None:
    with raises(SystemExit):
        main(["profile", "a.csv", "-o", "p.json", "--made-at", date])
    assert says in capsys.readouterr().err


@mark.parametrize(
    ("lines", "options", "says"),
    [
        (["x", "1", "2"], [], "has columns that these data lack, or leave out: ['level']"),
        (["x,level", "1,a", "2,b"], ["--columns", "x"], "has columns that these data lack, or leave out: ['level']"),
        (["x,level", "1,a", "2,b"], ["--ignore", "x"], "has columns that these data lack, or leave out: ['x']"),
        (["x,level", "y,a", "z,b"], [], "column 'x' has numbers in some rows and texts in others"),
    ],
)
def test_rows_that_a_profile_does_not_fit_are_not_added(
    lines: list[str], options: list[str], says: str, tmp_path: Path, capsys: CaptureFixture[str]
) -> None:
    first, then = str(tmp_path / "first.json"), tmp_path / "then.json"
    assert main(["profile", written(tmp_path / "a.csv", ROWS), "-o", first]) == 0
    (tmp_path / "b.csv").write_text("\n".join(lines))
    assert main(["profile", str(tmp_path / "b.csv"), "-o", str(then), "--add", first, *options]) == 2
    assert says in capsys.readouterr().err
    assert not then.exists()


@mark.parametrize(
    ("arguments", "says"),
    [
        (["none.csv", "-o", "p.json"], "none.csv: there is no such file"),
        (["a.csv", "-o", "p.json", "--columns", "y"], "there is no column 'y'; known: level, x"),
        (["a.csv", "-o", "p.json", "--add", "a.csv"], "a.csv: is no profile"),
        (["a.csv", "b.csv", "-o", "p.json"], "b.csv: has other columns than a.csv: ['level', 'z']"),
        (["a.csv", "-o", "no/p.json"], "no/p.json: cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: MonkeyPatch, capsys: CaptureFixture[str]
) -> None:
    written(tmp_path / "a.csv", ROWS)
    (tmp_path / "b.csv").write_text("x,z\n1,2\n")
    monkeypatch.chdir(tmp_path)
    assert main(["profile", *arguments]) == 2
    shown = capsys.readouterr().err
    assert says in shown
    assert len(shown.splitlines()) == 1


def test_commands_are_listed(capsys: CaptureFixture[str]) -> None:
    with raises(SystemExit):
        main(["--help"])
    assert "profile" in capsys.readouterr().out


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pytest_mlready", "profile"], capture_output=True, text=True)
    assert (done.returncode, "the following arguments are required" in done.stderr) == (2, True)
