"""Services that read text: sound ones, ones that take UTF-8 for something else, and ones that long texts stop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec
import pytest

from pytest_mlready.checks.relations import encoding_invariant
from pytest_mlready.checks.scaling import time_scales_linearly
from pytest_mlready.evidence import long_texts, scaling, spellings
from pytest_mlready.evidence.text_rows import accented, in_utf8, longest, text_columns
from pytest_mlready.finding import Status
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.records import Row, Scaling, Spellings
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import serving
from tests.unit.records_made import replayed

MAPPING = JsonMapping(row_key=None, row_shape="object", batch_path="/batch")
PLAIN: tuple[Row, ...] = tuple({"text": f"a film of part {at}", "stars": at % 5} for at in range(20))
FRENCH: tuple[Row, ...] = (*PLAIN[:9], {"text": "un café", "stars": 3}, *PLAIN[10:])
SECONDS = 2e-5
"""What a character costs."""


@dataclass
class Reader(Stub):
    """Counts a text's characters, in time by its length; `reads` is how it decodes a body."""

    reads: Callable[[bytes], str] = bytes.decode
    costs: Callable[[int], float] = lambda length: 0.0
    lengths: list[int] = field(default_factory=list)
    most: int = 10**6

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        try:
            asked = json.loads(self.reads(body))
            rows = asked["instances"] if path == "/batch" else [asked]
            texts = [str(row["text"]) for row in rows]
        except (ValueError, KeyError, TypeError):
            return 400, {"detail": "JSON with a text is wanted"}
        if max(map(len, texts)) > self.most:
            return 422, {"detail": "too long"}
        self.lengths += map(len, texts)
        time.sleep(self.costs(max(map(len, texts))))
        values = [float(len(text)) for text in texts]
        return 200, {"predictions": values} if path == "/batch" else {"prediction": values[0]}


def spelled(stub: Stub, rows: tuple[Row, ...]) -> Spellings:
    with serving(stub, MAPPING) as context:
        record = spellings.gather(replace(context, rows=rows, budget_s=9.0))
    own = tuple(one for one in record.pairs if one.kind == "with its text in UTF-8")
    return msgspec.json.decode(msgspec.json.encode(Spellings(own)), type=Spellings, strict=True)


def timed(stub: Stub, openapi: OpenAPI | None = None) -> Scaling:
    with serving(stub, replace(MAPPING, batch_path=None)) as context:
        target = replace(context.target, openapi=openapi)
        record = scaling.gather(replace(context, target=target, rows=PLAIN, budget_s=2.0))
    return msgspec.json.decode(msgspec.json.encode(record), type=Scaling, strict=True)


def quadratic(length: int) -> float:
    return 5e-8 * length * length


@pytest.mark.parametrize("rows", [PLAIN, FRENCH])
def test_text_in_utf8_is_read_as_the_escaped(rows: tuple[Row, ...]) -> None:
    record = spelled(Reader(), rows)
    assert {len(one.plain.rows) for one in record.pairs} == {1, 3}
    for one in record.pairs:
        plain, utf8 = one.plain.exchange.request_body, one.spelled.exchange.request_body
        assert plain.isascii()
        assert "é".encode() in utf8
        assert json.loads(plain) == json.loads(utf8)
    assert encoding_invariant(record).status is Status.PASS


@pytest.mark.parametrize("rows", [PLAIN, FRENCH])
@pytest.mark.parametrize(
    "reads",
    [lambda body: body.decode("latin-1"), lambda body: body.decode("ascii", "ignore"), lambda body: str(body, "ascii")],
    ids=["as Latin-1", "what is ASCII of it", "only ASCII"],
)
def test_text_that_is_read_otherwise_fails(reads: Callable[[bytes], str], rows: tuple[Row, ...]) -> None:
    found = encoding_invariant(spelled(Reader(reads=reads), rows))
    assert found.status is Status.FAIL
    assert "a row written with its text in UTF-8 was answered" in found.summary
    assert [holds for holds, _ in replayed(found)] == ["same"]


def test_numbers_and_categories_are_no_text() -> None:
    assert text_columns(PLAIN) == ["text"]
    assert text_columns([{**row, "kind": "ab"[at % 2]} for at, row in enumerate(PLAIN)]) == ["text"]
    assert text_columns([{"text": "a", "stars": 1}, {"text": 3, "stars": 1}]) == []
    assert accented([{"stars": at, "kind": "ab"[at % 2]} for at in range(9)], 3) == []
    assert accented([{"text": "\ud800"}], 3) == [(0, {"text": "\ud800 é"})]
    assert accented(FRENCH, 3) == [(9, FRENCH[9])]
    assert accented(PLAIN, 3) == [(0, {"text": "a film of part 0 é", "stars": 0})]
    assert in_utf8(b'{"a":"\\u00e9\\n","b":1e-7}') == '{"a":"é\\n","b":1e-07}'.encode()


@pytest.mark.parametrize(
    "costs",
    [quadratic, lambda length: 0.002 + 5e-6 * length + quadratic(length)],
    ids=["every character with every other", "the same in a model that reads the text once more"],
)
def test_time_that_outgrows_the_text_fails(costs: Callable[[int], float]) -> None:
    found = time_scales_linearly(timed(Reader(costs=costs)))
    assert found.status is Status.FAIL
    assert "time grows with the length of text to the power of" in found.summary
    assert replayed(found)[0][0] == "linear"
    cases = replayed(found)[0][1]
    assert len(cases) == 4
    assert cases[0] == cases[2]
    assert cases[3] != cases[0]


def windows(length: int) -> float:
    """One window of 512 characters, or as many as overlap by three quarters."""
    return 0.012 * max(1, 1 + (length - 512) // 128)


@pytest.mark.parametrize(
    "costs", [lambda length: SECONDS * length, windows, lambda length: 0.03], ids=["linear", "windows", "alike"]
)
def test_time_in_proportion_passes(costs: Callable[[int], float]) -> None:
    record = timed(Reader(costs=costs))
    assert record.texts
    assert time_scales_linearly(record).status is Status.PASS


def test_a_fast_reader_is_asked_little() -> None:
    reader = Reader()
    assert timed(reader).texts == ()
    assert [length for length in reader.lengths if length > 100] == [3 * size for size in long_texts.SIZES]


def test_no_text_is_longer_than_is_taken() -> None:
    reader = Reader(costs=lambda length: 0.03, most=2000)
    assert [one.longer.size for one in timed(reader).texts] == [333]
    schema = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 2500}, "stars": {}}}
    operation = {"requestBody": {"content": {"application/json": {"schema": schema}}}, "responses": {}}
    document = OpenAPI.parse({"openapi": "3.1.0", "info": {}, "paths": {"/predict": {"post": operation}}})
    assert longest(document, replace(MAPPING, batch_path=None), ["text", "stars"]) == {"text": 2500}
    reader = Reader(costs=lambda length: 0.03)
    assert [one.longer.size for one in timed(reader, document).texts] == [333]
    assert max(reader.lengths) == 1000 - 1
