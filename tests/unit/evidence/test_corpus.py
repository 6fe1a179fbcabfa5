"""The corpus of a service that breaks on some rows: what failed is asked again with fewer edits, hangs with care."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mlready.checks.memory import memory_steady
from pytest_mlready.evidence import corpus
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.generated_rows import ROWS
from pytest_mlready.finding import Status
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import Corpus, Exchange, Row
from tests.unit.records_made import exchange, settings

SAMPLES: tuple[Row, ...] = tuple({f"x{n}": at + n / 4 for n in range(16)} for at in range(20))
LAST: Row = {f"x{n}": 31.0 for n in range(16)}
Outcome = int | str
Answer = Callable[[list[float]], Outcome]


class Service:
    """Answers at once, but lets the next requests hang as well when one does: it has one worker."""

    def __init__(self, answer: Answer, blocked: int = 0) -> None:
        self.answer, self.blocked, self.left = answer, blocked, 0
        self.deadlines: list[float] = []
        self.hung: list[str] = []

    def transport(self, deadline_s: float = 10.0) -> Any:
        def request(case: str, method: str, path: str, body: bytes, *_: Any, **__: Any) -> Exchange:
            row = json.loads(body)["features"] if body.startswith(b"{") else []
            outcome = "deadline" if self.left > 0 else self.answer(row) if row else 400
            if outcome == "deadline":
                self.left = self.left - 1 if self.left > 0 else self.blocked
                self.deadlines.append(deadline_s)
                self.hung.append(case)
            status = None if isinstance(outcome, str) else outcome
            return exchange(status, {"prediction": 1}, case=case, failure=None if status else str(outcome), sent=body)

        return nullcontext(SimpleNamespace(request=request))


def gathered(service: Service, rows: tuple[Row, ...] = SAMPLES) -> Corpus:
    """What is recorded of it."""
    target: Any = SimpleNamespace(
        mapping=JsonMapping(), openapi=None, instance=None, transport=service.transport, patience=None
    )
    return corpus.gather(Context(target, settings(), rows, seed=7, budget_s=60.0))


def large(features: list[float], least: int) -> bool:
    return sum(abs(one) >= 1e6 for one in features) >= least


def test_a_healthy_service_is_asked_for_all_rows_and_for_none_again() -> None:
    found = gathered(Service(lambda features: 422 if large(features, 1) else 200))
    assert (len(found.cases), found.shrunk, found.stopped) == (ROWS, (), None)
    assert {one.row for one in found.cases} == set(range(len(SAMPLES)))


def test_a_combination_shrinks_to_its_edits_of_the_row_that_it_was_found_in() -> None:
    def answer(features: list[float]) -> Outcome:
        return 500 if features[0] == 0 and features[7] < -0.5 else 422 if large(features, 1) else 200

    found = gathered(Service(answer)).shrunk
    assert {tuple(one.edits) for one in found} == {("x0", "x7")}
    assert all(one.answered.exchange.case.startswith(f"sample row {one.row} with x0 = 0.0, x7 = ") for one in found)


def test_a_sample_that_fails_as_it_is_has_no_edits() -> None:
    found = gathered(Service(lambda features: 500 if features[14] == 31 else 200), (*SAMPLES[:2], LAST)).shrunk
    assert (found[0].row, found[0].edits, found[0].answered.exchange.case) == (2, {}, "sample row 2")


@pytest.mark.parametrize("blocked", [0, 1, 2])
def test_a_hang_shrinks_by_one_try_that_hangs(blocked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "MOST_FAILURES", 1)
    service = Service(lambda features: "deadline" if large(features, 2) else 200, blocked)
    found = gathered(service)
    assert [len(one.edits) for one in found.shrunk] == [2]
    looked = [case for case in service.hung if " with " in case]
    assert len(looked) == 2
    assert looked[1] == found.shrunk[0].answered.exchange.case


def test_where_more_edits_hang_together_they_are_looked_for_in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "MOST_FAILURES", 1)
    service = Service(lambda features: "deadline" if large(features, 4) else 200, blocked=1)
    found = gathered(service)
    assert [len(one.edits) for one in found.shrunk] == [4]
    confirmed = [at for at, one in enumerate(service.deadlines) if one == corpus.LEAST_SOON_S][-1]
    assert corpus.DEADLINE_S in service.deadlines[confirmed + 1 :]


def test_a_service_that_does_not_come_back_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "AGAIN_S", 0.0)
    service = Service(lambda features: "deadline" if large(features, 2) else 200, blocked=10**6)
    found = gathered(service)
    assert found.shrunk == found.cases[-corpus.MOST_FAILURES :]


def test_memory_is_seen_over_enough_rows_of_one_text() -> None:
    service = Service(lambda features: 200)
    instance = SimpleNamespace(rss_bytes=lambda: 10**8)
    target: Any = SimpleNamespace(
        mapping=JsonMapping(), openapi=None, instance=instance, transport=service.transport, patience=None
    )
    rows: tuple[Row, ...] = tuple({"text": f"sample {at}"} for at in range(20))
    found = memory_steady(corpus.gather(Context(target, settings(), rows, seed=7, budget_s=60.0)))
    assert found.status is Status.PASS, found.summary
