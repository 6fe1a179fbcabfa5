"""A healthy service that limits the rate of requests is waited for; one that always does is no evidence of anything."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_mlready.checks.bad_items import canary_stable, rejects_bad_item_in_full_row
from pytest_mlready.checks.fuzz import batch_equals_single, deterministic, well_formed_answers
from pytest_mlready.checks.relations import batch_order_and_size, concurrent_isolation
from pytest_mlready.checks.rudeness import survives_rudeness
from pytest_mlready.evidence.asking import ask_one
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import NotStrictJSON, exchange, strict_json
from pytest_mlready.run import PATIENCE_S, Run
from pytest_mlready.schedule import SCHEDULE
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import CAPPED, ROWS, serving
from tests.unit.records_made import settings

LATER_S = 0.05
"""So long the service wants to be left alone."""
BUCKET = 100
EVIDENCE = ("answers", "bad_items", "batch_sizes", "concurrency", "rudeness")


@dataclass
class Limited(Stub):
    """Lets so many pass, then refuses all until it was left alone for a while; and what is no finite number always."""

    bucket: int = BUCKET
    left: int = field(init=False)
    refused_at: float = 0.0

    def __post_init__(self) -> None:
        self.left = self.bucket

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if method != "POST":
            return super().answer(method, path, body)
        if not self.left and time.monotonic() - self.refused_at >= LATER_S:
            self.left = self.bucket
        if not self.left:
            self.refused_at = self.refused_at or time.monotonic()
            return 429, {"detail": "too many requests"}
        self.left, self.refused_at = self.left - 1, 0.0
        try:
            strict_json(body)
            return super().answer(method, path, body)
        except (NotStrictJSON, OverflowError):
            return 400, {"detail": "the body is not JSON with numbers that a double can hold"}


def judged(stub: Stub, directory: Path) -> Mapping[str, Finding]:
    own = settings(service={"url": "http://127.0.0.1:1", "allow": ["fuzz", "load"]})
    with serving(stub) as context:
        run = Run(own, "quick", 7, ROWS, directory, directory / "evidence", target=context.target)
        seen: dict[str, Any] = {name: run.evidence(name, context.target, ROWS) for name in EVIDENCE}
    answers, items = seen["answers"], seen["bad_items"]
    return {
        "well formed": well_formed_answers(answers),
        "deterministic": deterministic(answers),
        "batches": batch_equals_single(answers),
        "bad items": rejects_bad_item_in_full_row(items, own),
        "canaries": canary_stable(items, answers),
        "sizes": batch_order_and_size(seen["batch_sizes"]),
        "at once": concurrent_isolation(seen["concurrency"]),
        "rude": survives_rudeness(seen["rudeness"], CAPPED),
    }


def test_a_service_that_asks_us_to_come_later_is_asked_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "LATER_S", LATER_S)
    told = {name: f"{one.status}: {one.summary}" for name, one in judged(Limited(), tmp_path).items()}
    assert {name for name, said in told.items() if not said.startswith("pass")} == set(), told


def test_one_that_answers_nothing_else_is_no_evidence_and_costs_little_time(tmp_path: Path) -> None:
    began = time.monotonic()
    found = judged(Limited(bucket=0), tmp_path)
    budgets = sum(SCHEDULE.evidence[name].budget_s("quick") for name in EVIDENCE)
    assert time.monotonic() - began < budgets + PATIENCE_S
    assert {one.status for one in found.values()} == {Status.INCONCLUSIVE}, found


def test_who_counts_refusals_does_not_wait() -> None:
    patient = {name for name, one in SCHEDULE.evidence.items() if one.patient}
    assert patient >= {*EVIDENCE, "corpus", "golden"}
    assert not patient & {"steady_load", "saturation", "counters", "rollback_drill", "drain", "canary_run"}


def test_without_patience_a_request_is_sent_once() -> None:
    stub = Limited(bucket=0)
    with serving(stub) as context:
        assert ask_one(context, 0).exchange.status == 429
    assert len(stub.requests) == 1
