"""What a file declares of a service, and which header counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mlready.openloop.layout import REFERENCE, Layout, header, read_layout, with_headers
from pytest_mlready.protocols.json_mapping import JsonMapping

WHOLE = """
[service]
headers = { Authorization = "Bearer a:b", X-Team = "s" }
paths = { live = "/livez", ready = "/readyz" }
[service.json]
predict = "/v1/models/m:predict"
row = "instances"
nested = true
[inputs]
rows = "data/rows.csv"
label = "y"
protected = "sex"
[experiments]
id_field = "who"
"""


def layout_of(directory: Path, text: str) -> Layout:
    (directory / "mlready.toml").write_text(text)
    return read_layout(directory / "mlready.toml")


def test_all_that_is_declared_counts(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, WHOLE)
    assert layout == Layout(
        JsonMapping("/v1/models/m:predict", row_key="instances", nested=True),
        (("Authorization", "Bearer a:b"), ("X-Team", "s")),
        "/livez",
        "who",
        tmp_path / "data/rows.csv",
        frozenset({"y", "sex"}),
    )
    assert "Bearer" not in repr(layout)


def test_what_is_not_declared_is_not_sent(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, '[service.json]\npredict = "/score"\n[inputs]\nrows = "rows.json"\n')
    assert layout == Layout(JsonMapping("/score"))
    assert [layout.mapping.batch_route, layout.health, layout.id_field, layout.rows] == 4 * [None]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[service]\n", "declares no [service.json]"),
        ("service = 3\n", "service should be a table"),
        ('[service]\njson = { row = "x" }\nheaders = ["secret"]\n', "headers should be a table"),
        ('[service.json]\nshape = "matrix"\n', "allowed are array, object"),
        ("[service\n", "line 1"),
    ],
)
def test_a_file_that_says_nothing_useful_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        layout_of(tmp_path, text)
    assert words in str(refused.value)


def test_a_header_is_a_name_and_a_value() -> None:
    assert header("Authorization:  Bearer a:b ") == ("Authorization", "Bearer a:b")
    assert header("X-Empty:") == ("X-Empty", "")


@pytest.mark.parametrize("text", ["secret", ": secret", "A: secret\r\nB: c", "A: secret\0", ""])
def test_what_is_no_header_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="must be 'Name: value'") as refused:
        header(text)
    assert "secret" not in str(refused.value)


def test_a_given_header_takes_the_place_of_its_namesake() -> None:
    own = REFERENCE.mapping.request_headers
    assert with_headers(own, (("X", "1"),)) == (("Content-Type", "application/json"), ("X", "1"))
    assert with_headers(own, (("content-type", "text/csv"),)) == (("content-type", "text/csv"),)
