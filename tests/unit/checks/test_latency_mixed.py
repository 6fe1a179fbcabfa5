"""Single rows beside large batches, on literal load runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_mlready.checks.latency_mixed import tail_isolation
from pytest_mlready.finding import Finding, Status
from pytest_mlready.measure import abba
from pytest_mlready.records import Generator, MixedLoad, RequestClass
from tests.unit.records_made import settings

PAIRS, RATE, BATCHES_EACH_S = 4, 60.0, 0.5
ALONE_S, BESIDE_S = 10.0, 16.0
QUIET = Generator(0.0002, 0.0012, 0.004, cpu_s=2.0, wall_s=26.0, connections=6, processes=1)


def _schedule() -> tuple[Any, Any, Any]:
    """When each request is due, in which block, and whether it is a batch."""
    due, stage, batch, begin = [], [], [], 0.0
    for at, (seconds, heavy) in enumerate(abba.sequence((ALONE_S, False), (BESIDE_S, True), PAIRS)):
        length = seconds / PAIRS
        singles = begin + np.arange(round(RATE * length)) / RATE
        batches = begin + np.arange(0.25, length, 1 / BATCHES_EACH_S) if heavy else np.empty(0)
        due += [*singles, *batches]
        batch += [False] * singles.size + [True] * batches.size
        stage += [at] * (singles.size + batches.size)
        begin += length
    order = np.argsort(due, kind="stable")
    return np.array(due)[order], np.array(stage)[order], np.array(batch)[order]


DUE, STAGE, BATCH = _schedule()
HEAVY = np.array(abba.sequence(False, True, PAIRS))[STAGE]
HELD_S = 0.5
SINCE = DUE - np.maximum.accumulate(np.where(BATCH, DUE, -np.inf))
"""Seconds since the last batch began."""


def run(times: Any = 0.01, status: Any = 200, *, late_s: Any = 0.0, **made: Any) -> MixedLoad:
    service = np.where(BATCH, HELD_S, np.broadcast_to(np.asarray(times), DUE.shape))
    statuses = np.broadcast_to(np.asarray(status), DUE.shape)
    late = np.broadcast_to(np.asarray(late_s), DUE.shape)
    series = {
        "class": BATCH.astype(int),
        "stage": STAGE,
        "intended_s": DUE,
        "sent_s": DUE + late,
        "response_s": service + late,
        "service_s": service,
        "status": statuses,
        "queued": np.zeros(DUE.shape, dtype=bool),
    }
    classes = tuple(_class(name, statuses[mine]) for name, mine in (("single", ~BATCH), ("batch", BATCH)))
    duration_s = ALONE_S + BESIDE_S
    usual: dict[str, Any] = {"rows": 1000, "alone_s": 0.5, "beside_s": BESIDE_S}
    made_of = {"generator": QUIET, **usual, **made}
    return MixedLoad("mixed", 61, duration_s, "poisson", 7, 0.0, classes, series=series, **made_of)


def _class(name: str, status: Any) -> RequestClass:
    counted = {str(one): count for one, count in Counter(status.tolist()).items() if one > 0}
    dropped = int((status < 0).sum())
    return RequestClass(
        name, status.size, status.size - dropped, dropped, sum(counted.values()), counted, {}, "", ""
    )  # fmt: skip


HOLDING = np.where(HELD_S > SINCE, HELD_S - SINCE, 0.01)
"""What single rows take where a batch holds the event loop."""


def judged(load: MixedLoad, **latency: float) -> Finding:
    return tail_isolation(load, settings(latency={"rate": 120, "p99_ms": 250, **latency}))


def test_rows_that_do_not_notice_batches_pass_with_both_percentiles() -> None:
    found = judged(run(np.where(HEAVY, 0.03, 0.01)))
    assert found.status is Status.PASS
    assert "p99 of single rows 10 ms alone, 30 ms beside batches of 1000" in found.summary
    assert found.details[0] == "8 of 8 batches answered, p99 500 ms; 500 ms for one alone"


def test_rows_that_wait_for_batches_fail() -> None:
    found = judged(run(HOLDING))
    assert found.status is Status.FAIL
    assert "alone, 467 ms beside batches of 1000" in found.summary
    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(0.467, abs=0.01)
    assert judged(run(HOLDING), p99_ms=600).status is Status.PASS


def test_rows_due_while_a_batch_of_the_block_before_is_in_flight_are_not_alone() -> None:
    load = run()
    last = int(np.flatnonzero(BATCH & (STAGE == 2))[-1])
    service = np.array(load.series["service_s"])
    service[last] = 3.0
    within = (DUE[last] < DUE) & (DUE[last] + 3.0 > DUE) & ~BATCH
    assert (within & ~HEAVY).sum() > 50
    service[within] = 0.4
    found = judged(replace(load, series={**load.series, "service_s": service, "response_s": service}))
    assert "p99 of single rows 10 ms alone, 400 ms beside" in found.summary


@pytest.mark.parametrize("slow", [np.ones(DUE.shape, dtype=bool), np.arange(DUE.size) % 40 == 0])
def test_rows_that_are_slow_alone_are_another_matter(slow: Any) -> None:
    found = judged(run(np.where(slow | (HOLDING > 0.25), 0.4, 0.01)))
    assert found.status is Status.INCONCLUSIVE
    assert "alone they are not within it either: see latency.p99" in found.summary


def test_stalls_that_fall_into_the_blocks_with_batches_by_chance_are_not_theirs() -> None:
    stalled = HEAVY & (np.floor(DUE) % 3 == 0) & (DUE % 1 < 0.3)
    found = judged(run(np.where(stalled, 0.3, 0.02)))
    assert found.status is Status.INCONCLUSIVE
    assert "but not while batches were asked: see latency.stalls_seen" in found.summary


def test_noise_that_falls_on_both_alike_never_fails() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        second = np.floor(DUE).astype(int)
        stalled = (rng.random(second.max() + 1) < 0.03)[second] & (DUE % 1 < 0.3)
        assert judged(run(np.where(stalled, 0.3, 0.02))).status is not Status.FAIL


def test_too_few_answered_batches_decide_nothing() -> None:
    found = judged(run(status=np.where(BATCH, 503, 200)))
    assert found.status is Status.INCONCLUSIVE
    assert found.summary.endswith("but 0 batches were answered")


def test_a_run_too_short_for_the_longest_stall_says_how_long_would_do() -> None:
    found = judged(run(), longest_stall_s=0.2)
    assert found.status is Status.INCONCLUSIVE
    assert "in 60 s beside batches, would decide" in found.summary


def test_a_starved_generator_never_fails_a_service() -> None:
    starved = replace(QUIET, lateness_p50_s=0.05, lateness_p99_s=0.2)
    assert "trouble of its own" in judged(run(HOLDING, generator=starved)).summary


def test_rows_that_were_never_sent_keep_it_from_passing() -> None:
    assert judged(run(status=np.where(np.arange(DUE.size) == 7, -1, 200))).status is Status.INCONCLUSIVE


def test_what_the_generator_was_late_is_no_rows_time() -> None:
    late = replace(QUIET, lateness_p99_s=0.03)
    assert judged(run(late_s=np.where(HOLDING > 0.25, 0.3, 0.0), generator=late)).status is Status.PASS
    assert judged(run(HOLDING, generator=late)).status is Status.FAIL


def test_rows_that_are_refused_beside_batches_are_starved_too() -> None:
    found = judged(run(status=np.where((HOLDING > 0.01) & ~BATCH, 503, 200)))
    assert found.status is Status.FAIL
    assert "unbounded beside batches of 1000" in found.summary


def test_without_a_batch_there_is_nothing_to_judge() -> None:
    empty = replace(run(), rows=0, series={})
    assert judged(empty).status is Status.NOT_APPLICABLE
    refused = judged(replace(empty, problem="a batch of 8 rows was answered 413"))
    assert refused.status is Status.INCONCLUSIVE
    assert "a batch of 8 rows was answered 413" in refused.summary


def test_no_answer_at_all_is_no_pass() -> None:
    found = judged(run(status=np.where(BATCH, 200, 0)))
    assert found.status is Status.INCONCLUSIVE
    assert "alone they are not within it either" in found.summary


def test_no_row_at_all_is_no_pass() -> None:
    load = run()
    found = judged(replace(load, series={name: values[BATCH] for name, values in load.series.items()}))
    assert found.status is Status.INCONCLUSIVE
    assert "too few single rows were sent" in found.summary
