"""Defects of inputs and answers by an author who had read the service and the catalogue's one line on each check of
`contract` and `fuzz` with its example of a defect, but no check's code and none of what gathers its evidence.

How many of these the checks find says more than that they find what they were made for. So `check` is the author's
guess, and nothing here is adjusted to what a run says.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import struct
import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.model.answer_cache import AnswerCache
from reference_service.model.batcher import Batcher
from reference_service.model.columns import Row
from reference_service.model.inputs import Asked, Features, RowValidator
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.web.envelope import Envelope
from reference_service.web.presenter import Presenter
from reference_service.web.problems import Fault, Problem, ProblemRenderer
from reference_service.web.request_body import JSON_TYPE, BodyReader
from tests.defects.planting import DECLARED, defect

sealed = partial(defect, sealed=True)
clock = time.time


def with_rows(components: Components, validator: type[RowValidator]) -> Components:
    """The parts with another validator of rows."""
    return replace(components, rows=validator(components.contract, components.settings.limits))


def with_bodies(components: Components, reader: type[BodyReader]) -> Components:
    """The parts with another reader of bodies."""
    return replace(components, bodies=reader(components.settings.limits.body_seconds))


# What comes in: how a body is read.


@sealed("contract.reject_coercion", also={"fuzz.rejects_bad_item_in_full_row"})
def decimal_commas_of_a_form_are_numbers(components: Components) -> Components:
    """Text such as "1,5" or "1.5" is taken for a number, though "abc" and "5" are refused."""

    class Local(RowValidator):
        def single(self, body: bytes) -> Asked:
            return super().single(re.sub(rb'"(-?\d+)[,.](\d+)"', rb"\1.\2", body))

    return with_rows(components, Local)


@sealed("contract.reject_malformed")
def whatever_follows_the_document_is_ignored(components: Components) -> Components:
    """A batch is read up to where its JSON ends; garbage or a second document after it goes unseen."""

    class Lenient(RowValidator):
        def batch(self, body: bytes) -> Asked:
            try:
                end = json.JSONDecoder().raw_decode(body.decode().lstrip())[1]
            except ValueError:
                return super().batch(body)
            return super().batch(body.decode().lstrip()[:end].encode())

    return with_rows(components, Lenient)


@sealed("contract.reject_malformed", also={"fuzz.encoding_invariant"})
def bytes_that_are_not_utf8_are_dropped(components: Components) -> Components:
    """A body that is not UTF-8 is repaired instead of refused, so that names lose letters."""

    class Repaired(RowValidator):
        def single(self, body: bytes) -> Asked:
            return super().single(body.decode("utf-8", "ignore").encode())

    return with_rows(components, Repaired)


@sealed("fuzz.encoding_invariant")
def the_last_of_two_batches_wins(components: Components) -> Components:
    """A batch passes through a parser that keeps the last of two equal keys, before anyone looks for them."""

    class Parsed(RowValidator):
        def batch(self, body: bytes) -> Asked:
            try:
                return super().batch(json.dumps(json.loads(body), allow_nan=True).encode())
            except ValueError:
                return super().batch(body)

    return with_rows(components, Parsed)


@sealed("fuzz.encoding_invariant")
def a_batch_is_its_first_line(components: Components) -> Components:
    """Read as one document a line: a batch that is written over several lines is refused."""

    class Lines(RowValidator):
        def batch(self, body: bytes) -> Asked:
            return super().batch(body.lstrip().partition(b"\n")[0])

    return with_rows(components, Lines)


@sealed("fuzz.encoding_invariant")
def capital_exponents_are_malformed(components: Components) -> Components:
    """A home-made check of number syntax knows 1e-05 but not 1E-05, which other languages write."""

    class Homemade(RowValidator):
        def single(self, body: bytes) -> Asked:
            if re.search(rb"\dE[+-]?\d", body):
                raise Problem(400, "malformed-json", "The body is not JSON.", [Fault("$", "is not JSON")])
            return super().single(body)

    return with_rows(components, Homemade)


@sealed("fuzz.encoding_invariant", also={"fuzz.batch_equals_single", "fuzz.concurrent_isolation"})
def decimals_are_cut_after_the_seventh(components: Components) -> Components:
    """Numbers of a single row pass through a NUMERIC(18,7): what is written with more digits is cut off."""

    class Numeric(RowValidator):
        def single(self, body: bytes) -> Asked:
            return super().single(re.sub(rb"(?<=\.\d{7})\d+", b"", body))

    return with_rows(components, Numeric)


@sealed("fuzz.encoding_invariant", also={"fuzz.batch_equals_single"})
def integers_wrap_at_32_bits(components: Components) -> Components:
    """A number written without a point becomes a 32-bit integer, and a large one wraps around."""

    class Wrapping(RowValidator):
        def single(self, body: bytes) -> Asked:
            return super().single(re.sub(rb"(?<![\w.+-])\d{10,18}(?![\w.])", self.wrapped, body))

        def wrapped(self, digits: re.Match[bytes]) -> bytes:
            return b"%d" % ((int(digits[0]) + 2**31) % 2**32 - 2**31)

    return with_rows(components, Wrapping)


@sealed("fuzz.no_server_error")
def a_broken_gzip_body_is_our_fault(components: Components) -> Components:
    """Compressed bodies are welcome, but one that is cut short or no gzip at all raises where nobody catches it."""

    class Unpacking(BodyReader):
        async def read(
            self, request: Request, limit: int, required: bool = True, types: Sequence[str] = (JSON_TYPE,)
        ) -> bytes:
            packed = request.headers.get("content-encoding") == "gzip"
            kept = [pair for pair in request.scope["headers"] if pair[0] != b"content-encoding"]
            request.scope["headers"] = kept if packed else request.scope["headers"]
            content = await super().read(request, limit, required, types)
            return gzip.decompress(content) if packed else content

    return with_bodies(components, Unpacking)


@sealed("fuzz.encoding_invariant")
def only_the_first_chunk_is_read(components: Components) -> Components:
    """A body without a declared length ends with its first chunk."""

    class Impatient(BodyReader):
        async def collect(self, request: Request, limit: int) -> bytes:
            if "content-length" in request.headers:
                return await super().collect(request, limit)
            content: bytes = (await request.receive()).get("body", b"")
            return content

    return with_bodies(components, Impatient)


@sealed("fuzz.input_matters", also={"contract.golden", "fuzz.deterministic", "fuzz.concurrent_isolation"})
def a_connection_remembers_its_body(components: Components) -> Components:
    """On a kept connection a body as long as the one before is taken for its repetition and not read again."""

    class Remembering(BodyReader):
        async def collect(self, request: Request, limit: int) -> bytes:
            content = await super().collect(request, limit)
            before = seen.get(request.scope["client"], b"")
            seen[request.scope["client"]] = before if len(before) == len(content) else content
            return seen[request.scope["client"]]

    seen: dict[object, bytes] = {}
    return with_bodies(components, Remembering)


# What comes in: how rows are made of it.


@sealed("contract.reject_missing")
def standard_errors_are_zero_unless_given(components: Components) -> Components:
    """Ten of the thirty features default to 0 when a row by name lacks them."""

    class Defaults(RowValidator):
        def arranged(self, features: Mapping[str, Any], path: str, faults: list[Fault]) -> list[Any]:
            optional = {name: 0.0 for name in self.names if name.endswith(" error")}
            return super().arranged({**optional, **features}, path, faults)

    return with_rows(components, Defaults)


@sealed("contract.reject_missing", also={"fuzz.canary_stable"})
def missing_names_keep_the_last_value(components: Components) -> Components:
    """Rows by name fill one shared record, so that a missing name has the value of an earlier request."""

    class Record(RowValidator):
        def arranged(self, features: Mapping[str, Any], path: str, faults: list[Fault]) -> list[Any]:
            record.update({name: value for name, value in features.items() if name in self.names})
            return super().arranged({**record, **features}, path, faults)

    record: dict[str, Any] = {}
    return with_rows(components, Record)


@sealed("contract.reject_coercion", also={"fuzz.encoding_invariant"})
def look_alike_names_are_folded(components: Components) -> Components:
    """Names are folded by case and Unicode form, so that two different keys set one feature and the last wins."""

    class Folding(RowValidator):
        def arranged(self, features: Mapping[str, Any], path: str, faults: list[Fault]) -> list[Any]:
            folded = {unicodedata.normalize("NFKC", name).casefold(): value for name, value in features.items()}
            return super().arranged(folded, path, faults)

    return with_rows(components, Folding)


@sealed("fuzz.encoding_invariant", also={"contract.golden"})
def column_names_are_cut_at_ten_letters(components: Components) -> Components:
    """In a row by name "mean concavity" and "mean concave points" are one column, as in old databases."""

    class Short(RowValidator):
        def arranged(self, features: Mapping[str, Any], path: str, faults: list[Fault]) -> list[Any]:
            values = super().arranged(features, path, faults)
            short = {name[:10]: value for name, value in zip(self.names, values, strict=False)}
            return [short[name[:10]] for name in self.names] if values else values

    return with_rows(components, Short)


@sealed("fuzz.encoding_invariant")
def rows_by_name_are_single_precision(components: Components) -> Components:
    """Rows by name pass through a data frame of float32, rows by place do not."""

    class Narrow(RowValidator):
        def arranged(self, features: Mapping[str, Any], path: str, faults: list[Fault]) -> list[Any]:
            return [float(np.float32(value)) for value in super().arranged(features, path, faults)]

    return with_rows(components, Narrow)


@sealed("fuzz.encoding_invariant")
def negative_zero_is_a_negative_size(components: Components) -> Components:
    """Sizes cannot be negative, but the sign is looked at instead of the number: -0.0 is refused."""

    class Signed(RowValidator):
        def check_values(self, values: Sequence[Any], given: Features, path: str, faults: list[Fault]) -> None:
            super().check_values(values, given, path, faults)
            if any(value == 0 and math.copysign(1, value) < 0 for value in values):
                faults.append(Fault(path, "must not be negative"))

    return with_rows(components, Signed)


@sealed("fuzz.no_server_error")
def tiny_numbers_have_no_logarithm(components: Components) -> Components:
    """The order of magnitude of every value but 0 is logged; the square of a tiny one underflows to 0 and raises."""

    class Logged(RowValidator):
        def check_values(self, values: Sequence[Any], given: Features, path: str, faults: list[Fault]) -> None:
            super().check_values(values, given, path, faults)
            self.magnitudes = [math.log10(value * value) / 2 for value in values if value != 0]

    return with_rows(components, Logged)


@sealed("fuzz.no_server_error", also={"fuzz.batch_equals_single"})
def fingerprints_do_not_fit_large_numbers(components: Components) -> Components:
    """Rows of a batch are fingerprinted as 32-bit integers, which raises from 2147483648 on."""

    class Fingerprints(RowValidator):
        def batch(self, body: bytes) -> Asked:
            asked = super().batch(body)
            self.fingerprints = {struct.pack(f"<{len(row)}i", *map(int, row)) for row in asked.rows}
            return asked

    return with_rows(components, Fingerprints)


@sealed("fuzz.no_server_error")
def constant_rows_divide_by_zero(components: Components) -> Components:
    """A score of data quality divides by the spread of a row, which is 0 if all its values are equal."""

    class Scored(RowValidator):
        def check_values(self, values: Sequence[Any], given: Features, path: str, faults: list[Fault]) -> None:
            super().check_values(values, given, path, faults)
            self.quality = [(value - min(values)) / (max(values) - min(values)) for value in values]

    return with_rows(components, Scored)


@sealed("fuzz.batch_equals_single")
def single_rows_are_clipped_to_the_training_range(components: Components) -> Components:
    """A value beyond what training saw is clipped, in /predict but not in /predict/batch."""

    class Clipped(RowValidator):
        def single(self, body: bytes) -> Asked:
            asked = super().single(body)
            ranges = [feature["range"] for feature in components.contract.features]
            pairs = zip(asked.rows[0], ranges, strict=True)
            return replace(asked, rows=[[min(max(x, r["minimum"]), r["maximum"]) for x, r in pairs]])

    return with_rows(components, Clipped)


@sealed("fuzz.declared_relations", also={"contract.golden"})
def large_areas_are_converted_once_more(components: Components) -> Components:
    """An area beyond 2500 is taken for the other unit and divided by 100, which some tumours really have."""

    class Converting(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[Any] | None:
            values = super().row(features, path, faults)
            areas = {i for i, name in enumerate(self.names) if name.endswith(" area")}
            return values and [x / 100 if i in areas and x > 2500 else x for i, x in enumerate(values)]

    return with_rows(components, Converting)


@sealed("fuzz.batch_equals_single")
def bad_rows_of_a_batch_vanish(components: Components) -> Components:
    """A row of a batch with too few, too many or too large values is left out, and later answers move up."""

    class Skipping(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[Any] | None:
            own: list[Fault] = []
            values = super().row(features, path, own)
            faults.extend([] if path.startswith("$.instances") and path != "$.instances[0]" else own)
            return values

    return with_rows(components, Skipping)


@sealed("fuzz.batch_order_and_size", also={"fuzz.batch_equals_single"})
def outliers_are_winsorised_within_the_batch(components: Components) -> Components:
    """From 100 rows on, what lies 4 standard deviations from the mean of its batch is pulled in."""

    class Winsorised(RowValidator):
        def batch(self, body: bytes) -> Asked:
            asked = super().batch(body)
            matrix = np.array(asked.rows)
            mean, spread = matrix.mean(axis=0), matrix.std(axis=0)
            pulled = np.clip(matrix, mean - 4 * spread, mean + 4 * spread)
            return asked if len(matrix) < 100 else replace(asked, rows=pulled.tolist())

    return with_rows(components, Winsorised)


@sealed("fuzz.concurrent_isolation")
def one_row_is_reused_for_all(components: Components) -> Components:
    """To spare allocations every single row is written into one list, even while the last still waits for the model."""

    class Reused(RowValidator):
        def single(self, body: bytes) -> Asked:
            asked = super().single(body)
            shared[:] = asked.rows[0]
            return replace(asked, rows=[shared])

    shared: list[Any] = []
    return with_rows(components, Reused)


@sealed("fuzz.canary_stable")
def faults_stay_for_the_next_request(components: Components) -> Components:
    """A mutable default argument keeps the reasons to refuse a row, and the next good row is refused for them."""

    class Leftover(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault], own: list[Fault] = []) -> list[Any] | None:  # noqa: B006
            values = super().row(features, path, own)
            faults.extend(own)
            if values is not None:
                own.clear()
            return values

    return with_rows(components, Leftover)


@sealed("fuzz.time_scales_linearly")
def near_duplicates_are_looked_for_in_pairs(components: Components) -> Components:
    """Every row of a batch is compared with every row before it, in Python."""

    class Paired(RowValidator):
        def batch(self, body: bytes) -> Asked:
            asked = super().batch(body)
            for i, row in enumerate(asked.rows):
                self.near = sum(all(map(math.isclose, row, other)) for other in asked.rows[:i])
            return asked

    return with_rows(components, Paired)


@sealed("fuzz.no_server_error", also={"fuzz.time_scales_linearly"})
def a_user_id_backtracks(components: Components) -> Components:
    """The pattern of user ids takes twice as long for each further letter before a character it does not know."""

    class Pattern(RowValidator):
        def user_id(self, value: object, faults: list[Fault]) -> str | None:
            if isinstance(value, str) and not re.match(r"(\w+[.-]?)+$", value[:28]):
                self.unusual = value
            return super().user_id(value, faults)

    return with_rows(components, Pattern)


# Between row and answer.


@sealed("fuzz.batch_order_and_size", also={"fuzz.batch_equals_single"})
def sorted_batches_are_put_back_wrongly(components: Components) -> Components:
    """Batches beyond 40 rows are asked in sorted order and put back by that order instead of by its inverse."""

    class Sorting(Batcher):
        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            order = np.argsort([str(row[0]) for row in rows], kind="stable") if len(rows) > 40 else range(len(rows))
            answers = await super().submit(snapshot, [rows[i] for i in order], urgent)
            return [answers[i] for i in order]

    return replace(components, batcher=Sorting(components.predictor, components.telemetry, components.settings.limits))


@sealed("fuzz.batch_equals_single", also={"fuzz.batch_order_and_size"})
def rows_that_round_alike_are_one(components: Components) -> Components:
    """Rows of one model call are told apart by three significant digits; those that agree share an answer."""

    class Distinct(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            keys = [tuple(f"{cell:.3g}" for cell in row) for row in rows]
            distinct = dict(zip(reversed(keys), reversed(rows), strict=True))
            answers = dict(zip(distinct, super().predict(snapshot, list(distinct.values())), strict=True))
            return [answers[key] for key in keys]

    return replace(components, predictor=Distinct())


@sealed("fuzz.batch_order_and_size", also={"fuzz.batch_equals_single"})
def the_second_chunk_starts_one_late(components: Components) -> Components:
    """Batches beyond 768 rows go in two chunks that overlap by a row, and the surplus is cut off at the end."""

    class Chunked(Batcher):
        async def submit(self, snapshot: Snapshot, rows: Sequence[Row], urgent: bool = False) -> list[Answer]:
            if len(rows) <= 768:
                return await super().submit(snapshot, rows, urgent)
            first, second = rows[:768], rows[767:]
            answers = await super().submit(snapshot, first) + await super().submit(snapshot, second)
            return answers[: len(rows)]

    return replace(components, batcher=Chunked(components.predictor, components.telemetry, components.settings.limits))


@sealed("contract.cache_truth", arguments=("--cache-seconds", "30"))
def the_cache_compares_hashes(components: Components) -> Components:
    """Answers are kept by Python's hash of the row, and hash(-1.0) is hash(-2.0)."""

    class Hashed(AnswerCache):
        def key(self, version: str, row: Row) -> bytes:
            return b"%s:%d" % (version.encode(), hash(tuple(row)))

    return replace(components, cache=Hashed(30.0))


