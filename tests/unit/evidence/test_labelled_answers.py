"""Labelled rows: how files are read, how rows are asked, and what others answer to them."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_mlready.evidence import labelled_answers
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.declared_answers import answers_of_file
from pytest_mlready.evidence.labelled_answers import shaken_rows
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import LabelledAnswers, Prediction, Row
from pytest_mlready.settings import Settings, parse
from tests.plugin.stub_service import FEATURES, Stub
from tests.unit.evidence.test_rudeness import BATCHED, serving

SINGLES = JsonMapping(probabilities_key="probabilities")
ROWS = "\n".join(
    [",".join((*FEATURES, "label", "region")), *(f"{at}.5,-{at},0.25,{1 - at % 3}.0,1,{at % 2}" for at in range(250))]
)
SAMPLE: tuple[Row, ...] = (dict.fromkeys(FEATURES, 1.0),)


@dataclass
class Picky(Stub):
    """Refuses rows whose first value is 7.5, and any batch with one."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        return (422, {"detail": "no"}) if b"[7.5," in body else super().answer(method, path, body)


@dataclass
class Small(Stub):
    """Takes no more than 40 rows."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if path == "/predict/batch" and len(json.loads(body)["rows"]) > 40:
            return 413, {}
        return super().answer(method, path, body)


@dataclass
class Busy(Stub):
    """Every second request is told to come again."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        return (503, {}) if len(self.requests) % 2 else super().answer(method, path, body)


def declared(directory: Path, content: str = ROWS, **quality: Any) -> Settings:
    (directory / "rows.csv").write_text(content)
    plain = {"service": {"url": "http://x"}, "quality": {"rows": "rows.csv", "label": "label", **quality}}
    return parse(plain, source="mlready.toml", directory=directory)


def gathered(
    settings: Settings, stub: Stub, mapping: JsonMapping = BATCHED, seconds: float = 20.0, sample: Any = SAMPLE
) -> LabelledAnswers:
    with serving(stub, mapping) as context:
        record = labelled_answers.gather(Context(context.target, settings, sample, 7, seconds))
    return msgspec.json.decode(msgspec.json.encode(record), type=LabelledAnswers, strict=True)


@pytest.mark.parametrize("mapping", [BATCHED, SINGLES], ids=["in batches", "one by one"])
def test_all_rows_are_asked_and_answered_in_the_order_of_the_file(mapping: JsonMapping, tmp_path: Path) -> None:
    stub = Stub()
    record = gathered(declared(tmp_path, slices=["region"], slice_floor=0.5), stub, mapping)
    assert (record.asked, record.unanswered, len(record.truth)) == (250, 0, 250)
    assert record.versions == (("1.0.0",) if mapping is SINGLES else ())  # its batches say it where nobody looks
    expected = [int(at + 0.5 - at + 0.25 + 1 - at % 3 > 0) for at in range(250)]
    assert [one.prediction for one in record.answers if one is not None] == expected
    assert record.beside == {"region": tuple(at % 2 for at in range(250))}
    assert len(record.noisy) == 250
    asked = [path for _, _, path, _ in stub.requests if "predict" in path]
    assert len(asked) == (6 if mapping is BATCHED else 500)


@pytest.mark.parametrize("stub", [Small(), Busy()], ids=["smaller batches", "come again"])
def test_a_limit_of_the_service_costs_no_row(stub: Stub, tmp_path: Path) -> None:
    record = gathered(declared(tmp_path, noise=0), stub)
    assert (record.asked, record.unanswered) == (250, 0)
    assert None not in record.answers


def test_one_bad_row_does_not_cost_the_others(tmp_path: Path) -> None:
    record = gathered(declared(tmp_path, noise=0), Picky())
    missing = [at for at, one in enumerate(record.answers) if one is None]
    assert missing == [7]
    assert (record.unanswered, [one.status for one in record.refused]) == (1, [422])


def test_without_time_some_rows_are_asked_drawn_at_random(tmp_path: Path) -> None:
    record = gathered(declared(tmp_path), Stub(), seconds=0.0)
    asked = [at for at, one in enumerate(record.answers) if one is not None]
    assert record.asked == len(asked) == 100
    assert asked != list(range(100))


def test_a_declared_cap_bounds_the_batches(tmp_path: Path) -> None:
    stub = Stub()
    settings = declared(tmp_path, noise=0)
    plain = {"service": {"url": "http://x"}, "contract": {"max_batch_rows": 125}, "quality": {"noise": 0.0}}
    capped = parse({**plain, "inputs": {"rows": "rows.csv", "label": "label"}}, source="t", directory=tmp_path)
    assert settings.labelled == capped.labelled
    gathered(capped, stub)
    assert len(stub.requests) == 3


def test_others_answer_the_same_rows(tmp_path: Path) -> None:
    said = [{"prediction": at % 2, "probabilities": {"0": 0.25, "1": 0.75}} for at in range(250)]
    (tmp_path / "before.json").write_text(json.dumps({"answers": said}))
    (tmp_path / "rule.csv").write_text("prediction\n" + "1\n" * 250)
    (tmp_path / "training_of_this_test.py").write_text("def predict(rows):\n    return [row['x0'] for row in rows]\n")
    settings = declared(
        tmp_path, previous="before.json", baseline="rule.csv", offline="training_of_this_test:predict", noise=0
    )
    record = gathered(settings, Stub())
    assert record.previous[3] == Prediction(1, (0.25, 0.75), classes=("0", "1"))
    assert record.baseline[3] == Prediction(1)
    assert [one.prediction for one in record.offline[:2] if one is not None] == [0.5, 1.5]


def test_an_earlier_run_is_the_version_before(tmp_path: Path) -> None:
    record = LabelledAnswers((1, 0), (Prediction(1, (0.2, 0.8), classes=("0", "1")), None), 1)
    path = tmp_path / "labelled_answers.json"
    path.write_bytes(msgspec.json.encode({"name": "labelled_answers", "record": record}))
    assert answers_of_file(path, "previous", (1, 0)) == record.answers


@pytest.mark.parametrize("truth", [(0, 1, 1), (1, 1, 0)], ids=["sorted", "drawn again"])
def test_an_earlier_run_on_other_rows_is_refused(truth: tuple[int, ...], tmp_path: Path) -> None:
    """Answers to other rows are right as often as chance has it, so that any model beats them."""
    record = LabelledAnswers((1, 0, 1), tuple(map(Prediction, (1, 0, 1))), 3)
    path = tmp_path / "labelled_answers.json"
    path.write_bytes(msgspec.json.encode({"name": "labelled_answers", "record": record}))
    with pytest.raises(GatherError, match=r"labelled_answers\.json is about other rows, .* true answer of 2 of 3"):
        answers_of_file(path, "previous", truth)


@pytest.mark.parametrize("truth", [("yes", 1.0, 2.5), ("yes", "1", "2.5")])
def test_the_same_truth_by_another_reader_is_the_same(truth: tuple[str | float, ...], tmp_path: Path) -> None:
    """Numbers of a CSV file may be texts of a JSON one."""
    (tmp_path / "a.json").write_text(json.dumps({"truth": ["yes", 1, 2.5], "answers": ["yes", 0, 2]}))
    assert len(answers_of_file(tmp_path / "a.json", "previous", truth)) == 3


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", '{"answers": [1, 0], "truth": [1]}', "of row 2 none there and 0 now"),
        ("a.json", "{", "quality.previous: a.json cannot be read: "),
        ("a.json", '{"rows": []}', 'a.json: expected a list of answers, {"answers": […]}, or CSV'),
        ("a.json", "[1]", "quality.previous: a.json has 1 answers, there are 2 labelled rows"),
        ("a.json", "[1, []]", "quality.previous: a.json: answers[1]: expected a prediction, got []"),
        ("a.csv", "label\n1\n1\n", "a.csv: expected a list of answers"),
    ],
)
def test_a_file_of_answers_that_is_none(name: str, content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(GatherError) as caught:
        answers_of_file(tmp_path / name, "previous", (1, 0))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "quality", "said"),
    [
        ("x0,label\n1,1\n", {}, "quality.rows: rows.csv lacks 'x1', 'x2', 'x3', which the sample rows have"),
        (ROWS, {"label": "lable"}, "quality.label: rows.csv has no column 'lable'; did you mean 'label'?"),
        (ROWS, {"entity": "who"}, "quality.entity: rows.csv has no column 'who'"),
        (ROWS + "\n1,1,1,1,,0", {}, "quality.label: rows.csv: row 251 has no 'label'; leave it out"),
        ("x0,label\n", {}, "quality.rows: rows.csv: has no rows"),
        (ROWS, {"rows": "none.csv"}, "quality.rows: none.csv: no such file in"),
        ("a,a\n1,2\n", {}, "quality.rows: rows.csv: cannot be read as csv"),
        (ROWS, {"previous": "before.parquet"}, "quality.previous: expected a .json or .csv file of answers"),
        (ROWS, {"offline": "model"}, 'quality.offline must be "module:name" of a callable'),
    ],
)
def test_what_cannot_be_used_is_said(rows: str, quality: Mapping[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(GatherError) as caught:
        gathered(declared(tmp_path, rows, **quality), Stub())
    assert said in str(caught.value)


def test_a_limit_is_judged_again_on_the_same_evidence(tmp_path: Path) -> None:
    with serving(Stub()) as context:

        def made(**quality: Any) -> Mapping[str, Any]:
            return labelled_answers.made_with(Context(context.target, declared(tmp_path, **quality), SAMPLE, 7, 1.0))

        assert made(threshold=0.9) == made(threshold=0.8, flips=0.1)
        assert made() != made(noise=0.5)
        before = made()
        (tmp_path / "rows.csv").write_text(ROWS + "\n1,1,1,1,1,1")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "write_text", lambda *_: None)
            assert made() != before


class TestShaken:
    def test_numbers_with_fractions_move_a_little_within_their_span(self) -> None:
        rows: list[Row] = [
            {"a": at + 0.5, "n": at, "word": "x", "gone": None if at % 2 else 0.25 * at} for at in range(99)
        ]
        shaken = shaken_rows(rows, 0.01, random.Random(1))
        moves = [abs(float(one["a"] or 0) - float(row["a"] or 0)) for one, row in zip(shaken, rows, strict=True)]
        assert 0 < max(moves) < 2
        assert all(0.5 <= float(one["a"] or 0) <= 98.5 for one in shaken)
        assert [(one["n"], one["word"], one["gone"] is None) for one in shaken] == [
            (row["n"], row["word"], row["gone"] is None) for row in rows
        ]

    def test_codes_and_counts_stay(self) -> None:
        assert shaken_rows([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], 0.01, random.Random(1)) == []
