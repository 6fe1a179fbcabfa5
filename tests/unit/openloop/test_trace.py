"""Recorded arrivals: what a file may look like, and where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mlready.openloop.trace import read_trace


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "arrivals.txt"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "0\n0.25\n0.25\n2.5\n",
        "10\n10.25\n10.25\n12.5",
        "1790000000.0\r\n1790000000.25\r\n1790000000.25\r\n1790000002.5\r\n",
        "# recorded on a Monday\n\n-1\n-.75\n-7.5e-1\n\n1.5\n",
        'time,path\n0,"/predict"\n0.25,/health\n0.25,/predict\n2.5,/predict\n',
        '"timestamp";"path"\n"3";"a"\n"3.25";"b"\n"3.25";"c"\n"5.5";"d"\n',
        "\ufefft\tpath\n0\t/\n0.25\t/\n0.25\t/\n2.5\t/\n",
        "[0, 0.25, 0.25, 2.5]",
        " [\n1,\n1.25,\n1.25,\n3.5\n]",
    ],
    ids=["lines", "from 10", "epoch", "comments", "csv", "semicolons", "tabs", "json", "json lines"],
)
def test_times_count_from_the_first(tmp_path: Path, text: str) -> None:
    assert read_trace(written(tmp_path, text)) == (0.0, 0.25, 0.25, 2.5)


def test_speed_divides_the_times(tmp_path: Path) -> None:
    assert read_trace(written(tmp_path, "5\n6\n9\n"), speed=2) == (0.0, 0.5, 2.0)
    assert read_trace(written(tmp_path, "5\n6\n9\n"), speed=0.5) == (0.0, 2.0, 8.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0\n1\nsoon\n2\n", ":3: 'soon' is no number"),
        ("0.5x\n1\n2\n", ":1: '0.5x' is no number"),
        ("time\nwhen\n1\n2\n", ":2: 'when' is no number"),
        ("0\n\n2\n1\n", ":4: 1.0 comes before 2.0"),
        ("0\nnan\n1\n", ":2: nan is no time"),
        ("0\n1e999\n", ":2: inf is no time"),
        ("", "two different times"),
        ("time\n", "two different times"),
        ("7\n", "two different times or more, not 1 at one"),
        ("7\n7\n7\n", "two different times or more, not 3 at one"),
        ("[0, 1,\n 2,]", ":2: "),
        ('[0, "1"]', "item 2: '1' is no number"),
        ("[0, 1, true]", "item 3: True is no number"),
        ("[0, [1]]", r"item 2: \[1.0\] is no number"),
        ("[0, 3, 2]", "item 3: 2.0 comes before 3.0"),
        ("[0, NaN]", "item 2: nan is no time"),
        (f"[0, 1{'0' * 400}]", "item 2: inf is no time"),
        ("[]", "two different times"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"arrivals\.txt.*{said}"):
        read_trace(written(tmp_path, text))


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "arrivals.bin"
    path.write_bytes(b"\x93NUMPY\xff\xfe")
    with pytest.raises(ValueError, match=r"arrivals\.bin: no text"):
        read_trace(path)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt"):
        read_trace(tmp_path / "nowhere.txt")
