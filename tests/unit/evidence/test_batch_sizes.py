"""Batches of many sizes from a small service: where they end, and whose fault that is."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from pytest_mlready.checks.relations import batch_order_and_size
from pytest_mlready.evidence import batch_sizes
from pytest_mlready.finding import Status
from pytest_mlready.service.transport import MAX_BODY
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import serving


@dataclass
class Talkative(Stub):
    """Explains every prediction of a batch at length."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        status, document = super().answer(method, path, body)
        if path != "/predict/batch" or not isinstance(document, dict):
            return status, document
        told = "x" * (MAX_BODY // 900)
        return status, {"predictions": [{**one, "explanation": told} for one in document["predictions"]]}


def test_an_answer_longer_than_is_read_ends_the_sizes_and_blames_nobody() -> None:
    with serving(Talkative()) as context:
        record = batch_sizes.gather(replace(context, budget_s=20.0))
    assert [len(one.rows) for one in record.batches] == [1, 2, 4, 31, 33, 65, 129, 513]
    assert record.refused_at is None
    assert batch_order_and_size(record).status is Status.PASS


@dataclass
class Short(Stub):
    """Forgets what comes after sixty rows."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        status, document = super().answer(method, path, body)
        if path == "/predict/batch" and isinstance(document, dict):
            return status, {"predictions": document["predictions"][:60]}
        return status, document


def test_a_batch_that_is_cut_is_shown_with_sample_rows() -> None:
    with serving(Short()) as context:
        record = batch_sizes.gather(replace(context, budget_s=20.0))
    samples = [tuple(context.rows[at].values()) for at in range(len(context.rows))]
    found = batch_order_and_size(record)
    assert found.summary == "batch: a batch of 65 rows got 60 predictions"
    assert found.script is not None
    [request] = found.script.requests
    shown = json.loads(request.body)["rows"]
    assert len(shown) == 65
    assert {tuple(one) for one in shown} <= set(samples)
