"""Batches that are answered otherwise than their rows alone, asked again with fewer rows and edits."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest

from pytest_mlready.checks.fuzz import batch_equals_single
from pytest_mlready.checks.relations import batch_order_and_size
from pytest_mlready.evidence import answers, batch_sizes
from pytest_mlready.finding import Finding, Status
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import ROWS, serving


@dataclass
class Summing(Stub):
    """A model that is the sum of its features, with two routes that should agree."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if method != "POST":
            return super().answer(method, path, body)
        asked = json.loads(body)
        if path == "/predict":
            return 200, {"prediction": self.single(asked["features"])}
        return 200, {"predictions": [{"prediction": one} for one in self.batch(asked["rows"])]}

    def single(self, row: list[float]) -> float:
        return sum(row)

    def batch(self, rows: list[list[float]]) -> list[float]:
        return [sum(row) for row in rows]


@dataclass
class Cached(Summing):
    """Single rows are answered from a cache that looks at two features of four."""

    known: dict[tuple[float, ...], float] = field(default_factory=dict)

    def single(self, row: list[float]) -> float:
        return self.known.setdefault(tuple(row[:2]), sum(row))


class Clipped(Summing):
    """Batches are clipped to what the training had."""

    def batch(self, rows: list[list[float]]) -> list[float]:
        return [sum(max(-30.0, min(30.0, one)) for one in row) for row in rows]


class Winsorised(Summing):
    """Each column of a batch is bound by five times the mean of its sizes, and of a small one by nothing."""

    def batch(self, rows: list[list[float]]) -> list[float]:
        if len(rows) < 30:
            return super().batch(rows)
        bounds = [5 * sum(map(abs, column)) / len(rows) for column in zip(*rows, strict=True)]
        return [sum(max(-bound, min(bound, one)) for bound, one in zip(bounds, row, strict=True)) for row in rows]


def most_edits(found: Finding) -> int:
    """Of all rows that the replay compares, those of the batch in the first place."""
    assert found.script is not None
    compared = {at for one in found.script.expects for at in one.of}
    bodies = [json.loads(found.script.requests[at].body) for at in compared]
    rows = [row for body in bodies for row in body.get("rows", [body.get("features")])]
    samples = [list(one.values()) for one in ROWS]
    edits = [[sum(a != b for a, b in zip(row, sample, strict=True)) for sample in samples] for row in rows]
    return int(max(map(min, edits)))


@pytest.mark.parametrize("service", [Cached(), Clipped()], ids=["stale single rows", "clipped batches"])
def test_a_mixed_row_is_shown_alone_and_with_one_edit(service: Stub) -> None:
    with serving(service) as context:
        record = answers.gather(replace(context, budget_s=20.0))
    assert record.mixed_batch is not None
    assert record.mixed_batch.rows == (len(record.mixed) - 1,)
    found = batch_equals_single(record)
    assert found.status is Status.FAIL
    assert found.summary.startswith("batch: batch of one mixed row: row 0 of the batch differs from the same row alone")
    assert most_edits(found) == 1


def test_a_sound_service_is_asked_in_one_batch() -> None:
    with serving(Summing()) as context:
        record = answers.gather(replace(context, budget_s=20.0))
    assert record.mixed_batch is not None
    assert record.mixed_batch.rows == tuple(range(len(record.mixed)))
    assert batch_equals_single(record).status is Status.PASS


def test_an_outlier_that_needs_company_is_shown_among_sample_rows() -> None:
    with serving(Winsorised()) as context:
        record = batch_sizes.gather(replace(context, budget_s=20.0))
    found = batch_order_and_size(record)
    assert found.status is Status.FAIL
    assert most_edits(found) == 1
