"""The deployment family on literal records: who answers while versions are changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_mlready.checks import deployment
from pytest_mlready.finding import Status
from pytest_mlready.measure.switching import Switch, Timeline
from pytest_mlready.records import (
    FAILED,
    MIXED,
    OTHER,
    GoldenRound,
    LeftBehind,
    Order,
    Prediction,
    RollbackDrill,
)
from tests.unit.records_made import settings

ONE, TWO = "1.0.0", "2.0.0"
DECLARED = settings(deployment={"workers": 2})
COLUMNS = ("began_s", "ended_s", "made_by", "told", "worker", "probe", "named", "rows")


def order(action: str, version: str | None, began_s: float, *, ended_s: float | None = None, **given: Any) -> Order:
    """An acknowledged order that took 10 ms."""
    return replace(Order(action, version, "acknowledged", began_s, ended_s or began_s + 0.01), **given)


SWAPS = (order("promote", TWO, 1.0), order("rollback", ONE, 2.0))


def golden(version: str, when: str, score: float, first_s: float = 0.004, settled_s: float = 0.002) -> GoldenRound:
    """Two rows answered by a version, whose scores tell it."""
    answers = tuple(Prediction(1, (1 - score - at, score + at), version) for at in (0.0, 0.1))
    return GoldenRound(version, when, answers, first_s, settled_s)


GOLDENS = (
    golden(ONE, "before", 0.2),
    golden(TWO, "after the promotion", 0.4),
    golden(ONE, "after the rollback", 0.2),
)


def drill(
    *seen: Sequence[float], workers: tuple[str, ...] = ("11", "12"), failures: int = 0, **given: Any
) -> RollbackDrill:
    """A drill of two swaps; a line of `seen` is (began_s, ended_s, made_by, worker, probe, told, named)."""
    rows = [(b, e, made, told, worker, probe, named, 1) for b, e, made, worker, probe, told, named in map(whole, seen)]
    table = np.array(rows, dtype=float).reshape(-1, len(COLUMNS))
    made = RollbackDrill(
        fresh=True, versions=(ONE, TWO), rows=2, workers=workers, goldens=GOLDENS, orders=(), swaps=SWAPS,
        failures={"reset": failures} if failures else {}, attempts=(), crowd=None, kills=(), automatic=None,
        history=None, left=LeftBehind(ONE, None), answers={name: table[:, at] for at, name in enumerate(COLUMNS)},
    )  # fmt: skip
    return replace(made, **given)


def whole(line: Sequence[float]) -> tuple[float, ...]:
    """A line with what was left out: an ordinary request to an unknown worker."""
    return tuple(line) + (-1, 0, -1, -1)[len(line) - 3 :]


HEALTHY = drill(
    (0.5, 0.51, 0), (1.005, 1.02, 0), (1.005, 1.02, 1), (1.5, 1.51, 1, 0, 1), (1.5, 1.51, 1, 1, 1), (1.6, 1.61, 1),
    (2.1, 2.11, 0, 0, 1), (2.1, 2.11, 0, 1, 1), (1.2, 1.21, 0, -1, 0, 0, 0), (1.2, 1.21, 1, -1, 0, 1, 1),
)  # fmt: skip


class TestTimeline:
    LINE = Timeline(0, [Switch(1, 1.0, 1.5), Switch(0, 3.0, 3.5)])

    @pytest.mark.parametrize(
        ("began", "ended", "allowed"),
        [
            (0.0, 0.9, {0}),
            (0.9, 1.2, {0, 1}),  # on its way while the order is
            (1.4, 9.9, {0, 1}),
            (1.5, 2.0, {1}),  # begun when the acknowledgement was there
            (1.4999, 2.0, {0, 1}),
            (2.0, 3.0, {1}),
            (2.0, 3.0001, {0, 1}),
            (3.5, 9.0, {0}),
        ],
    )
    def test_what_may_answer(self, began: float, ended: float, allowed: set[int]) -> None:
        assert self.LINE.allowed(began, ended) == allowed

    def test_an_order_that_got_no_answer_may_have_been_carried_out(self) -> None:
        line = Timeline(0, [Switch(1, 1.0, 2.0, certain=False), Switch(0, 3.0, 4.0)])
        assert line.allowed(2.5, 2.6) == {0, 1}
        assert line.allowed(4.0, 5.0) == {0}

    def test_how_long_ago_the_last_acknowledgement_was(self) -> None:
        assert self.LINE.since_last(2.0) == 0.5
        assert self.LINE.since_last(1.0) == float("inf")


class TestAllWorkersSwitch:
    def test_workers_that_answer_with_the_new_version_pass(self) -> None:
        found = deployment.all_workers_switch(HEALTHY, DECLARED)
        assert (found.status, found.summary[:26]) == (Status.PASS, "all of 4 answers were the ")

    def test_one_that_keeps_the_old_version_fails(self) -> None:
        found = deployment.all_workers_switch(drill((1.5, 1.51, 1, 0, 1), (1.9, 1.91, 0, 1, 1)), DECLARED)
        assert found.status is Status.FAIL
        assert "1 of 2 requests" in found.summary
        assert "up to 0.89 s after it" in found.summary
        assert found.details[1] == "process 12: 1 of 1 answered by the old version"

    def test_all_of_them_keeping_it_is_another_fault(self) -> None:
        found = deployment.all_workers_switch(drill((1.5, 1.51, 0, 0, 1), (1.5, 1.51, 0, 1, 1)), DECLARED)
        assert found.status is Status.INCONCLUSIVE
        assert "rollback_restores" in found.summary

    def test_a_worker_that_nobody_saw_is_inconclusive(self) -> None:
        found = deployment.all_workers_switch(drill((1.5, 1.51, 1, 0, 1), workers=("11",)), DECLARED)
        assert found.status is Status.INCONCLUSIVE
        assert "1 of 2 declared workers" in found.summary

    def test_where_processes_cannot_be_told_it_says_what_it_could_have_missed(self) -> None:
        seen = [(1.5, 1.51, 1, -1, 1)] * 59
        found = deployment.all_workers_switch(drill(*seen, workers=()), settings(deployment={}))
        assert found.status is Status.PASS
        assert "one with 5% of the connections would have shown" in found.summary

    def test_without_a_request_there_is_no_verdict(self) -> None:
        assert deployment.all_workers_switch(drill((0.5, 0.51, 0)), DECLARED).status is Status.INCONCLUSIVE


class TestRollbackRestores:
    def test_the_same_answers_pass(self) -> None:
        assert deployment.rollback_restores(HEALTHY, DECLARED).status is Status.PASS

    @pytest.mark.parametrize("score", [0.4, 0.2 + 1e-7])
    def test_other_answers_fail(self, score: float) -> None:
        after = golden(ONE, "after the rollback", score)
        found = deployment.rollback_restores(replace(HEALTHY, goldens=(*GOLDENS[:2], after)), DECLARED)
        assert found.status is Status.FAIL
        assert "2 of 2 answers differ: row 0 probability" in found.summary

    def test_a_promotion_that_changed_nothing_fails(self) -> None:
        stale = golden(TWO, "after the promotion", 0.2)
        found = deployment.rollback_restores(replace(HEALTHY, goldens=(GOLDENS[0], stale, GOLDENS[2])), DECLARED)
        assert (found.status, "1.0.0's as before" in found.summary) == (Status.FAIL, True)

    def test_a_slow_acknowledgement_fails(self) -> None:
        slow = order("rollback", ONE, 2.0, ended_s=9.0)
        found = deployment.rollback_restores(replace(HEALTHY, swaps=(SWAPS[0], slow)), DECLARED)
        assert (found.status, found.measurement and found.measurement.value) == (Status.FAIL, 7.0)

    def test_a_refused_rollback_fails(self) -> None:
        refused = order("rollback", ONE, 2.0, outcome="refused", said="500")
        found = deployment.rollback_restores(replace(HEALTHY, swaps=(SWAPS[0], refused)), DECLARED)
        assert found.summary == "rollback 1.0.0 was refused: 500"

    def test_no_rollback_is_no_pass(self) -> None:
        found = deployment.rollback_restores(replace(HEALTHY, goldens=GOLDENS[:2]), DECLARED)
        assert found.status is Status.INCONCLUSIVE


class TestRollbackUnderLoad:
    def test_whole_and_timely_answers_pass(self) -> None:
        found = deployment.rollback_under_load(HEALTHY)
        assert found.summary == "10 requests during 2 swaps: none failed, mixed or late"

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ((1.5, 1.6, 0), "1 of the old version though begun after"),
            ((1.5, 1.6, MIXED), "1 of both versions, row by row"),
            ((1.5, 1.6, OTHER), "1 of neither version"),
        ],
    )
    def test_any_other_fails(self, line: tuple[float, ...], words: str) -> None:
        found = deployment.rollback_under_load(drill((0.5, 0.6, 0), line))
        assert found.status is Status.FAIL
        assert words in found.summary

    def test_a_failed_request_fails(self) -> None:
        found = deployment.rollback_under_load(drill((0.5, 0.6, 0), (1.5, 1.6, FAILED), failures=1))
        assert found.summary == "of 2 requests during 2 swaps: 1 × reset"

    @pytest.mark.parametrize(("shed", "status"), [(1, Status.INCONCLUSIVE), (9, Status.FAIL)])
    def test_a_request_shed_may_be_the_machines(self, shed: int, status: Status) -> None:
        lines = [(1.5, 1.6, FAILED)] * shed + [(1.5, 1.6, 1)] * (200 - shed)
        assert deployment.rollback_under_load(replace(drill(*lines), failures={"503": shed})).status is status

    def test_no_swap_is_no_pass(self) -> None:
        assert deployment.rollback_under_load(drill((0.5, 0.6, 0), swaps=())).status is Status.INCONCLUSIVE


class TestVersionRouting:
    def test_by_name_and_named_rightly_passes(self) -> None:
        assert deployment.version_routing(HEALTHY).status is Status.PASS

    def test_another_versions_answer_fails(self) -> None:
        found = deployment.version_routing(drill((1.2, 1.21, 1, -1, 0, 1, 0)))
        assert found.summary == "1 of 1 requests by name went astray: 2.0.0 answered for 1.0.0"

    def test_an_answer_that_names_another_version_fails(self) -> None:
        found = deployment.version_routing(drill((1.2, 1.21, 0, -1, 0, 1)))
        assert found.summary == "1 of 1 answers name 2.0.0 and are 1.0.0's"

    def test_nothing_named_is_no_pass(self) -> None:
        assert deployment.version_routing(drill((1.2, 1.21, 0))).status is Status.INCONCLUSIVE


class TestReadyWhenAcknowledged:
    @pytest.mark.parametrize(
        ("first_s", "settled_s", "status"),
        [(0.1, 0.002, Status.PASS), (1.5, 0.002, Status.FAIL), (1.5, 0.016, Status.INCONCLUSIVE)],
    )
    def test_the_first_answer(self, first_s: float, settled_s: float, status: Status) -> None:
        second = golden(TWO, "after the promotion", 0.4, first_s, settled_s)
        record = replace(HEALTHY, goldens=(GOLDENS[0], second))
        assert deployment.ready_when_acknowledged(record, DECLARED).status is status
