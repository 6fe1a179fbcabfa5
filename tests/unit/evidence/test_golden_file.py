"""The golden file is read with errors that a person can act on, and its rows go out in the service's order."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_mlready.evidence import golden
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import Exchange, Row
from tests.unit.records_made import exchange, settings

ROWS: tuple[Row, ...] = ({"a": 1.0, "b": 2.0},)


@dataclass
class Recorder:
    """A target and its transport: answers 1 to everything and keeps the bodies."""

    mapping: JsonMapping
    bodies: list[Any] = field(default_factory=list)
    patience: None = None

    def transport(self, **_: Any) -> Recorder:
        return self

    def request(self, case: str, method: str, path: str, body: bytes, headers: Any, **_: Any) -> Exchange:
        self.bodies.append(json.loads(body))
        return exchange(200, {"prediction": 1}, case=case)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


def context(
    directory: Path, content: object, mapping: JsonMapping | None = None, rows: tuple[Row, ...] = ROWS
) -> Context:
    file = directory / "golden.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    target: Any = Recorder(mapping or JsonMapping())
    return Context(target, settings(inputs={"golden": str(file)}), rows, seed=7, budget_s=1.0)


@pytest.mark.parametrize("row", [[1.5, 2.5], {"b": 2.5, "a": 1.5}])
@pytest.mark.parametrize(("shape", "sent"), [("array", [1.5, 2.5]), ("object", {"a": 1.5, "b": 2.5})])
def test_rows_go_out_in_the_order_of_the_sample_rows(tmp_path: Path, row: object, shape: Any, sent: object) -> None:
    given = context(tmp_path, {"rows": [row], "answers": [1]}, JsonMapping(row_shape=shape))
    record = golden.gather(given)
    target: Any = given.target
    assert target.bodies == [{"features": sent}]
    assert (record.expected[0].prediction, record.tolerance, record.version) == (1, golden.DEFAULT_TOLERANCE, None)
    assert record.answered[0].only is not None


def test_probabilities_by_class_keep_their_names(tmp_path: Path) -> None:
    answer = {"prediction": "b", "probabilities": {"a": 0.25, "b": 0.75}}
    plain = {"rows": [[1, 2]], "answers": [answer], "tolerance": 1e-3, "model_version": "1.0.0"}
    record = golden.gather(context(tmp_path, plain))
    assert (record.expected[0].probabilities, record.expected[0].classes) == ((0.25, 0.75), ("a", "b"))
    assert (record.tolerance, record.version) == (1e-3, "1.0.0")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{ broken", "cannot be read as JSON"),
        ([], "is not an object"),
        ({"rows": [[1, 2]]}, "expected"),
        ({"rows": [], "answers": []}, "at least 1"),
        ({"rows": [[1, 2]], "answers": [1, 2]}, "one length"),
        ({"rows": [[1, 2]], "answers": [None]}, r"answers\[0\]: expected a prediction"),
        ({"rows": [[1, 2]], "answers": [{"prediction": 1, "probabilities": ["x"]}]}, "expected numbers"),
        ({"rows": [5], "answers": [1]}, r"rows\[0\]: expected a list or an object"),
        ({"rows": [[1, 2]], "answers": [1], "tolerance": True}, "tolerance"),
        ({"rows": [[1, 2]], "answers": [1], "tolerance": 2}, "tolerance"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(GatherError, match=words):
        golden.gather(context(tmp_path, content))


def test_values_without_names_cannot_be_sent_by_name(tmp_path: Path) -> None:
    given = context(tmp_path, {"rows": [[1, 2, 3]], "answers": [1]}, JsonMapping(row_shape="object"))
    with pytest.raises(GatherError, match="has 3 values"):
        golden.gather(given)


def test_a_changed_golden_file_is_other_evidence(tmp_path: Path) -> None:
    first = golden.made_with(context(tmp_path, {"rows": [[1, 2]], "answers": [1]}))
    second = golden.made_with(context(tmp_path, {"rows": [[1, 2]], "answers": [0]}))
    assert first != second
