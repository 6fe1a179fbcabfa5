"""Which rows are asked again: all of them, but for those that would take all the time."""

from __future__ import annotations

import pytest

from pytest_mlready.evidence import answers
from pytest_mlready.evidence.context import Context
from pytest_mlready.records import Answers
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import BATCHED, ROWS, serving
from tests.unit.evidence.test_scaling import Slow
from tests.unit.records_made import settings


def gathered(stub: Stub) -> Answers:
    with serving(stub, BATCHED) as context:
        return answers.gather(Context(context.target, settings(), ROWS, 7, 5.0))


def test_a_row_far_slower_than_the_others_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "SLOW_S", 0.2)
    record = gathered(Slow())
    slow = max(range(len(ROWS)), key=lambda at: float(ROWS[at]["x1"] or 0))
    others = set(range(len(ROWS))) - {slow}
    assert {one.rows[0] for one in record.singles} == {*others, slow}
    assert {one.rows[0] for one in record.repeats} == others
    assert {row for batch in record.batches for row in batch.rows} == others


def test_no_row_is_left_out_of_a_service_that_is_as_fast_for_all() -> None:
    record = gathered(Stub())
    assert {one.rows[0] for one in record.repeats} == set(range(len(ROWS)))
    assert set(record.batches[0].rows) == set(range(len(ROWS)))
