"""Further defects by an author who had read the service and one line on what each check means, but no check's code,
none of what gathers its evidence, and none of the defects that the checks were made with.

As in `sealed`, `check` is the author's guess, and nothing here is adjusted to what a run says.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.model.batcher import Batcher
from reference_service.model.columns import Row
from reference_service.model.inputs import Asked, Features, RowValidator
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.web.presenter import JsonResponse, Presenter
from reference_service.web.problems import Fault, Problem, ProblemRenderer
from reference_service.web.request_body import BodyReader
from reference_service.web.request_ids import RequestIds
from tests.defects.planting import DECLARED
from tests.defects.sealed import sealed, with_bodies, with_rows


def with_batches(components: Components, batcher: type[Batcher]) -> Components:
    """The parts with another queue before the model."""
    return replace(components, batcher=batcher(components.predictor, components.telemetry, components.settings.limits))


# What comes in: how a body is read.


@sealed("contract.size_limit", also={"fuzz.memory_steady", "fuzz.survives_rudeness"})
def only_declared_lengths_are_limited(components: Components) -> Components:
    """A body that is sent in chunks, with no length declared, may be as large as it likes."""

    class Trusting(BodyReader):
        async def collect(self, request: Request, limit: int) -> bytes:
            declared = "content-length" in request.headers
            return await super().collect(request, limit if declared else 2**31)

    return with_bodies(components, Trusting)


@sealed("fuzz.survives_rudeness", also={"fuzz.canary_stable", "fuzz.no_server_error", "contract.size_limit"})
def broken_uploads_keep_their_place(components: Components) -> Components:
    """Twenty-four bodies may arrive at once; one that is cut off, late or too large never gives its place back."""

    class Places(BodyReader):
        async def collect(self, request: Request, limit: int) -> bytes:
            if len(taken) >= 24:
                raise Problem(503, "busy", "Too many bodies are arriving.", headers={"Retry-After": "1"})
            taken.append(request)
            content = await super().collect(request, limit)
            taken.remove(request)
            return content

    taken: list[Request] = []
    return with_bodies(components, Places)


@sealed("fuzz.survives_rudeness", also={"fuzz.concurrent_isolation", "fuzz.no_server_error"})
def bodies_arrive_one_at_a_time(components: Components) -> Components:
    """A lock is held while a body arrives, so that one slow sender keeps everybody else waiting."""

    class Queueing(BodyReader):
        async def collect(self, request: Request, limit: int) -> bytes:
            async with door:
                return await super().collect(request, limit)

    door = asyncio.Lock()
    return with_bodies(components, Queueing)


@sealed("fuzz.time_scales_linearly", also={"fuzz.no_server_error", "fuzz.encoding_invariant", "contract.size_limit"})
def blanks_at_the_end_are_cut_by_a_pattern(components: Components) -> Components:
    r"""Blanks at the end are removed by `\s+$`, which takes the square of the length of any blanks before the end."""

    class Stripped(RowValidator):
        def single(self, body: bytes) -> Asked:
            return super().single(re.sub(rb"\s+$", b"", body))

    return with_rows(components, Stripped)


@sealed("contract.reject_nonfinite", also={"fuzz.rejects_bad_item_in_full_row", "contract.reject_coercion"})
def numbers_too_large_are_saturated(components: Components) -> Components:
    """A number that no double can hold becomes the largest that is allowed instead of being refused."""

    class Saturated(RowValidator):
        def single(self, body: bytes) -> Asked:
            return super().single(re.sub(rb"(?<=[\[\s:,-])\d+(?:\.\d+)?[eE]\+?\d{3,}", b"1e12", body))

    return with_rows(components, Saturated)


@sealed(
    "fuzz.rejects_bad_item_in_full_row",
    also={"contract.reject_missing", "contract.reject_nonfinite", "contract.reject_coercion"},
)
def the_first_twenty_rows_say_what_is_nullable(components: Components) -> Components:
    """Of a batch only the first twenty rows are looked through for null; later on it is a 0."""

    class Inferred(RowValidator):
        def batch(self, body: bytes) -> Asked:
            rows = body.split(b"],")
            return super().batch(b"],".join([*rows[:20], *(row.replace(b"null", b"0.0") for row in rows[20:])]))

    return with_rows(components, Inferred)


@sealed(
    "fuzz.declared_relations",
    also={
        "fuzz.batch_equals_single",
        "fuzz.input_matters",
        "fuzz.rejects_bad_item_in_full_row",
        "fuzz.encoding_invariant",
        "fuzz.canary_stable",
        "fuzz.concurrent_isolation",
        "contract.reject_missing",
        "contract.reject_arity",
        "contract.reject_nonfinite",
        "contract.reject_malformed",
        "contract.reject_coercion",
    },
)
def a_body_is_known_by_its_first_bytes(components: Components) -> Components:
    """Parsed bodies are kept by their first hundred bytes; another that begins alike is not read any further."""

    class Known(RowValidator):
        def single(self, body: bytes) -> Asked:
            if body[:100] not in known:
                known[body[:100]] = super().single(body)
            return known[body[:100]]

    known: dict[bytes, Asked] = {}
    return with_rows(components, Known)


# What comes in: how rows are made of it.


@sealed("contract.reject_arity")
def an_index_column_is_dropped(components: Components) -> Components:
    """An array with one value too many is taken to begin with the number of its row, which is left out."""

    class Indexed(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[Any] | None:
            indexed = isinstance(features, list) and len(features) == len(self.names) + 1
            return super().row(features[1:] if indexed and isinstance(features, list) else features, path, faults)

    return with_rows(components, Indexed)


@sealed("fuzz.encoding_invariant")
def rows_by_name_keep_their_own_order(components: Components) -> Components:
    """The values of a row by name are taken in the order in which they were written."""

    class Ordered(RowValidator):
        def arranged(self, features: Mapping[str, Any], path: str, faults: list[Fault]) -> list[Any]:
            return list(features.values()) if super().arranged(features, path, faults) else []

    return with_rows(components, Ordered)


@sealed("fuzz.no_server_error")
def unknown_names_are_a_format(components: Components) -> Components:
    """Names of features that the model lacks are put into a log message before it is formatted: "%" raises."""

    class Formatting(RowValidator):
        def arranged(self, features: Mapping[str, Any], path: str, faults: list[Fault]) -> list[Any]:
            unknown = [name for name in features if name not in self.names]
            self.message = (f"%d unknown: {', '.join(unknown)}") % len(unknown)
            return super().arranged(features, path, faults)

    return with_rows(components, Formatting)


@sealed("fuzz.no_server_error")
def areas_are_compared_with_radii(components: Components) -> Components:
    """For a plausibility score the radius of each area is computed, and a negative area has no square root."""

    class Plausible(RowValidator):
        def check_values(self, values: Sequence[Any], given: Features, path: str, faults: list[Fault]) -> None:
            super().check_values(values, given, path, faults)
            pairs = zip(self.names, values, strict=True)
            self.radii = [math.sqrt(value / math.pi) for name, value in pairs if name.endswith(" area")]

    return with_rows(components, Plausible)


@sealed("fuzz.declared_relations")
def textures_are_sixteen_bit_thousandths(components: Components) -> Components:
    """The worst texture is kept in thousandths in a column of 16 bits, and begins anew from 65.536 on."""

    class Narrow(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[Any] | None:
            values = super().row(features, path, faults)
            texture = self.names.index("worst texture")
            return values and [x % 65.536 if i == texture and x > 0 else x for i, x in enumerate(values)]

    return with_rows(components, Narrow)


@sealed("fuzz.batch_equals_single", also={"fuzz.batch_order_and_size"})
def square_batches_are_transposed(components: Components) -> Components:
    """Columns are told from rows by their number: with as many rows as features, rows are taken for columns."""

    class Shaped(RowValidator):
        def batch(self, body: bytes) -> Asked:
            asked = super().batch(body)
            square = len(asked.rows) == len(self.names)
            return replace(asked, rows=[list(column) for column in zip(*asked.rows, strict=True)]) if square else asked

    return with_rows(components, Shaped)


# Between row and answer.


@sealed("fuzz.batch_order_and_size", also={"fuzz.batch_equals_single"})
def the_short_slice_comes_first(components: Components) -> Components:
    """Batches go to the model in slices of 100, the shortest first, and answers are joined in that order."""

    class Sliced(Batcher):
        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            slices = sorted((rows[i : i + 100] for i in range(0, len(rows), 100)), key=len)
            return [answer for part in slices for answer in await super(Sliced, self).submit(snapshot, part, urgent)]

    return with_batches(components, Sliced)


@sealed(
    "fuzz.concurrent_isolation",
    also={"fuzz.deterministic", "fuzz.canary_stable", "contract.golden", "fuzz.input_matters"},
)
def questions_of_a_moment_are_one(components: Components) -> Components:
    """Equal questions at the same time are asked once; but they are told apart by their number of rows only."""

    class Shared(Batcher):
        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            if urgent:
                return await super().submit(snapshot, rows, urgent)
            key = snapshot.version, len(rows)
            if key not in flights:
                flights[key] = asyncio.ensure_future(super().submit(snapshot, rows))
                flights[key].add_done_callback(lambda _: flights.pop(key))
            return await asyncio.shield(flights[key])

    flights: dict[tuple[str, int], asyncio.Future[list[Answer]]] = {}
    return with_batches(components, Shared)


@sealed(
    "fuzz.deterministic",
    also={
        "contract.golden",
        "identity.version_agrees",
        "fuzz.canary_stable",
        "fuzz.batch_equals_single",
        "fuzz.batch_order_and_size",
        "fuzz.concurrent_isolation",
        "fuzz.encoding_invariant",
        "fuzz.declared_relations",
    },
)
def each_fortieth_answer_is_the_candidates(components: Components) -> Components:
    """A share of the traffic goes to the newest version, in secret: the answer says that the old one gave it."""

    class Canary(Batcher):
        asked = 0

        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            self.asked += not urgent
            if self.asked % 40 == 0 and not urgent:
                newest = max(components.registry.versions())
                snapshot = await asyncio.to_thread(components.registry.load, newest)
            return await super().submit(snapshot, rows, urgent)

    return with_batches(components, Canary)


@sealed(
    "contract.numeric_sane",
    also={"contract.openapi", "fuzz.well_formed_answers", "fuzz.declared_relations", "fuzz.no_server_error"},
)
def the_sigmoid_overflows(components: Components) -> Components:
    """Probabilities are exp(x) / (1 + exp(x)), which is no number for scores beyond 709."""

    class Overflowing(SklearnPredictor):
        def probabilities(self, estimator: Any, matrix: NDArray[Any]) -> NDArray[np.float64]:
            with np.errstate(all="ignore"):
                odds = np.exp(estimator.decision_function(matrix))
                share = odds / (1 + odds)
            return np.column_stack([1 - share, share])

    return replace(components, predictor=Overflowing())


@sealed(
    "fuzz.canary_stable",
    also={
        "fuzz.deterministic",
        "fuzz.concurrent_isolation",
        "contract.golden",
        "fuzz.batch_equals_single",
        "fuzz.encoding_invariant",
    },
)
def refusals_open_the_circuit(components: Components) -> Components:
    """Refusals open a circuit breaker like failures: after eight of them as many single rows get a default answer."""

    class Breaker(Presenter):
        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            default = Answer("benign", {"benign": 0.63, "malignant": 0.37})
            given = default if len(failures) >= 8 else answer
            del failures[-1:]
            return super().single(given, version, request_id, variant)

    class Counting(ProblemRenderer):
        def render(self, problem: Problem, request_id: str) -> Response:
            failures.append(request_id)
            return super().render(problem, request_id)

    failures: list[str] = []
    return replace(components, presenter=Breaker(), problems=Counting())


# What goes out.


@sealed(
    "fuzz.batch_order_and_size",
    also={"contract.openapi", "fuzz.batch_equals_single", "fuzz.well_formed_answers"},
)
def a_batch_of_one_is_squeezed(components: Components) -> Components:
    """The predictions of a batch of one row are no array but the one answer itself."""

    class Squeezed(Presenter):
        def batch(self, answers: Sequence[Answer], version: str, request_id: str) -> dict[str, Any]:
            members = super().batch(answers, version, request_id)
            return {**members, "predictions": answers[0]} if len(answers) == 1 else members

    return replace(components, presenter=Squeezed())


@sealed(
    "fuzz.well_formed_answers",
    also={"contract.openapi", "fuzz.batch_order_and_size", "fuzz.batch_equals_single", "fuzz.time_scales_linearly"},
)
def large_answers_are_lines(components: Components) -> Components:
    """Answers to more than 200 rows are one JSON document a line, and still called application/json."""

    class Lines(Presenter):
        def response(self, members: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
            answers = members.get("predictions", ()) if isinstance(members, dict) else ()
            if len(answers) <= 200:
                return super().response(members, status, headers)
            return JsonResponse(b"\n".join(map(self.encode, answers)), status, headers)

    return replace(components, presenter=Lines())


@sealed("identity.version_agrees", also={"contract.openapi"})
def batches_name_a_shorter_version(components: Components) -> Components:
    """Answers of /predict/batch name the version without its last part, as 1.0."""

    class Shorter(Presenter):
        def batch(self, answers: Sequence[Answer], version: str, request_id: str) -> dict[str, Any]:
            return super().batch(answers, version.rpartition(".")[0], request_id)

    return replace(components, presenter=Shorter())


@sealed("contract.request_id", also={"fuzz.concurrent_isolation"})
def the_request_id_is_a_global(components: Components) -> Components:
    """The id in an answer's body is that of the request that came last, which need not be the one that is answered."""

    class Ids(RequestIds):
        def identify(self, headers: list[tuple[bytes, bytes]]) -> str:
            latest[:] = [super().identify(headers)]
            return latest[0]

    class Latest(Presenter):
        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            return super().single(answer, version, latest[0], variant)

    latest: list[str] = []
    return replace(components, request_ids=Ids(), presenter=Latest())


@sealed("contract.no_leak")
def an_unknown_version_is_a_path(components: Components) -> Components:
    """Who asks for a version that is not there learns where the registry lies on the server."""

    class Telling(ProblemRenderer):
        def problem_for(self, error: Exception) -> Problem:
            problem = super().problem_for(error)
            if problem.kind == "unknown-version":
                problem.detail = f"[Errno 2] No such file or directory: '{components.settings.models.resolve()}'"
            return problem

    return replace(components, problems=Telling())


@sealed("fuzz.memory_steady", also={"fuzz.canary_stable"})
def refusals_are_kept_for_inspection(components: Components) -> Components:
    """Every refusal keeps its debug buffer of a quarter of a megabyte, for ever."""

    class Keeping(ProblemRenderer):
        def render(self, problem: Problem, request_id: str) -> Response:
            buffers.append(bytearray(request_id.encode() * (2**18 // len(request_id))))
            return super().render(problem, request_id)

    buffers: list[bytearray] = []
    return replace(components, problems=Keeping())


SEALED_AGAIN: tuple[str, ...] = tuple(name for name, one in DECLARED.items() if one.plant.__module__ == __name__)
"""The names of the defects of this module."""
