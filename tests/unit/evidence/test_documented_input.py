"""What a service documents that it takes, it may take: null in a column, and batches up to a size and no longer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pytest_mlready.checks.bad_items import rejects_bad_item_in_full_row
from pytest_mlready.checks.contract_inputs import reject_missing
from pytest_mlready.checks.fuzz import batch_equals_single
from pytest_mlready.checks.relations import batch_order_and_size
from pytest_mlready.evidence import answers, bad_items, bad_requests, batch_sizes
from pytest_mlready.evidence.context import Context
from pytest_mlready.finding import Status
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.records import NotStrictJSON, strict_json
from tests.plugin.stub_service import FEATURES, Stub, _document
from tests.unit.evidence.test_rudeness import serving
from tests.unit.records_made import settings

NUMBER_OR_NULL = {"anyOf": [{"type": "number"}, {"type": "null"}]}


@dataclass
class Strict(Stub):
    """Takes null for the third number, at most `most` rows together, and nothing that is no number at all."""

    most: int = 1000
    takes_null: bool = False

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        try:
            asked = strict_json(body) if body else None
            rows = asked.get("rows", [asked.get("features")]) if isinstance(asked, dict) else []
            if len(rows) > self.most:
                return 422, {"detail": "too many rows"}
            if self.takes_null:
                for row in rows:
                    row[2] = 0.5 if row[2] is None else row[2]
            return super().answer(method, path, json.dumps(asked).encode() if body else b"")
        except (NotStrictJSON, OverflowError, TypeError, LookupError):
            return 422, {"detail": "not what is documented"}


def documented(context: Context, columns: Sequence[object], most: int | None = None) -> Context:
    """The same, with a document that has these columns and this cap."""
    plain: dict[str, Any] = _document()
    schemas = [plain["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
               for path in ("/predict", "/predict/batch")]  # fmt: skip
    schemas[0]["properties"]["features"] = {"type": "array", "prefixItems": list(columns)}
    if most is not None:
        schemas[1]["properties"]["rows"]["maxItems"] = most
    return replace(context, target=replace(context.target, openapi=OpenAPI.parse(plain)))


@pytest.mark.parametrize(("columns", "status"), [([{}, {}, NUMBER_OR_NULL], Status.PASS), ([], Status.FAIL)])
def test_null_where_the_document_has_it_is_no_bad_item(columns: list[object], status: Status) -> None:
    with serving(Strict(takes_null=True)) as context:
        own = documented(context, columns)
        items, requests = bad_items.gather(own), bad_requests.gather(own)
    found = rejects_bad_item_in_full_row(items, settings())
    assert found.status is status, found.summary
    assert {one.feature for one in items.items if one.kind == "null"} >= {FEATURES[0]}
    assert reject_missing(requests, settings()).status is status


@pytest.mark.parametrize("capped", [16, None])
def test_a_batch_is_no_longer_than_the_service_takes(capped: int | None) -> None:
    with serving(Strict(most=16)) as context:
        own = documented(context, [], capped)
        asked, sizes = answers.gather(own), batch_sizes.gather(own)
    found = batch_equals_single(asked)
    assert found.status is Status.PASS, found.summary
    assert asked.mixed_batch is not None
    assert {len(one.rows) for one in (*asked.batches, asked.mixed_batch)} == ({1, 16} if capped else {1, 10})
    assert any(len(set(one.rows)) < len(one.rows) for one in asked.batches)
    assert batch_order_and_size(sizes).status is Status.PASS
    assert (sizes.cap, sizes.refused_at) == ((16, None) if capped else (None, 31))


def test_a_service_that_takes_no_batch_at_all_is_told_so() -> None:
    with serving(Strict(most=0)) as context:
        found = batch_equals_single(answers.gather(context))
    assert found.status is Status.FAIL
