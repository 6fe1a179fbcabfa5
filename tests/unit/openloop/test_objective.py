"""The verdict line of a Locust run, on literal documents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pytest_mlready.openloop.objective import Objective, judged
from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.recording import Recording
from pytest_mlready.openloop.schedule import schedule
from pytest_mlready.records import LoadRun

PLAN = Plan(
    url="http://127.0.0.1:1",
    scenario="mixed",
    stages=((120.0, 20.0),),
    classes=(
        Kind("predict", 9, (Request("POST", "/p"),)),
        Kind("invalid", 1, (Request("POST", "/p"),), expected=(4,)),
    ),
    output="out",
    arrivals="constant",
)
LENIENT = Objective(p99_s=0.25, error_rate=0.01)


def run_of(
    slow_every: int = 0,
    *,
    status: tuple[int, int] = (200, 422),
    drop_every: int = 0,
    late_s: float = 0,
    late_every: int = 1,
) -> LoadRun:
    arrivals = schedule(PLAN)
    recording = Recording(arrivals, [kind.name for kind in PLAN.classes])
    for index, due in enumerate(arrivals.due_s.tolist()):
        if drop_every and index % drop_every == 0:
            recording.dropped(index)
            continue
        taken = 0.5 if slow_every and index % slow_every == 0 else 0.005
        sent = due + late_s if index % late_every == 0 else due
        recording.answered(index, sent, sent + taken, status[int(arrivals.kind[index])], success=True)
    return recording.load_run(PLAN, 0.0, 1.0, 20.0, 5)


@pytest.mark.parametrize(
    ("run", "word", "said"),
    [
        (run_of(), "pass", "mixed: PASS at 120 req/s"),
        (run_of(30), "fail", "p99 500.0 ms"),
        (run_of(status=(503, 422)), "fail", "errors"),
        (run_of(status=(200, 200)), "fail", "errors"),
        (run_of(drop_every=50), "inconclusive", "48 of 2400 requests were never sent"),
        (run_of(30, late_s=0.04, late_every=20), "fail", "p99 540.0 ms"),
        (run_of(30, late_s=0.05), "inconclusive", "trouble of its own"),
        (run_of(late_s=0.4), "inconclusive", "trouble of its own"),
        (run_of(late_s=0.05), "pass", "trouble of its own"),
    ],
    ids=[
        "healthy",
        "slow",
        "unavailable",
        "bad input taken",
        "drops",
        "some late, and slow once sent",
        "all late, and slow once sent",
        "slow by lateness",
        "late and fast all the same",
    ],
)
def test_outcome(run: LoadRun, word: str, said: str) -> None:
    outcome = judged(run, PLAN, LENIENT)
    assert outcome.word == word, outcome.line
    assert said in outcome.line


def test_a_stall_that_the_run_cannot_exclude_keeps_it_from_passing() -> None:
    assert judged(run_of(), PLAN, replace(LENIENT, longest_stall_s=0.3)).word == "inconclusive"


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (run_of(), ""),
        (run_of(120), "s of the same would tell"),
        (run_of(100), "; too close to the limit for a longer one to tell"),
    ],
    ids=["decided", "within, barely", "at the limit"],
)
def test_what_would_decide_is_told(run: LoadRun, told: str) -> None:
    line = judged(run, PLAN, replace(LENIENT, error_rate=0.2)).line
    assert told in line
    assert ("tell" in line) is bool(told)


def test_requests_without_an_answer_are_slow_however_fast_they_failed() -> None:
    run = run_of()
    series = {**run.series, "status": np.where(np.arange(2400) % 20 == 0, 0, run.series["status"])}
    assert "100.0 ms" not in judged(run, PLAN, LENIENT).line
    outcome = judged(replace(run, series=series), PLAN, LENIENT)
    assert outcome.word == "fail"
    assert "p99 inf ms" in outcome.line


@pytest.mark.parametrize("run", [run_of(30), run_of(30, late_s=0.05)], ids=["in time", "late"])
def test_a_generator_without_time_to_read_answers_fails_nobody(run: LoadRun) -> None:
    outcome = judged(replace(run, generator=replace(run.generator, cpu_s=19.0)), PLAN, LENIENT)
    assert outcome.word == "inconclusive", outcome.line
    assert "trouble of its own" in outcome.line


@pytest.mark.parametrize(("failure", "word"), [("deadline", "inconclusive"), ("reset", "fail")])
def test_what_it_had_no_time_to_read_is_no_error_of_the_service(failure: str, word: str) -> None:
    run = run_of()
    predict = replace(run.classes[0], statuses={"200": run.classes[0].offered - 100}, failures={failure: 100})
    run = replace(run, classes=(predict, *run.classes[1:]), generator=replace(run.generator, cpu_s=19.0))
    outcome = judged(run, PLAN, LENIENT)
    assert outcome.word == word, outcome.line
    assert f"errors 100 of 2400 (100 {failure}), 1.00% allowed ({word})" in outcome.line


@pytest.mark.parametrize(
    ("resent", "cpu_s", "word"), [(10, 1.0, "pass"), (80, 1.0, "fail"), (3000, 1.0, "fail"), (80, 19.0, "inconclusive")]
)
def test_requests_sent_again_are_failures_where_they_are_more_than_the_budget(
    resent: int, cpu_s: float, word: str
) -> None:
    run = run_of()
    outcome = judged(replace(run, generator=replace(run.generator, resent=resent, cpu_s=cpu_s)), PLAN, LENIENT)
    assert outcome.word == word, outcome.line
    assert (f"errors 0 of 2400 and {min(resent, 2400)} sent again" in outcome.line) is (word != "pass")


def queue_of_ours(taken_s: float, pool: int, stages: tuple[tuple[float, float], ...]) -> tuple[LoadRun, Plan]:
    """Answers that all take as long, where no more than `pool` may be asked for at once."""
    plan = replace(PLAN, stages=stages, classes=PLAN.classes[:1])
    arrivals = schedule(plan)
    recording, free = Recording(arrivals, ["predict"]), [0.0] * pool
    for index, due in enumerate(arrivals.due_s.tolist()):
        sent = max(due, free[index % pool])
        if sent > due:
            recording.waits(index)
        free[index % pool] = sent + taken_s
        recording.answered(index, sent, free[index % pool], 200, success=True)
    return recording.load_run(plan, 0.0, 1.0, plan.duration_s, pool), plan


@pytest.mark.parametrize("stages", [((600.0, 20.0),), ((5.0, 10.0), (600.0, 10.0), (5.0, 10.0))], ids=["one", "spike"])
@pytest.mark.parametrize(
    ("taken_s", "pool", "word"),
    [(0.2, 90, "inconclusive"), (0.24, 100, "inconclusive"), (0.3, 90, "fail"), (0.6, 300, "fail")],
    ids=["healthy", "just within the limit", "slow once sent", "held by the service"],
)
def test_a_pool_of_ours_that_is_too_small_fails_nobody(
    stages: tuple[tuple[float, float], ...], taken_s: float, pool: int, word: str
) -> None:
    run, plan = queue_of_ours(taken_s, pool, stages)
    outcome = judged(run, plan, LENIENT)
    assert run.series["queued"].any()
    assert outcome.word == word, outcome.line
    assert ("of its own" in outcome.line) is (pool < 600 * LENIENT.p99_s)
