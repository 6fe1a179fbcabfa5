"""A run cut into the stages of its plan, and judged by them, on literal documents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pytest_mlready.openloop.hdr import Histogram
from pytest_mlready.openloop.objective import Objective, judged
from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.recording import Recording
from pytest_mlready.openloop.schedule import schedule
from pytest_mlready.openloop.stages import stage_runs, verdict
from pytest_mlready.records import LoadRun

PLAN = Plan(
    url="http://127.0.0.1:1",
    scenario="stairs",
    stages=((10.0, 10.0), (100.0, 10.0), (50.0, 250.0, 20.0)),
    classes=(Kind("predict", 9, (Request("POST", "/p"),)), Kind("x", 1, (Request("GET", "/"),))),
    output="out",
    arrivals="constant",
)
LENIENT = Objective(p99_s=0.25, error_rate=0.02)


def run_of(plan: Plan = PLAN, odd: tuple[float, float] = (0, 0), every: int = 1, *, status: int = 200) -> LoadRun:
    """Answers take 5 ms; those of each `every`-th request due in the interval `odd` half a second, unless they are
    told by another `status`."""
    arrivals = schedule(plan)
    recording = Recording(arrivals, [kind.name for kind in plan.classes])
    for index, due in enumerate(arrivals.due_s.tolist()):
        chosen = odd[0] <= due < odd[1] and index % every == 0
        taken = 0.5 if chosen and status == 200 else 0.005
        if due == 0.5:
            recording.dropped(index)
        elif due in (0.3, 0.4):
            recording.failed(index, due, due + taken, "reset")
        else:
            recording.answered(index, due, due + taken, status if chosen else 200, success=True)
    return recording.load_run(plan, 0.0, 1.0, plan.duration_s, 5)


def test_each_request_is_in_the_stage_it_was_due_in() -> None:
    whole = run_of()
    stages = stage_runs(whole, PLAN)
    assert [sum(one.offered for one in stage.classes) for stage in stages] == [100, 1000, 3000]
    assert [stage.rate for stage in stages] == [10.0, 100.0, 150.0]
    assert [stage.duration_s for stage in stages] == [10.0, 10.0, 20.0]
    assert [stage.scenario for stage in stages] == [f"stairs, stage {number} of 3" for number in (1, 2, 3)]
    for stage in stages:
        assert 0 <= stage.series["intended_s"].min() < 0.2
        assert stage.series["intended_s"].max() < stage.duration_s
        assert (stage.series["sent_s"] >= stage.series["intended_s"]).all()
    joined = np.concatenate([stage.series["response_s"] for stage in stages])
    assert np.array_equal(joined, whole.series["response_s"])


def test_an_arrival_at_the_very_end_is_in_the_last_stage() -> None:
    run = run_of()
    run.series["intended_s"][-1] = PLAN.duration_s
    assert sum(len(one.series["status"]) for one in stage_runs(run, PLAN)) == 4100


def test_counts_and_histograms_are_those_of_the_stage() -> None:
    first, second, _third = stage_runs(run_of(odd=(10, 20)), PLAN)
    assert sum(one.dropped for one in first.classes) == 1
    assert sum(one.failures.get("unanswered", 0) for one in first.classes) == 2
    assert sum(one.completed for one in first.classes) == 97
    assert sum(one.dropped + sum(one.failures.values()) for one in second.classes) == 0
    for stage, seconds in ((first, 0.005), (second, 0.5)):
        for one in stage.classes:
            assert one.offered == one.sent + one.dropped
            assert one.completed == one.statuses["200"]
            assert Histogram.merged([one.service_hdr]).quantile(0.5) == pytest.approx(seconds, rel=0.002)


def test_lateness_is_that_of_the_stage() -> None:
    run = run_of()
    late = np.where(run.series["intended_s"] >= 20, 0.03, 0.0)
    run = replace(run, series={**run.series, "sent_s": run.series["sent_s"] + late})
    assert [one.generator.lateness_p50_s for one in stage_runs(run, PLAN)] == pytest.approx([0.0, 0.0, 0.03], abs=1e-9)


def test_one_stage_is_the_whole_and_a_cut_series_shows_none() -> None:
    one = replace(PLAN, stages=((50.0, 4.0),))
    assert stage_runs(run_of(one), one) == []
    run = run_of()
    assert stage_runs(replace(run, series={name: values[:-1] for name, values in run.series.items()}), PLAN) == []


def test_a_stage_without_requests_of_the_judged_class_is_left_out() -> None:
    run = run_of()
    first = run.series["intended_s"] < 10
    run = replace(run, series={**run.series, "class": np.where(first, 1, run.series["class"])})
    assert [one.scenario for one in stage_runs(run, PLAN)] == ["stairs, stage 2 of 3", "stairs, stage 3 of 3"]


def clean(**changes: object) -> Plan:
    """No arrival of it is due when `run_of` drops or resets."""
    return replace(PLAN, **{"stages": ((7.0, 3.0), (300.0, 20.0), (70.0, 100.0)), **changes})  # type: ignore[arg-type]


def test_the_whole_passes_though_a_short_stage_cannot_tell() -> None:
    outcome = verdict(run_of(clean()), clean(), LENIENT)
    words = [line.split(" at ")[0] for line in outcome.lines]
    assert words == [
        "stairs, stage 1 of 3: INCONCLUSIVE",
        "stairs, stage 2 of 3: PASS",
        "stairs, stage 3 of 3: PASS",
        "stairs: PASS",
    ]
    assert outcome.passed


def test_stages_share_the_rate_of_wrong_verdicts_that_one_alone_may_have() -> None:
    plan = replace(PLAN, stages=((99.0, 10.0), (99.0, 60.0)))
    run = run_of(plan, odd=(0, 10), every=50)
    alone = judged(stage_runs(run, plan)[0], plan, LENIENT)
    assert "stairs, stage 1 of 2: FAIL" in alone.line
    outcome = verdict(run, plan, LENIENT)
    assert "stairs, stage 1 of 2: INCONCLUSIVE" in outcome.lines[0]
    assert "stairs: PASS" in outcome.lines[2]
    assert outcome.passed


@pytest.mark.parametrize(("seconds", "told"), [(30.0, "; 53 s of the same would tell"), (52.0, "PASS at 10 req/s")])
def test_a_step_that_cannot_tell_says_how_long_it_would_have_to_be(seconds: float, told: str) -> None:
    plan = clean(stages=((10.0, seconds), *((rate, 10.0) for rate in (50.0, 100.0, 500.0, 1000.0))))
    whole = run_of(plan)
    status, kind = (np.full(len(whole.series["status"]), value) for value in (200, 0))
    run = replace(whole, series={**whole.series, "status": status, "class": kind, "response_s": status / 1e5})
    assert told in verdict(run, plan, Objective(0.25, 0.01)).lines[0]


def test_a_stage_that_fails_fails_a_scenario_that_passes_as_a_whole() -> None:
    plan = replace(clean(), stages=((99.0, 5.0), (99.0, 60.0)))
    outcome = verdict(run_of(plan, odd=(0, 5), every=10, status=503), plan, LENIENT)
    assert "stage 1 of 2: FAIL" in outcome.lines[0]
    assert outcome.lines[2].startswith("stairs: PASS")
    assert outcome.lines[3] == "stairs: FAIL: 1 of its 2 stages failed, if not the whole"
    assert not outcome.passed


def test_a_whole_that_fails_fails() -> None:
    outcome = verdict(run_of(clean(), odd=(0, 200), every=10), clean(), LENIENT)
    assert outcome.lines[-1].startswith("stairs: FAIL at")
    assert not outcome.passed