@sealed("contract.cache_truth", also={"fuzz.batch_equals_single"}, arguments=("--cache-seconds", "30"))
def the_cache_sees_six_digits(components: Components) -> Components:
    """Answers are kept by the row as text of six significant digits each."""

    class Text(AnswerCache):
        def key(self, version: str, row: Row) -> bytes:
            return ",".join([version, *(f"{cell:g}" for cell in row)]).encode()

    return replace(components, cache=Text(30.0))


# What goes out.


@sealed("contract.numeric_sane", also={"contract.golden", "fuzz.batch_equals_single", "fuzz.concurrent_isolation"})
def percentages_are_cut_off(components: Components) -> Components:
    """Probabilities of /predict are cut to whole per cent, so that they sum to 0.99."""

    class Cut(Presenter):
        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            shares = {label: math.floor(share * 100) / 100 for label, share in (answer.probabilities or {}).items()}
            return super().single(Answer(answer.prediction, shares), version, request_id, variant)

    return replace(components, presenter=Cut())


@sealed("fuzz.batch_equals_single", also={"contract.golden", "fuzz.batch_order_and_size", "fuzz.concurrent_isolation"})
def batches_have_six_decimals(components: Components) -> Components:
    """Answers of /predict/batch are rounded to six decimals, those of /predict are not."""

    class Rounded(Presenter):
        def batch(self, answers: Sequence[Answer], version: str, request_id: str) -> dict[str, Any]:
            shares = [{label: round(share, 6) for label, share in (one.probabilities or {}).items()} for one in answers]
            rounded = [Answer(one.prediction, share) for one, share in zip(answers, shares, strict=True)]
            return super().batch(rounded, version, request_id)

    return replace(components, presenter=Rounded())


