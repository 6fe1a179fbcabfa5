"""The file of edge cases is read with errors that a person can act on, and its rows are asked one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_mlready.evidence import edge_cases
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import EdgeCases
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import ROWS, serving
from tests.unit.records_made import settings


def gathered(path: Path, content: str | None) -> EdgeCases:
    if content is not None:
        path.write_text(content)
    declared = settings(quality={"edge_cases": str(path)})
    with serving(Stub()) as context:
        return edge_cases.gather(Context(context.target, declared, ROWS, 7, 1.0))


def test_each_case_is_asked(tmp_path: Path) -> None:
    found = gathered(
        tmp_path / "cases.json",
        """[{"name": "all zero", "row": [0, 0, 0, 0], "expect": 0},
            {"name": "by name", "row": {"x3": 4, "x0": 1, "x1": 2, "x2": 3}, "expect": {"minimum": 0, "maximum": 1}},
            {"name": "a word", "row": [0, 0, 0, "much"], "expect": {"refused": true}}]""",
    )
    assert [(one.name, one.expect, one.answered.exchange.status) for one in found.cases] == [
        ("all zero", 0, 200),
        ("by name", {"minimum": 0, "maximum": 1}, 200),
        ("a word", {"refused": True}, 422),
    ]
    assert found.cases[1].answered.exchange.request_body == b'{"features":[1,2,3,4]}'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cases.json cannot be read as JSON"),
        ("[]", "cases.json: expected a list of {"),
        ("{}", "cases.json: expected a list of {"),
        ('[{"row": [1]}]', 'cases.json: [0]: expected {"name"'),
        ('[{"name": "a", "row": 3, "expect": 1}]', "[0].row: expected a list or an object"),
        ('[{"name": "a", "row": [1], "expect": null}]', "[0].expect: expected a label, a number"),
        ('[{"name": "a", "row": [1], "expect": {"refused": false}}]', "[0].expect: expected a label, a number"),
        ('[{"name": "a", "row": [1], "expect": {"minimum": "x"}}]', "[0].expect: expected a label, a number"),
    ],
)
def test_a_file_that_is_none(content: str | None, said: str, tmp_path: Path) -> None:
    with pytest.raises(GatherError) as caught:
        gathered(tmp_path / "cases.json", content)
    assert said in str(caught.value)


def test_another_content_is_another_evidence(tmp_path: Path) -> None:
    path = tmp_path / "cases.json"

    def made(content: str) -> Any:
        path.write_text(content)
        with serving(Stub()) as context:
            declared = settings(quality={"edge_cases": str(path)})
            return edge_cases.made_with(Context(context.target, declared, ROWS, 7, 1.0))["edge_cases"]

    assert made("[1]") != made("[2]")
