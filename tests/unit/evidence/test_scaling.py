"""Times of rows and batches from a small service: which sizes, which rows, and who becomes a suspect."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import pytest

from pytest_mlready.checks.scaling import time_scales_linearly
from pytest_mlready.evidence import scaling
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.extreme_rows import declared_bounds, in_groups, ordinary_row, singly, together
from pytest_mlready.evidence.timed_rounds import ODD
from pytest_mlready.finding import Status
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.records import Row, Scaling
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import BATCHED, ROWS, serving
from tests.unit.records_made import settings

SLOW_S = 0.4


@dataclass
class Slow(Stub):
    """A row whose second value is the largest of the samples takes long."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if path == "/predict" and json.loads(body)["features"][1] == max(float(row["x1"] or 0) for row in ROWS):
            time.sleep(SLOW_S)
        return super().answer(method, path, body)


@dataclass
class Small(Stub):
    """More than so many rows are refused, without a word in any document."""

    most: int = 120

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if path == "/predict/batch" and len(json.loads(body)["rows"]) > self.most:
            return 413, {}
        return super().answer(method, path, body)


@pytest.fixture(autouse=True)
def _no_batch_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes then depend on caps alone, not on the machine."""
    monkeypatch.setattr(scaling, "LONG_S", 1e9)


def gathered(stub: Stub, mapping: JsonMapping = BATCHED, contract: Mapping[str, int] | None = None) -> Scaling:
    with serving(stub, mapping) as context:
        record = scaling.gather(Context(context.target, settings(contract=contract or {}), ROWS, 7, 1.0))
    return msgspec.json.decode(msgspec.json.encode(record), type=Scaling, strict=True)


@pytest.mark.parametrize(
    ("stub", "contract", "size"),
    [
        (Stub(), {}, 1000),
        (Stub(), {"max_batch_rows": 1000}, 333),
        (Stub(), {"max_batch_rows": 30}, 10),
        (Small(), {}, 33),
        (Small(most=30), {}, 10),
    ],
)
def test_the_largest_size_that_is_taken(stub: Stub, contract: dict[str, int], size: int) -> None:
    batch = gathered(stub, contract=contract).batch
    assert batch is not None
    assert batch.size == size
    assert len(batch.whole) == len(batch.three) >= 3
    odd = min(batch.whole) > ODD * min(batch.three)  # on a busy machine it may seem so
    assert bool(batch.exchange.request_body) == odd


@pytest.mark.parametrize(
    ("stub", "contract", "word"),
    [(Small(most=5), {}, "a batch of 30 rows was answered 413"), (Stub(), {"max_batch_rows": 29}, "cap of 29 rows")],
)
def test_why_there_is_none(stub: Stub, contract: dict[str, int], word: str) -> None:
    record = gathered(stub, contract=contract)
    assert record.batch is None
    assert word in str(record.problem)


def test_one_row_at_a_time() -> None:
    record = gathered(Stub(), JsonMapping())
    assert (record.batch, record.problem) == (None, None)
    assert (
        record.asked == 11
    )  # ordinary, all columns at a limit, and those in a group: three of each; and blanks in two places


def test_a_slow_value_is_asked_again_and_named() -> None:
    record = gathered(Slow())
    assert record.suspects
    suspect = record.suspects[-1]
    assert "x1 at its largest" in suspect.exchange.case
    assert len(suspect.seconds) == len(suspect.between) == 3
    assert (record.batch, record.problem) == (None, scaling.SLOW_ROW)
    found = time_scales_linearly(record)
    assert found.status is Status.FAIL
    assert "x1 at its largest" in found.summary


class TestExtremeRows:
    ROWS: tuple[Row, ...] = ({"a": 1, "b": 5.0, "k": "x"}, {"a": 2, "b": 3.0, "k": "y"}, {"a": 3, "b": 1.0, "k": "x"})

    def test_an_ordinary_row_is_at_no_limit(self) -> None:
        assert ordinary_row(self.ROWS) == self.ROWS[1]

    def test_all_columns_together(self) -> None:
        assert [one.row for one in together(self.ROWS)] == [
            {"a": 1, "b": 1.0, "k": "y"},
            {"a": 3, "b": 5.0, "k": "y"},
            {"a": 0, "b": 0.0, "k": "y"},
        ]

    def test_one_column_at_a_time_within_what_is_declared(self) -> None:
        made = singly(self.ROWS, random.Random(1), {"b": (-9.0, 5.0)})
        assert {(one.row["a"], one.row["b"]) for one in made} == {
            (1, 3.0), (3, 3.0), (0, 3.0), (2, 1.0), (2, 5.0), (2, 0.0), (2, -9.0)
        }  # fmt: skip
        assert "b at its declared minimum (-9.0)" in {one.case for one in made}

    def test_groups_hold_every_single_limit_once(self) -> None:
        singles = singly(self.ROWS, random.Random(1), {"b": (-9.0, 5.0)})
        groups = in_groups(singles, ordinary_row(self.ROWS), 2)
        assert sorted(one.case for _, alone in groups for one in alone) == sorted(one.case for one in singles)
        assert {(one.kind, one.row["a"], one.row["b"]) for one, _ in groups} == {
            ("at its smallest", 1, 1.0), ("at its largest", 3, 5.0), ("at zero", 0, 0.0),
            ("at its declared minimum", 2, -9.0),
        }  # fmt: skip

    def test_no_numbers_no_rows(self) -> None:
        words: tuple[Row, ...] = ({"k": "x"}, {"k": "y"})
        assert (list(together(words)), singly(words, random.Random(1), {})) == ([], [])


@pytest.mark.parametrize(
    ("features", "mapping", "bounds"),
    [
        ({"type": "array", "items": {"minimum": -1, "maximum": 2.5}}, JsonMapping(), {"a": (-1, 2.5), "b": (-1, 2.5)}),
        ({"prefixItems": [{"minimum": 0}]}, JsonMapping(), {"a": (0, None), "b": (None, None)}),
        (
            {"properties": {"a": {"maximum": 4}, "b": {"maximum": True}}},
            JsonMapping(row_shape="object"),
            {"a": (None, 4), "b": (None, None)},
        ),
        ({"anyOf": [3]}, JsonMapping(), {"a": (None, None), "b": (None, None)}),
        (
            {"oneOf": [{"$ref": "#/components/schemas/named"}, {"items": {"$ref": "#/components/schemas/cell"}}]},
            JsonMapping(),
            {"a": (0, 9), "b": (0, 9)},
        ),
        (
            {"oneOf": [{"$ref": "#/components/schemas/named"}, {"items": {"$ref": "#/components/schemas/cell"}}]},
            JsonMapping(row_shape="object"),
            {"a": (-3, None), "b": (None, None)},
        ),
        ({"$ref": "#/components/schemas/circle"}, JsonMapping(), {"a": (None, None), "b": (None, None)}),
    ],
)
def test_bounds_that_the_document_declares(features: object, mapping: JsonMapping, bounds: object) -> None:
    content = {"application/json": {"schema": {"type": "object", "properties": {"features": features}}}}
    operation = {"requestBody": {"content": content}, "responses": {"200": {"description": "ok"}}}
    schemas = {
        "named": {"type": "object", "properties": {"a": {"minimum": -3}}},
        "cell": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 9}, {"type": "null"}]},
        "circle": {"anyOf": [{"$ref": "#/components/schemas/circle"}]},
    }
    paths, components = {"/predict": {"post": operation}}, {"schemas": schemas}
    openapi = OpenAPI.parse(
        {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths, "components": components}
    )
    assert declared_bounds(openapi, mapping, ["a", "b"]) == bounds
    assert declared_bounds(None, mapping, ["a"]) == {"a": (None, None)}
