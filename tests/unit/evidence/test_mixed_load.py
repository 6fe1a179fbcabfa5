"""What is sent to a small service: how large its batches are, how often they come, and in which blocks."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pytest_mlready.evidence import mixed_load
from pytest_mlready.openloop.plan import Plan
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import Generator, LoadRun, MixedLoad
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import BATCHED, serving
from tests.unit.records_made import settings

QUIET = Generator(0.0, 0.0, 0.0, cpu_s=0.0, wall_s=26.0, connections=6, processes=1)


@dataclass
class Small(Stub):
    """More than so many rows are refused; each row of a batch takes so long."""

    most: int = 2_000
    row_s: float = 0.0

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if path == "/predict/batch":
            rows = len(json.loads(body)["rows"])
            time.sleep(self.row_s * rows)
            if rows > self.most:
                return 413, {}
        return super().answer(method, path, body)


@dataclass
class Below(Small):
    """Its routes lie below /models/a."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        below = path.startswith("/models/a/")
        return super().answer(method, path.removeprefix("/models/a"), body) if below else (404, {})


def gathered(
    monkeypatch: pytest.MonkeyPatch,
    stub: Stub,
    contract: Mapping[str, int] | None = None,
    mapping: JsonMapping = BATCHED,
    p99_ms: float = 250,
    prefix: str = "",
) -> tuple[MixedLoad, Plan | None]:
    """The record, and the plan that would have been driven."""
    plans: list[Plan] = []

    def driven(plan: Plan, *_: Any) -> LoadRun:
        plans.append(plan)
        return LoadRun("mixed", plan.rate, plan.duration_s, plan.arrivals, plan.seed, 0.0, (), QUIET)

    monkeypatch.setattr(mixed_load, "driven", driven)
    declared = settings(contract=contract or {}, latency={"rate": 120, "p99_ms": p99_ms})
    with serving(stub, mapping) as context:
        target = replace(context.target, url=context.target.url + prefix)
        made = mixed_load.gather(replace(context, target=target, settings=declared, budget_s=30.0))
    return made, plans[0] if plans else None


def rows_in(plan: Plan | None) -> int:
    assert plan is not None
    heavy = next(one for one in plan.classes if one.name == "batch")
    assert {one.path for one in heavy.requests} == {"/predict/batch"}
    return len(json.loads(heavy.requests[0].body)["rows"])


@pytest.mark.parametrize(
    ("stub", "contract", "rows"),
    [(Small(), {}, 1000), (Small(most=120), {}, 100), (Small(), {"max_batch_rows": 64}, 64), (Small(most=10), {}, 8)],
)
def test_the_largest_batch_that_is_taken_is_sent(
    monkeypatch: pytest.MonkeyPatch, stub: Stub, contract: dict[str, int], rows: int
) -> None:
    made, plan = gathered(monkeypatch, stub, contract)
    assert (made.rows, rows_in(plan)) == (rows, rows)


def test_a_service_below_a_path_gets_its_load_there(monkeypatch: pytest.MonkeyPatch) -> None:
    made, plan = gathered(monkeypatch, Below(), {"max_batch_rows": 10}, prefix="/models/a")
    assert plan is not None
    assert made.rows == 10
    assert plan.url.count("/") == 2
    assert {one.path for kind in plan.classes for one in kind.requests} == {
        "/models/a/predict",
        "/models/a/predict/batch",
    }


def test_a_batch_that_takes_long_has_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    made, plan = gathered(monkeypatch, Small(row_s=0.0004), p99_ms=50)
    assert 100 <= made.rows <= 250  # 100 ms of 0.4 ms each
    assert rows_in(plan) == made.rows


def test_blocks_alternate_and_batches_fill_a_fifth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made, plan = gathered(monkeypatch, Small(row_s=0.0001))
    assert plan is not None
    assert plan.stage_classes == tuple([("single",), ("single", "batch"), ("single", "batch"), ("single",)] * 2)
    (alone, alone_s), (beside, beside_s) = plan.stages[:2]
    assert alone == 60
    assert (beside - alone) * made.alone_s == pytest.approx(0.2)
    assert [one.weight for one in plan.classes] == pytest.approx([60, beside - alone])
    assert beside_s / alone_s == pytest.approx(1.5)
    assert [made.beside_s, made.duration_s] == pytest.approx([15, 25])


def test_fast_batches_come_five_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    _, plan = gathered(monkeypatch, Small(), {"max_batch_rows": 10})
    assert plan is not None
    assert plan.stages[1][0] == 65


def test_a_service_that_takes_no_batch_gets_no_load(monkeypatch: pytest.MonkeyPatch) -> None:
    made, plan = gathered(monkeypatch, Stub(), mapping=JsonMapping())
    assert (made.rows, made.problem, plan) == (0, None, None)
    made, plan = gathered(monkeypatch, Small(most=3))
    assert (made.rows, made.problem, plan) == (0, "a batch of 8 rows was answered 413", None)
