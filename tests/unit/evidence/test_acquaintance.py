"""A first answer tells where the prediction is; where it does not, one message says what to declare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pytest_mlready.evidence.acquaintance import acquainted
from pytest_mlready.protocols.detect import DetectError
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.service.target import Target
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import ROWS, serving


@dataclass
class Answering(Stub):
    """Answers the next of its documents each time, the last one for ever."""

    answers: list[tuple[int, object]] = field(default_factory=list)
    asked: int = 0

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


def met(*answers: object, schema: object = None, declared: Mapping[str, Any] | None = None) -> tuple[Target, int]:
    """The target, and how often it was asked; `schema` is its documented answer."""
    stub = Answering(answers=[one if isinstance(one, tuple) else (200, one) for one in answers])
    content = {"application/json": {"schema": schema}}
    paths = {"/predict": {"post": {"responses": {"200": {"description": "ok", "content": content}}}}}
    document = None if schema is None else OpenAPI.parse({"openapi": "3.1.0", "info": {}, "paths": paths})
    with serving(stub, JsonMapping()) as context:
        return acquainted(replace(context.target, openapi=document), ROWS, declared or {}), stub.asked


def answer(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({"confidence": 0.3}, 'prediction = "confidence"'),
        ({"prediction": [0.5, 1.5]}, 'prediction = "prediction.0"     # the first of several outputs'),
        ({"id": "7", "model_version": 3, "out": {"cat": {"p": 0.2}}}, 'prediction = "out.cat.p"'),
        ({"prediction": {"cat": 0.2, "dog": 0.8}}, 'prediction = "prediction.cat"'),
        ({"model_version": "1", "ok": None}, 'prediction = "prediction"'),
    ],
)
@pytest.mark.parametrize("schema", [None, {}, answer(confidence={"type": "number"}, prediction={"type": "object"})])
def test_an_answer_that_nobody_can_read_is_a_question(body: object, line: str, schema: object) -> None:
    with pytest.raises(DetectError) as caught:
        met(body, schema=schema)
    assert line in str(caught.value)
    assert "[service.json]" in str(caught.value)
    assert '"id": "7"' in str(caught.value) or "7" not in str(body)


@pytest.mark.parametrize(
    ("answers", "key", "asked"),
    [
        (({"score": 0.3},), "score", 1),
        (({"error": "warming up"}, {"score": 0.3}), "score", 2),
        (((503, {}), {"score": 0.3}), "score", 2),
        (({"prediction": None},), "prediction", 3),
        (((500, {"detail": "no"}),), "prediction", 3),
        (("no JSON",), "prediction", 3),
    ],
)
def test_one_answer_that_can_be_read_is_enough(answers: tuple[object, ...], key: str, asked: int) -> None:
    target, count = met(*answers)
    assert (target.mapping.prediction_key, count) == (key, asked)


def test_what_is_documented_or_declared_is_left_to_the_checks() -> None:
    for kind in ({"type": "number"}, {}):
        documented, asked = met({"confidence": 0.3}, schema=answer(prediction=kind))
        assert (documented.mapping.prediction_key, asked) == ("prediction", 0)
    outputs = answer(prediction={"type": "array", "items": {"type": "number"}})
    assert met({"prediction": [0.5]}, schema=outputs)[0].mapping.prediction_key == "prediction"
    declared, _ = met({"confidence": 0.3}, declared={"prediction": "prediction"})
    assert declared.mapping.prediction_key == "prediction"
    assert met({"confidence": 0.3}, schema={}, declared={"prediction": "prediction"})[1] == 0


def test_what_only_looks_like_probabilities_is_left_out() -> None:
    odd = {"prediction": 1, "scores": {"cat": {"p": 0.2}}}
    assert met(odd)[0].mapping.probabilities_key is None
    assert met(odd, declared={"probabilities": "scores"})[0].mapping.prediction_key == "prediction"
    assert met({"prediction": 1, "scores": {"cat": 0.2}})[0].mapping.probabilities_key == "scores"
