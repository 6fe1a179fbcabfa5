"""Strategies for users: rows that stay near the samples and shrink to few edits, bodies that fit their schema."""

from __future__ import annotations

import datetime
import ipaddress
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from pytest_mlready.protocols.schemas import schema_errors
from pytest_mlready.records import Row
from pytest_mlready.settings import SettingsError
from pytest_mlready.strategies import bodies, rows

SAMPLES: tuple[Row, ...] = (
    {"age": 30, "debt": 0.5, "kind": "a", "gap": None},
    {"age": 60, "debt": 9.5, "kind": "b", "gap": 2.0},
    {"age": 45, "debt": 2, "kind": "a", "gap": 3.0},
)
FEATURES = {"type": "array", "items": {"type": "number", "minimum": -5, "exclusiveMaximum": 5}, "minItems": 12}
SCHEMAS: dict[str, dict[str, Any]] = {
    "full-length array": {
        "type": "object",
        "properties": {"features": {**FEATURES, "maxItems": 12}, "user": {"type": "string", "minLength": 2}},
        "required": ["features"],
        "additionalProperties": False,
    },
    "choice": {"oneOf": [{"type": "array", "items": {"type": "integer", "multipleOf": 3}}, {"const": "x"}]},
    "references": {
        "$ref": "#/$defs/row",
        "$defs": {
            "row": {"allOf": [{"$ref": "#/$defs/named"}, {"properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}]},
            "named": {"type": "object", "properties": {"name": {"type": "string", "pattern": "^[a-c]{2}$"}}},
        },
    },
    "nullable": {"type": ["null", "integer"], "minimum": 3, "maximum": 4},
    "tuple": {"prefixItems": [{"type": "boolean"}, {"type": "number", "minimum": 0}], "items": {"type": "null"}},
    "unique": {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3},
    "exclusive": {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 3},
    "further": {"type": "object", "additionalProperties": {"type": "number"}, "minProperties": 3},
    "named and further": {
        "type": "object",
        "properties": {"a": {"const": 1}},
        "required": ["a"],
        "additionalProperties": {"type": "integer"},
        "minProperties": 2,
    },
    "counted": {"type": "object", "minProperties": 2},
    "large": {"type": "integer", "minimum": 10**20},
    "far below": {"type": "number", "maximum": -5e12},
    "large multiples": {"type": "integer", "exclusiveMinimum": 10**20, "multipleOf": 7},
    "anything": {},
    "recursive": {"type": "object", "properties": {"next": {"$ref": "#"}, "v": {"type": "integer"}}, "required": ["v"]},
}
QUICK = settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(row=rows(SAMPLES))
def test_a_row_stays_within_what_the_samples_span(row: dict[str, Any]) -> None:
    assert list(row) == list(SAMPLES[0])
    assert isinstance(row["age"], int)
    assert 30 <= row["age"] <= 60
    assert 0.5 <= row["debt"] <= 9.5
    assert row["kind"] in {"a", "b"}
    assert row["gap"] is None or 2.0 <= row["gap"] <= 3.0


@QUICK
@given(row=rows([{"owns": True, "debt": 0.5}, {"owns": False, "debt": 2.5}, {"owns": None, "debt": 1.0}]))
def test_true_and_false_stay_what_they_are(row: dict[str, Any]) -> None:
    assert row["owns"] is None or isinstance(row["owns"], bool)


@QUICK
@given(row=rows(SAMPLES, most_edits=1))
def test_as_many_edits_as_asked_for(row: dict[str, Any]) -> None:
    assert min(sum(row[name] != sample[name] for name in row) for sample in SAMPLES) <= 1


def test_what_fails_shrinks_to_one_edit_of_the_first_row() -> None:
    exhaustive = settings(max_examples=5000, database=None, phases=[Phase.generate, Phase.shrink])
    found = find(rows(SAMPLES), lambda row: 50 < row["age"] < 56, settings=exhaustive)
    assert found == {**SAMPLES[0], "age": 51}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_bodies_fit_their_schema(schema: dict[str, Any]) -> None:
    seen: list[Any] = []

    @QUICK
    @given(body=bodies(schema))
    def look(body: Any) -> None:
        seen.append(body)
        assert schema_errors(schema, body) == []

    look()
    assert seen


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        ("uuid", uuid.UUID),
        ("date", datetime.date.fromisoformat),
        ("date-time", datetime.datetime.fromisoformat),
        ("ipv4", ipaddress.IPv4Address),
        ("ipv6", ipaddress.IPv6Address),
        ("email", lambda text: text.rindex("@")),
    ],
)
def test_texts_have_the_format_that_is_asked_for(kind: str, read: Callable[[str], object]) -> None:
    @QUICK
    @given(text=bodies({"type": "string", "format": kind}))
    def look(text: str) -> None:
        read(text)
        assert kind != "date-time" or text.endswith("+00:00")

    look()


def test_bodies_of_a_published_document() -> None:
    reference = "#/components/schemas/S"
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/score": {"post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": reference}}}}}},
        },
        "components": {"schemas": {"S": {"type": "integer", "minimum": 7, "maximum": 7}}},
    }
    assert find(bodies(document, "/score"), lambda body: True) == 7
    with pytest.raises(ValueError, match="no JSON request body for POST /predict"):
        bodies(document)


def test_a_reference_that_leads_nowhere_is_told() -> None:
    with pytest.raises(ValueError, match="#/absent"):
        bodies({"$ref": "#/absent"})


def test_rows_without_samples_are_those_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"reads mlready\.toml"):
        rows()
    (tmp_path / "mlready.toml").write_text('[service]\nurl = "http://127.0.0.1:1"\n')
    with pytest.raises(SettingsError, match=r"rows = "):
        rows()
    (tmp_path / "mlready.toml").write_text('inputs.rows = "r.csv"\ninputs.label = "y"\n[service]\nurl = "http://x"\n')
    (tmp_path / "r.csv").write_text("a,y\n" + "4,1\n" * 20)
    assert find(rows(), lambda row: True) == {"a": 4}
    with pytest.raises(ValueError, match="at least one"):
        rows([])


def test_a_strategy_can_be_part_of_another() -> None:
    assert find(st.lists(rows(SAMPLES), min_size=2), lambda many: True) == [dict(SAMPLES[0])] * 2
