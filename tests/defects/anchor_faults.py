"""Defects of earlier measurements of fuzzers, planted again: of what is refused, and of what an answer holds."""

from __future__ import annotations

import contextlib
import json
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.responses import Response

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.model.batcher import Batcher
from reference_service.model.identity import Identity
from reference_service.model.inputs import Asked, RowValidator
from reference_service.model.predictor import Answer
from reference_service.web.presenter import Presenter
from reference_service.web.problems import MEDIA_TYPE, Fault, Problem, ProblemRenderer
from reference_service.web.request_ids import RequestIds
from tests.defects.planting import defect


# The same values are bad items in rows of full length.
@defect("contract.reject_nonfinite", also={"fuzz.rejects_bad_item_in_full_row"})
def an_echoed_nan_is_a_server_error(components: Components) -> Components:
    """The refusal quotes the value, and NaN cannot be written as JSON. FastAPI's validation errors do this."""

    class Quoting(RowValidator):
        def explain(self, body: bytes, field: str) -> Problem:
            problem = super().explain(body, field)
            json.dumps(json.loads(body), allow_nan=False)
            return problem

    return replace(components, rows=Quoting(components.contract, components.settings.limits))


@defect("contract.reject_missing")
def an_empty_row_is_a_server_error(components: Components) -> Components:
    """The first value is looked at before anybody asks whether there is one."""

    class Looking(RowValidator):
        def check_arity(self, values: Sequence[Any], path: str, faults: list[Fault]) -> None:
            bool(values[0])
            super().check_arity(values, path, faults)

    return replace(components, rows=Looking(components.contract, components.settings.limits))


@defect("fuzz.rejects_bad_item_in_full_row", also={"contract.reject_coercion"})
def text_becomes_a_number(components: Components) -> Components:
    """A number in quotes is read as a number."""
    return _coercing(components, str)


@defect("fuzz.rejects_bad_item_in_full_row", also={"contract.reject_coercion"})
def true_becomes_one(components: Components) -> Components:
    """A boolean is a number in Python, and so for the model."""
    return _coercing(components, bool)


@defect("contract.reject_malformed")
def deep_nesting_is_a_server_error(components: Components) -> Components:
    """The body goes through a parser that calls itself for every bracket, and gives up with an exception of its own."""

    class Recursing(RowValidator):
        def single(self, body: bytes) -> Asked:
            with contextlib.suppress(ValueError):
                json.loads(body)
            return super().single(body)

    return replace(components, rows=Recursing(components.contract, components.settings.limits))


_REFUSALS = frozenset({"contract.reject_arity", "contract.reject_nonfinite", "contract.reject_malformed"})


@defect("contract.reject_missing", also={*_REFUSALS, "contract.reject_coercion", "fuzz.rejects_bad_item_in_full_row"})
def errors_are_answered_with_200(components: Components) -> Components:
    """Every refusal is a 200 whose body says that there was an error."""

    class Polite(ProblemRenderer):
        def render(self, problem: Problem, request_id: str) -> Response:
            if problem.status not in {400, 422}:
                return super().render(problem, request_id)
            return Response(msgspec.json.encode({"error": problem.detail}), 200, media_type="application/json")

    return replace(components, problems=Polite())


@defect("contract.reject_malformed")
def refusals_have_no_body(components: Components) -> Components:
    """A refusal is a status and a media type, and says nothing of what is wrong."""

    class Silent(ProblemRenderer):
        def render(self, problem: Problem, request_id: str) -> Response:
            return Response(b"", problem.status, headers=problem.headers, media_type=MEDIA_TYPE)

    return replace(components, problems=Silent())


@defect("contract.no_leak")
def a_refusal_shows_the_traceback(components: Components) -> Components:
    """The refusal comes with the stack that led to it, left in from debugging."""

    class Verbose(ProblemRenderer):
        def body(self, problem: Problem, request_id: str) -> dict[str, object]:
            stack = "".join(traceback.format_exception(problem))
            return {**super().body(problem, request_id), "debug": stack}

    return replace(components, problems=Verbose())


@defect("contract.request_id")
def a_client_writes_the_answers_headers(components: Components) -> Components:
    """The client's id is decoded and put into a header as it is: an encoded line break ends it, and begins another."""

    class Decoding(RequestIds):
        def identify(self, headers: list[tuple[bytes, bytes]]) -> str:
            sent = dict(headers).get(self.header)
            return self.issue() if sent is None else unquote_to_bytes(sent).decode("latin-1")

    return replace(components, request_ids=Decoding())


