"""A healthy service with a column of true and false, which takes no number there, raises no alarm."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import msgspec

from pytest_mlready.checks.bad_items import canary_stable, rejects_bad_item_in_full_row
from pytest_mlready.checks.contract_inputs import reject_coercion, reject_nonfinite
from pytest_mlready.checks.fuzz import batch_equals_single
from pytest_mlready.checks.relations import batch_order_and_size
from pytest_mlready.checks.sensitivity import input_matters
from pytest_mlready.evidence import answers, bad_items, bad_requests, batch_sizes, edits
from pytest_mlready.finding import Finding, Status
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import Answered, Edits, NotStrictJSON, Row, strict_json
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import serving
from tests.unit.records_made import settings

ROWS: tuple[Row, ...] = tuple({"owns": at % 3 == 0, "age": 20 + at, "debt": at + 0.5} for at in range(20))
NAMED = JsonMapping(row_shape="object", batch_path="/predict/batch", batch_key="rows", probabilities_key=None)


@dataclass
class Typed(Stub):
    """Refuses whatever is not true or false, a whole number, and a number, in this order."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        try:
            asked = strict_json(body)
            if set(asked) != {"rows" if path.endswith("/batch") else "features"}:
                return 422, {"detail": "fields"}
            rows = [self._score(row) for row in (asked["rows"] if "rows" in asked else [asked["features"]])]
        except (NotStrictJSON, TypeError, ValueError, AttributeError, OverflowError):
            return 422, {"detail": "owns is true or false, age a whole number, debt a number"}
        return 200, {"predictions": rows} if "rows" in asked else rows[0]

    @staticmethod
    def _score(row: dict[str, object]) -> dict[str, object]:
        kinds = [type(row.get(name)) for name in ROWS[0]]
        if set(row) != set(ROWS[0]) or kinds[:2] != [bool, int] or kinds[2] not in (int, float):
            raise ValueError(json.dumps(row))
        return {"prediction": float(row["debt"]) + float(row["age"]) + (5.0 if row["owns"] else 0.0)}  # type: ignore[arg-type]


def expect(found: Finding) -> None:
    assert found.status is Status.PASS, found.summary


def test_a_strict_boolean_column_raises_no_alarm() -> None:
    with serving(Typed(), NAMED) as context:
        own = replace(context, rows=ROWS)
        asked, items, requests = answers.gather(own), bad_items.gather(own), bad_requests.gather(own)
        sizes, edited = batch_sizes.gather(own), edits.gather(own)
    stored = msgspec.json.decode(msgspec.json.encode(edited), type=Edits, strict=True)
    expect(batch_equals_single(asked))
    expect(canary_stable(items, asked))
    expect(rejects_bad_item_in_full_row(items, settings()))
    expect(reject_coercion(requests))
    expect(reject_nonfinite(requests, settings()))
    expect(batch_order_and_size(sizes))
    expect(input_matters(asked, stored, settings(relations={"active": ["owns"]})))
    made: list[Answered] = [*asked.mixed, *sizes.singles, *(one.answered for one in stored.edits)]
    assert {one.exchange.status for one in made} == {200}