@sealed("contract.numeric_sane", also={"contract.golden"})
def exponents_are_lost(components: Components) -> Components:
    """Very small probabilities, which are written with an exponent, lose it."""

    class Positional(Presenter):
        def encode(self, members: object) -> bytes:
            return re.sub(rb"(\d\.\d{2,})e-\d+(?=[,}])", rb"\1", super().encode(members))

    return replace(components, presenter=Positional())


@sealed("contract.golden", also={"contract.numeric_sane"})
def the_threshold_is_not_one_half(components: Components) -> Components:
    """The second class is named from 0.45 on, though the first is more probable."""

    class Cautious(Presenter):
        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            label, share = list((answer.probabilities or {}).items())[-1]
            cautious = Answer(label if share > 0.45 else answer.prediction, answer.probabilities)
            return super().single(cautious, version, request_id, variant)

    return replace(components, presenter=Cautious())


@sealed("fuzz.deterministic", also={"fuzz.canary_stable", "fuzz.batch_equals_single"})
def labels_do_not_flap(components: Components) -> Components:
    """Between 0.4 and 0.6 the class of the previous answer is kept, as a thermostat would; requests share it."""

    class Hysteresis(Presenter):
        last: str | float | None = None

        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            unsure = self.last is not None and max((answer.probabilities or {"": 1.0}).values()) < 0.6
            self.last = self.last if unsure and self.last is not None else answer.prediction
            return super().single(Answer(self.last, answer.probabilities), version, request_id, variant)

    return replace(components, presenter=Hysteresis())


