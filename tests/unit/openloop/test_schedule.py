"""Schedules: rate, shape, determinism, shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pytest_mlready.openloop import schedule as module
from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.schedule import due_times, schedule, warmup

RAMP: dict[str, object] = {"stages": ((0.0, 90.0, 7.0), (30.0, 5.0))}
TRACE: dict[str, object] = {"stages": (), "arrivals": "trace", "trace": (0.0, 0.5, 0.5, 0.75, 4.0)}


def plan_of(**changes: object) -> Plan:
    kinds = (
        Kind("a", 3, tuple(Request("GET", f"/{number}") for number in range(7))),
        Kind("b", 1, (Request("GET", "/b"),)),
    )
    plan = Plan("http://h:1", "s", ((100.0, 20.0),), kinds, output="o", seed=5)
    return replace(plan, **changes)  # type: ignore[arg-type]


def test_constant_arrivals_are_evenly_spaced_from_zero() -> None:
    due = schedule(plan_of(arrivals="constant")).due_s
    assert due.size == 2000
    assert due[0] == 0.0
    assert np.diff(due) == pytest.approx(0.01)


def test_poisson_gaps_vary_as_much_as_their_mean() -> None:
    gaps = np.diff(schedule(plan_of(stages=((500.0, 40.0),))).due_s)
    assert gaps.mean() == pytest.approx(1 / 500, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_each_stage_has_its_rate(arrivals: str) -> None:
    due = schedule(plan_of(stages=((50.0, 20.0), (400.0, 10.0), (50.0, 20.0)), arrivals=arrivals)).due_s
    counts = np.histogram(due, [0, 20, 30, 50])[0]
    assert counts.tolist() == pytest.approx([1000, 4000, 1000], rel=0.1)
    assert (np.diff(due) >= 0).all()
    assert due[-1] < 50


def test_a_stage_boundary_loses_no_arrival() -> None:
    due = due_times(((3.0, 0.5), (4.0, 0.5)), "constant", np.random.default_rng(0))
    assert due.tolist() == pytest.approx([0, 1 / 3, 0.5 + 0.5 / 4, 0.5 + 1.5 / 4])


def test_the_same_seed_gives_the_same_schedule() -> None:
    one, same, other = schedule(plan_of()), schedule(plan_of()), schedule(plan_of(seed=6))
    assert np.array_equal(one.due_s, same.due_s)
    assert np.array_equal(one.request, same.request)
    assert not np.array_equal(one.due_s[:100], other.due_s[:100])


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(
    "changes", [{}, {"stages": ((0.0, 90.0, 7.0), (30.0, 5.0))}, TRACE], ids=["flat", "ramp", "trace"]
)
def test_shares_together_are_the_whole_schedule(count: int, changes: dict[str, object]) -> None:
    whole = schedule(plan_of(**changes))
    parts = [schedule(plan_of(**changes, share=(index, count))) for index in range(count)]
    for name in ("due_s", "stage", "kind", "request"):
        joined = np.empty_like(getattr(whole, name))
        for index, part in enumerate(parts):
            joined[index::count] = getattr(part, name)
        assert np.array_equal(joined, getattr(whole, name))


@pytest.mark.parametrize("changes", [{}, RAMP, {"arrivals": "constant"}], ids=["flat", "ramp", "constant"])
def test_a_schedule_made_in_blocks_is_one_schedule(monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]) -> None:
    at_once = schedule(plan_of(**changes))
    monkeypatch.setattr(module, "BLOCK", 64)
    whole = schedule(plan_of(**changes))
    assert (np.diff(whole.due_s) >= 0).all()
    assert len(whole) == pytest.approx(len(at_once), rel=0.1)
    if changes.get("arrivals") == "constant":
        assert np.array_equal(whole.due_s, at_once.due_s)
    assert np.bincount(whole.kind) / len(whole) == pytest.approx([0.75, 0.25], abs=0.05)
    parts = [schedule(plan_of(**changes, share=(index, 3))) for index in range(3)]
    for index, part in enumerate(parts):
        assert np.array_equal(part.due_s, whole.due_s[index::3])
        assert np.array_equal(part.request, whole.request[index::3])


def test_each_stage_sends_the_classes_that_it_names() -> None:
    stages = ((100.0, 4.0), (100.0, 4.0), (100.0, 4.0))
    arrivals = schedule(plan_of(stages=stages, stage_classes=(("b",), ("a", "b"), ("a",)), arrivals="constant"))
    assert arrivals.stage.tolist() == [at for at in range(3) for _ in range(400)]
    shares = [(arrivals.kind[arrivals.stage == at] == 0).mean() for at in range(3)]
    assert shares == [0.0, pytest.approx(0.75, abs=0.07), 1.0]
    first = arrivals.request[arrivals.kind == 0]
    assert sorted(first[:7].tolist()) == list(range(7))
    assert (warmup(plan_of(stages=stages, stage_classes=(("b",), ("b",), ("b",)))).kind == 0).any()


def test_classes_have_their_weight_and_requests_their_turn() -> None:
    arrivals = schedule(plan_of())
    assert (arrivals.kind == 0).mean() == pytest.approx(0.75, abs=0.04)
    first = arrivals.request[arrivals.kind == 0]
    assert sorted(first[:7].tolist()) == sorted(first[7:14].tolist()) == list(range(7))
    assert not np.array_equal(first[:7], first[7:14])


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 200),
        ({"stages": ((30.0, 90.0, 5.0), (700.0, 1.0))}, 60),
        ({"stages": ((0.0, 90.0, 5.0),)}, 90),
        ({"stages": (), "arrivals": "trace", "trace": tuple(np.arange(81) / 40)}, 80),
    ],
    ids=["flat", "ramp", "ramp from nothing", "trace"],
)
def test_warmup_has_the_first_rate_and_may_be_empty(changes: dict[str, object], count: int) -> None:
    warm = warmup(plan_of(**changes, warmup_s=2.0))
    assert len(warm) == count
    assert np.diff(warm.due_s) == pytest.approx(2.0 / count)
    assert len(warmup(plan_of(**changes, warmup_s=0.0))) == 0


def test_a_trace_is_replayed_as_it_is() -> None:
    arrivals = schedule(plan_of(**TRACE, seed=9))
    assert arrivals.due_s.tolist() == [0.0, 0.5, 0.5, 0.75, 4.0]
    assert len(arrivals.kind) == len(arrivals.request) == 5


@pytest.mark.parametrize(
    ("changes", "rate", "duration_s"),
    [
        ({}, 100.0, 20.0),
        ({"stages": ((10.0, 5.0), (90.0, 15.0))}, 70.0, 20.0),
        ({"stages": ((0.0, 100.0, 10.0), (100.0, 10.0))}, 75.0, 20.0),
        ({"stages": ((100.0, 0.0, 4.0),)}, 50.0, 4.0),
        ({**TRACE, "trace": (0.0, 1.0, 2.0, 3.0)}, 1.0, 4.0),
    ],
)
def test_rate_is_the_mean_over_the_duration(changes: dict[str, object], rate: float, duration_s: float) -> None:
    plan = plan_of(**changes)
    assert plan.rate == pytest.approx(rate)
    assert plan.duration_s == pytest.approx(duration_s)
    assert plan.longest_s >= plan.duration_s + plan.warmup_s
    if plan.arrivals == "trace":
        assert len(schedule(plan)) == pytest.approx(rate * duration_s)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"url": "h:1"}, "http://"),
        ({"stages": ()}, "stages"),
        ({"stages": ((0.0, 5.0),)}, "stages"),
        ({"stages": ((10.0, 0.0),)}, "stages"),
        ({"stages": ((10.0, -1.0, 5.0),)}, "stages"),
        ({"stages": ((0.0, 0.0, 5.0),)}, "stages"),
        ({"stages": ((10.0, float("nan")),)}, "stages"),
        ({"stages": ((10.0,),)}, "stages"),
        ({"stages": ((1.0, 2.0, 3.0, 4.0),)}, "stages"),
        ({"trace": (0.0, 1.0)}, "either stages, or a trace"),
        ({"arrivals": "trace"}, "either stages, or a trace"),
        ({"trace": (0.0, 1.0), "stages": ()}, "either stages, or a trace"),
        ({**TRACE, "trace": (0.5, 1.0)}, "from 0"),
        ({**TRACE, "trace": (0.0, 2.0, 1.0)}, "ascending"),
        ({**TRACE, "trace": (0.0, float("nan"), 1.0)}, "ascending"),
        ({**TRACE, "trace": (0.0, float("inf"))}, "ascending"),
        ({**TRACE, "trace": (0.0, 0.0)}, "more than that one"),
        ({"classes": ()}, "classes"),
        ({"classes": (Kind("a", 1, (Request("GET", "/"),), url="h:2"),)}, "http://"),
        ({"url": "http://h:1/models/a"}, "must be an origin"),
        ({"classes": (Kind("a", 1, (Request("GET", "/"),), url="http://h:2/a"),)}, "must be an origin"),
        ({"stage_classes": (("a",), ("b",))}, "for 1 stages"),
        ({"stage_classes": (("c",),)}, "stage_classes must name some of"),
        ({"stage_classes": ((),)}, "stage_classes must name some of"),
        ({"share": (2, 2)}, "share"),
        ({"pool": 0}, "pool"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(changes: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        plan_of(**changes)


def test_a_long_schedule_pauses_after_each_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 300)
    pauses: list[int] = []
    whole = schedule(plan_of(), lambda: pauses.append(1))
    assert len(pauses) == 7
    assert np.array_equal(whole.due_s, schedule(plan_of()).due_s)


def test_the_longest_run_has_time_to_compute_its_schedule() -> None:
    short, long = plan_of(), plan_of(stages=((1_000_000.0, 20.0),))
    assert long.longest_s - short.longest_s == pytest.approx(20.0, rel=0.01)
