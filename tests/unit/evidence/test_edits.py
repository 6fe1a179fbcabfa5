"""Which values stand in for a row's own, and what a reference of the user's may be and return."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pytest_mlready.checks.sensitivity import declared_relations
from pytest_mlready.evidence import edits, reference
from pytest_mlready.evidence.edits import ladder, outside, places
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.finding import Status
from pytest_mlready.records import Edit, Edits, Prediction, Row
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import serving
from tests.unit.records_made import answered, settings

ROWS: tuple[Row, ...] = (
    {"real": 0.5, "whole": 1, "kind": "a", "gap": None},
    {"real": 3.5, "whole": 7, "kind": "b", "gap": 2.0},
    {"real": 1.5, "whole": 3, "kind": "a", "gap": None},
)


@pytest.mark.parametrize(
    ("column", "at", "values"),
    [
        ("real", 0, [1.5, 2.5, 3.5]),
        ("real", 1, [0.5, 1.5, 2.5]),
        ("whole", 2, [1, 5, 7]),
        ("kind", 0, ["b"]),
        ("gap", 0, [2.0]),
        ("gap", 1, []),
    ],
)
def test_a_ladder_spans_the_samples_without_the_rows_own_value(column: str, at: int, values: list[object]) -> None:
    assert ladder(ROWS, column, at) == values
    assert [type(one) for one in ladder(ROWS, column, at)] == [type(one) for one in values]


def test_true_becomes_false_and_can_be_stored() -> None:
    rows: list[Row] = [{"owns": True, "age": 3}, {"owns": False, "age": 5}]
    assert [ladder(rows, "owns", at) for at in range(2)] == [[False], [True]]
    assert all(isinstance(one, bool) for at in range(2) for one in ladder(rows, "owns", at))
    record = Edits((), (Edit(0, "owns", True, False, answered(0)),))
    assert msgspec.json.decode(msgspec.json.encode(record), type=Edits, strict=True) == record


def test_every_declared_column_is_edited_before_any_is_edited_again() -> None:
    assert places(["b", "c"], ["a", "b", "c"], [0, 4]) == [(0, "b"), (0, "c"), (4, "b"), (4, "c"), (0, "a")]
    assert places([], ["a", "b"], [3, 5]) == [(3, "a"), (3, "b")]


def test_values_outside_of_what_the_samples_span() -> None:
    assert outside(ROWS) == [(0, {"real": -1.0}), (0, {"real": 5.0}), (1, {"whole": -2}), (1, {"whole": 10})]
    assert outside([{"kind": "a"}]) == []


class TestReference:
    def said(self, directory: Path, source: str, name: str = "answer") -> tuple[Prediction, ...]:
        (directory / f"said_{abs(hash(source))}.py").write_text(source)
        return reference.expected_of(f"said_{abs(hash(source))}:{name}", str(directory), ROWS)

    def test_labels_numbers_and_mappings_are_taken(self, tmp_path: Path) -> None:
        source = (
            "import numpy as np\n"
            "def answer(rows):\n"
            "    shares = {'a': 0.25, 'b': 0.75}\n"
            "    return ['a', np.float64(rows[1]['real']), {'prediction': 'b', 'probabilities': shares}]\n"
        )
        assert self.said(tmp_path, source) == (
            Prediction("a"),
            Prediction(float(np.float64(3.5))),
            Prediction("b", (0.25, 0.75), classes=("a", "b")),
        )

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("answer = 3", "is not callable"),
            ("def answer(rows): return rows[0]['absent']", "KeyError"),
            ("def answer(rows): return [1]", "answered 1 of 3 rows"),
            ("def answer(rows): return [None] * 3", "not a label, a number or a mapping"),
            ("def other(rows): return []", "AttributeError"),
        ],
    )
    def test_a_reference_that_cannot_be_used_says_why(self, tmp_path: Path, source: str, words: str) -> None:
        with pytest.raises(GatherError, match=words):
            self.said(tmp_path, source)

    def test_a_reference_has_a_form(self) -> None:
        with pytest.raises(GatherError, match='"module:name"'):
            reference.expected_of("module", ".", ROWS)
        assert reference.expected_of(None, ".", ROWS) == ()


@dataclass
class Flat(Stub):
    """One feature counts for nothing, but for rows that have a small value of another, as below a branch of a tree."""

    first: float = -1e9

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if method != "POST":
            return super().answer(method, path, body)
        row = json.loads(body)["features"]
        positive = row[1] > 1.0 if row[0] < self.first else row[0] > 6.0
        return 200, {"prediction": int(positive)}


def test_a_declared_column_that_is_flat_in_many_rows_is_edited_in_more_until_it_moves_an_answer() -> None:
    active = settings(relations={"active": ["x1"]})
    with serving(Flat(first=5.0)) as context:
        rows = tuple({**row, "x0": 9.0 if at < 9 else 1.0} for at, row in enumerate(context.rows))
        record = edits.gather(replace(context, rows=rows, settings=active, budget_s=5.0))
    asked = list(dict.fromkeys(one.row for one in record.edits if one.column == "x1"))
    assert asked == [one for one in asked if one < 9] + [asked[-1]]
    assert len(asked) > edits.DECLARED_ROWS

    with serving(Flat()) as context:
        record = edits.gather(replace(context, settings=active, budget_s=5.0))
    assert {one.row for one in record.edits if one.column == "x1"} == {one.rows[0] for one in record.originals}


@dataclass
class Capped(Stub):
    """Takes one feature as eight at most; the training did not."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if method != "POST":
            return super().answer(method, path, body)
        row = json.loads(body)["features"]
        return 200, {"prediction": row[0] + min(row[11], 8.0)}


def test_what_a_reference_says_otherwise_outside_of_the_samples_is_shown_by_one_value(tmp_path: Path) -> None:
    (tmp_path / "trained_uncapped.py").write_text("def answer(rows): return [row['x0'] + row['x11'] for row in rows]\n")
    told = replace(settings(relations={"reference": "trained_uncapped:answer"}), directory=str(tmp_path))
    with serving(Capped()) as context:
        rows = tuple({f"x{at}": float((row + at) % 7) for at in range(25)} for row in range(20))
        record = edits.gather(replace(context, rows=rows, settings=told, budget_s=5.0))
    assert len(edits.outside(rows)[0][1]) == 3
    found = declared_relations(record, told)
    assert found.status is Status.FAIL
    assert "x11 = " in found.summary
    assert found.script is not None
    [request] = found.script.requests
    shown = json.loads(request.body)["features"]
    assert min(sum(a != b for a, b in zip(shown, row.values(), strict=True)) for row in rows) == 1