@sealed("fuzz.batch_order_and_size", also={"fuzz.batch_equals_single"})
def odd_batches_repeat_an_answer(components: Components) -> Components:
    """Answers are written in pairs; the last of an odd batch of more than one is its neighbour's."""

    class Pairs(Presenter):
        def batch(self, answers: Sequence[Answer], version: str, request_id: str) -> dict[str, Any]:
            odd = len(answers) > 1 and len(answers) % 2 == 1
            paired = [*answers[:-1], answers[-2]] if odd else answers
            return super().batch(paired, version, request_id)

    return replace(components, presenter=Pairs())


@sealed("fuzz.deterministic")
def answers_are_coarse_as_the_minute_turns(components: Components) -> Components:
    """In the first second of each minute, while a job reloads the scale, probabilities have three decimals."""

    class Reloading(Presenter):
        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            digits = 3 if clock() % 60 < 1 else 17
            shares = {label: round(share, digits) for label, share in (answer.probabilities or {}).items()}
            return super().single(Answer(answer.prediction, shares), version, request_id, variant)

    return replace(components, presenter=Reloading())


@sealed("fuzz.deterministic", also={"contract.golden", "fuzz.canary_stable"}, arguments=("--workers", "2"))
def one_worker_answers_in_single_precision(components: Components) -> Components:
    """The worker that answers first is the leader; the others write probabilities as float32."""

    class Follower(Presenter):
        leads: bool | None = None

        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            if self.leads is None:
                marker = components.settings.state_directory / "leader"
                self.leads = not marker.exists()
                marker.touch()
            shares = {label: float(np.float32(share)) for label, share in (answer.probabilities or {}).items()}
            narrow = Answer(answer.prediction, shares)
            return super().single(answer if self.leads else narrow, version, request_id, variant)

    return replace(components, presenter=Follower())