@defect("contract.openapi")
def a_time_has_no_zone(components: Components) -> Components:
    """A time is written without its zone: every client takes it for its own."""

    class Local(Identity):
        def info(self, snapshot: Snapshot) -> dict[str, Any]:
            found = super().info(snapshot)
            return {**found, "trained_at": found["trained_at"][:19]}

    return replace(components, identity=Local(components.serving, components.registry))


# The interface promises them.
@defect("fuzz.well_formed_answers", also={"contract.openapi"})
def answers_lack_their_probabilities(components: Components) -> Components:
    """A documented field is missing from the answers about one class."""

    class Sparing(Presenter):
        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            members = super().single(answer, version, request_id, variant)
            return members if answer.prediction == "benign" else {**members, "probabilities": None}

    return replace(components, presenter=Sparing())


@defect("contract.numeric_sane", also={"contract.openapi", "fuzz.well_formed_answers"}, golden=False)
def a_probability_is_above_one(components: Components) -> Components:
    """Probabilities are answered in percent."""
    return answering(components, lambda one: _shares(one, lambda share: 100 * share))


@defect("contract.numeric_sane", golden=False)
def probabilities_do_not_sum_to_one(components: Components) -> Components:
    """Each class is calibrated for itself, and nobody makes them one distribution again."""
    return answering(components, lambda one: _shares(one, lambda share: share**1.5))


@defect("fuzz.well_formed_answers", also={"contract.openapi"}, golden=False)
def certain_answers_hold_nan(components: Components) -> Components:
    """The logarithm of nothing: where the model is certain, a probability is NaN."""

    class Lenient(Presenter):
        def encode(self, members: object) -> bytes:
            plain = msgspec.to_builtins(members)
            if max(plain.get("probabilities", {}).values(), default=0) > 0.9999:
                plain = {**plain, "probabilities": dict.fromkeys(plain["probabilities"], float("nan"))}
            return json.dumps(plain).encode()

    return replace(components, presenter=Lenient())


@defect("contract.numeric_sane", also={"fuzz.well_formed_answers"}, golden=False)
def doubtful_rows_get_a_label_of_their_own(components: Components) -> Components:
    """Where the model is in doubt the answer is a label that no document names."""
    return answering(components, lambda one: replace_label(one, "unsure") if _largest(one) < 0.8 else one)


@defect("contract.numeric_sane", golden=False)
def the_label_is_not_the_likelier_class(components: Components) -> Components:
    """Where the classes are close, the label is that of the less likely one."""

    def change(one: Answer) -> Answer:
        shares = one.probabilities or {}
        return replace_label(one, min(shares, key=lambda name: shares[name])) if _largest(one) < 0.8 else one

    return answering(components, change)


def answering(components: Components, change: Callable[[Answer], Answer]) -> Components:
    """The service with every answer changed, but that to the probe of its readiness."""

    class Changing(Batcher):
        async def submit(self, snapshot: Snapshot, rows: Sequence[Sequence[Any]], urgent: bool = False) -> list[Answer]:
            answers = await super().submit(snapshot, rows, urgent)
            return answers if urgent else [change(one) for one in answers]

    return replace(components, batcher=Changing(components.predictor, components.telemetry, components.settings.limits))


def replace_label(one: Answer, label: str) -> Answer:
    """The answer with another label."""
    return msgspec.structs.replace(one, prediction=label)


def _shares(one: Answer, change: Callable[[float], float]) -> Answer:
    shares = {name: change(share) for name, share in (one.probabilities or {}).items()}
    return msgspec.structs.replace(one, probabilities=shares)


def _largest(one: Answer) -> float:
    return max((one.probabilities or {"": 1.0}).values())


def _coercing(components: Components, kind: type[str] | type[bool]) -> Components:
    class Coercing(RowValidator):
        def single(self, body: bytes) -> Asked:
            with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
                read = msgspec.json.decode(body)
                if isinstance(given := read["features"], list):
                    read["features"] = [float(one) if isinstance(one, kind) else one for one in given]
                body = msgspec.json.encode(read)
            return super().single(body)

    return replace(components, rows=Coercing(components.contract, components.settings.limits))
