"""A service that compares columns: it refuses what is made of two valid rows, and must not be blamed for that."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from pytest_mlready.checks.fuzz import batch_equals_single
from pytest_mlready.evidence import answers, batch_sizes, scaling
from pytest_mlready.finding import Status
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import serving


@dataclass
class Comparing(Stub):
    """The outer two values of a row have the sum of the inner two, as in all samples and all rows between them."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if method == "POST" and not all(_consistent(row) for row in _rows(json.loads(body))):
            return 422, {"detail": "x0 + x3 is not x1 + x2"}
        return super().answer(method, path, body)


def _rows(asked: dict[str, list[list[float]]]) -> list[list[float]]:
    return asked["rows"] if "rows" in asked else [asked["features"]]  # type: ignore[list-item]


def _consistent(row: list[float]) -> bool:
    return abs(row[0] + row[3] - row[1] - row[2]) < 1e-6


def test_a_batch_of_mixes_holds_only_those_that_are_taken_alone() -> None:
    with serving(Comparing()) as context:
        record = answers.gather(replace(context, budget_s=20.0))
    refused = {one.rows[0] for one in record.mixed if not one.exchange.ok}
    assert refused
    assert record.mixed_batch is not None
    assert not refused & set(record.mixed_batch.rows)
    assert batch_equals_single(record).status is Status.PASS


def test_without_a_mix_that_is_taken_none_are_asked_together() -> None:
    """The first mixes, which join halves of rows, are refused; a slow service is asked for no more of them."""
    with serving(Comparing()) as context:
        record = answers.gather(replace(context, budget_s=0.0))
    assert [one.exchange.status for one in record.mixed] == [422]
    assert record.mixed_batch is None
    assert batch_equals_single(record).status is Status.PASS


def test_batches_of_all_sizes_hold_only_rows_that_are_taken_alone() -> None:
    with serving(Comparing()) as context:
        record = batch_sizes.gather(context)
    assert all(one.exchange.ok for one in record.batches)


def test_batches_are_timed_with_rows_that_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "LONG_S", 1e9)
    with serving(Comparing()) as context:
        record = scaling.gather(replace(context, budget_s=0.2))
    assert record.problem is None
    assert record.batch is not None
    assert record.batch.size == scaling.SIZES[-1]