@sealed("fuzz.no_server_error")
def certainty_has_no_entropy(components: Components) -> Components:
    """The entropy of each answer is computed for a chart; a probability of exactly 0 raises."""

    class Charted(Presenter):
        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            self.entropy = -sum(share * math.log(share) for share in (answer.probabilities or {}).values())
            return super().single(answer, version, request_id, variant)

    return replace(components, presenter=Charted())


@sealed("fuzz.well_formed_answers")
def batches_are_declared_latin_1(components: Components) -> Components:
    """Answers of /predict/batch say that they are Latin-1, which JSON never is."""

    class Western(Presenter):
        def response(self, members: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
            response = super().response(members, status, headers)
            if isinstance(members, dict) and "predictions" in members:
                response.headers["content-type"] = "application/json; charset=iso-8859-1"
            return response

    return replace(components, presenter=Western())


@sealed("contract.no_leak")
def the_parser_tells_what_it_thought(components: Components) -> Components:
    """The detail of a 400 is the parser's own exception as text."""

    class Talking(ProblemRenderer):
        def problem_for(self, error: Exception) -> Problem:
            problem = super().problem_for(error)
            if problem.status == 400 and error.__context__ is not None:
                problem.detail = repr(error.__context__)
            return problem

    return replace(components, problems=Talking())


@sealed("fuzz.well_formed_answers")
def germans_get_decimal_commas(components: Components) -> Components:
    """Who prefers German by Accept-Language gets numbers with a decimal comma, which is no JSON."""

    class Local(Envelope):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def localised(message: Message) -> None:
                if german and message["type"] == "http.response.body":
                    message["body"] = re.sub(rb"(:\d+)\.(?=\d)", rb"\1,", message["body"])
                await send(message)

            german = dict(scope.get("headers", ())).get(b"accept-language", b"").startswith(b"de")
            await super().__call__(scope, receive, localised)

    return replace(components, envelope=Local)


@sealed("contract.request_id", also={"fuzz.deterministic"})
def a_request_id_repeats_its_answer(components: Components) -> Components:
    """An id that came before is taken for a retry and gets the earlier answer, whatever is asked now."""

    class Retries(Envelope):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def keep(message: Message) -> None:
                seen.setdefault(asked, []).append(message)
                await send(message)

            asked = dict(scope.get("headers", ())).get(b"x-request-id"), scope.get("path")
            for message in seen.get(asked, ()):
                await send(message)
            if asked not in seen:
                await super().__call__(scope, receive, keep if asked[0] else send)

    seen: dict[object, list[Message]] = {}
    return replace(components, envelope=Retries)


SEALED: tuple[str, ...] = tuple(name for name, one in DECLARED.items() if one.plant.__module__ == __name__)
"""The names of the defects of this module."""
