"""Defects of properties that every answer has, whatever the model says."""

from __future__ import annotations

import contextlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from starlette.responses import Response

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.model.columns import Row
from reference_service.model.inputs import Asked, RowValidator
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.model.readiness import Readiness
from reference_service.web.presenter import Presenter
from reference_service.web.problems import Problem
from tests.defects.planting import defect


# The document is held against single answers, too.
@defect("fuzz.well_formed_answers", also={"contract.openapi"})
def answers_hold_nan(components: Components) -> Components:
    """Python's json writes NaN, which no other language reads. Deployment practice guide."""

    class Lenient(Presenter):
        def encode(self, members: object) -> bytes:
            plain = msgspec.to_builtins(members)
            if "prediction" in plain:
                plain = {**plain, "margin": float("nan")}
            return json.dumps(plain).encode()

    return replace(components, presenter=Lenient())


@defect("fuzz.well_formed_answers", also={"contract.openapi"})
def batches_drop_the_probabilities(components: Components) -> Components:
    """A documented field is missing from the answers of one route."""

    class Bare(Presenter):
        def batch(self, answers: Sequence[Answer], version: str, request_id: str) -> dict[str, Any]:
            return super().batch([Answer(one.prediction) for one in answers], version, request_id)

    return replace(components, presenter=Bare())


@defect("fuzz.well_formed_answers")
def json_is_called_a_web_page(components: Components) -> Components:
    """Predictions come as text/html, as Flask calls a string. Python ML deployment guide."""

    class Page(Presenter):
        def response(self, members: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
            predicted = isinstance(members, dict) and "request_id" in members
            return Response(
                self.encode(members), status, headers, media_type="text/html" if predicted else "application/json"
            )

    return replace(components, presenter=Page())


@defect("fuzz.well_formed_answers", also={"fuzz.batch_equals_single"})
def duplicate_rows_are_dropped(components: Components) -> Components:
    """A batch is answered by its distinct rows: fewer answers than rows, all after the first duplicate shifted."""

    class Distinct(RowValidator):
        def batch(self, body: bytes) -> Asked:
            asked = super().batch(body)
            return replace(asked, rows=[list(row) for row in dict.fromkeys(map(tuple, asked.rows))])

    return replace(components, rows=Distinct(components.contract, components.settings.limits))


# Numbers in quotes, and booleans, in the place of numbers are what reject_coercion asks about.
@defect("fuzz.rejects_bad_item_in_full_row", also={"contract.reject_coercion"})
def text_and_booleans_become_numbers(components: Components) -> Components:
    """`"1.5"` and `true` are silently made numbers, pydantic's default. Deployment practice guide."""

    class Coercing(RowValidator):
        def single(self, body: bytes) -> Asked:
            with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
                read = msgspec.json.decode(body)
                if isinstance(given := read["features"], list):
                    read["features"] = [float(one) if isinstance(one, str | bool) else one for one in given]
                body = msgspec.json.encode(read)
            return super().single(body)

    return replace(components, rows=Coercing(components.contract, components.settings.limits))


@defect("fuzz.rejects_bad_item_in_full_row")
def a_huge_integer_is_a_server_error(components: Components) -> Components:
    """A number of hundreds of digits overflows, and the OverflowError ends as 500."""

    class Overflowing(RowValidator):
        def explain(self, body: bytes, field: str) -> Problem:
            for digits in re.findall(rb"\d{200,}", body):
                float(int(digits))
            return super().explain(body, field)

    return replace(components, rows=Overflowing(components.contract, components.settings.limits))


# Without golden answers, which random ones miss as well; a fresh instance's first two answers differ, too.
@defect("fuzz.deterministic", also={"lifecycle.ready_truthful"}, golden=False)
def predictions_are_random(components: Components) -> Components:
    """`np.random` stands in for the model. Python ML deployment guide."""

    class Dice(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            names, shares = snapshot.metadata["classes"], [random.random() for _ in rows]
            return [Answer(names[p > 0.5], {names[0]: 1 - p, names[1]: p}) for p in shares]

    return replace(components, predictor=Dice(), readiness=_Loaded(components.serving, components.batcher))


# The answers' first 64 are asked within `answers`, so repeats show it before the canaries do.
@defect("fuzz.deterministic", also={"fuzz.canary_stable"})
def every_64th_answer_is_stale(components: Components) -> Components:
    """A buffer is used again too early: now and then somebody gets the answer before."""

    class Buffered(Presenter):
        count, before = 0, Answer("")

        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            self.count, stale, self.before = self.count + 1, self.before, answer
            return super().single(answer if self.count % 64 else stale, version, request_id)

    return replace(components, presenter=Buffered())


@defect("fuzz.batch_equals_single")
def a_batch_is_answered_in_reverse(components: Components) -> Components:
    """Every row gets another row's answer."""

    class Reversed(Presenter):
        def batch(self, answers: Sequence[Answer], version: str, request_id: str) -> dict[str, Any]:
            return super().batch(answers[::-1], version, request_id)

    return replace(components, presenter=Reversed())


@defect("fuzz.batch_equals_single")
def rows_after_the_32nd_are_wrong(components: Components) -> Components:
    """A chunk of the batch is written over by the one before."""

    class Chunked(Presenter):
        def batch(self, answers: Sequence[Answer], version: str, request_id: str) -> dict[str, Any]:
            repeated = [answers[at % 32] for at in range(len(answers))]
            return super().batch(repeated, version, request_id)

    return replace(components, presenter=Chunked())


@defect("fuzz.canary_stable")
def a_refused_request_leaves_its_state(components: Components) -> Components:
    """The request after a refused one is answered with half of the old row in it."""

    class Dirty(RowValidator):
        refused = False

        def single(self, body: bytes) -> Asked:
            dirty, self.refused = self.refused, True
            asked = super().single(body)
            self.refused = False
            return replace(asked, rows=[[0.0, *asked.rows[0][1:]]]) if dirty else asked

    return replace(components, rows=Dirty(components.contract, components.settings.limits))


class _Loaded(Readiness):
    """Ready as soon as a model is loaded, whatever it answers."""

    async def probe(self, snapshot: Snapshot) -> str | None:
        return None
