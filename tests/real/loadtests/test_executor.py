"""The executor against servers whose latencies are known."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_mlready.measure.generator import starved
from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.process import run
from pytest_mlready.records import LoadRun
from tests.real.loadtests.conftest import ROOT, Server, environment

TICKING = """
import gevent
from pytest_mlready.openloop import drive, schedule
from pytest_mlready.openloop.plan import Kind, Plan, Request

ticks, made = [], schedule.schedule

def tick():
    while True:
        gevent.sleep(0.001)
        ticks.append(1)

def counted(*arguments):
    before = len(ticks)
    try:
        return made(*arguments)
    finally:
        print(len(ticks) - before)

schedule.BLOCK, drive.schedule = 10_000, counted
gevent.spawn(tick)
kinds = (Kind("p", 1, (Request("GET", "/"),)),)
run = drive.drive(Plan("http://127.0.0.1:9", "s", ((1e6, 0.1),), kinds, "-", share=(0, 100_000), warmup_s=0))
assert run.classes[0].failures
"""
# Whoever else is in the loop, such as Locust's heartbeat, counts its turns while ten blocks are computed.

GET = (Kind("health", 1, (Request("GET", "/health/live"),)),)


def plan_of(url: str, directory: Path, rate: float, seconds: float) -> Plan:
    return Plan(url, "truth", ((rate, seconds),), GET, output=str(directory), arrivals="constant", warmup_s=0.3)


def answered(load: LoadRun) -> int:
    return load.classes[0].statuses.get("200", 0)


@pytest.mark.alone
def test_a_freeze_delays_all_who_should_have_been_sent_meanwhile(server: Server, tmp_path: Path) -> None:
    load = run(plan_of(server("stall"), tmp_path, 200, 6))
    response = load.series["response_s"]
    # Frozen 300 ms in every 2 s: 15% of arrivals wait, evenly spread over 0 to 300 ms; p95 200 ms, p99 280 ms.
    assert answered(load) == 1200
    assert 0.08 < (response > 0.05).mean() < 0.30
    assert 0.24 < np.quantile(response, 0.99) < 0.6
    assert 0.15 < np.quantile(response, 0.95) < 0.5


@pytest.mark.alone
def test_waiting_for_a_free_place_counts_as_response_time_and_not_as_service_time(
    server: Server, tmp_path: Path
) -> None:
    # One place, 100 ms each: 20 requests a second can never be served, and the queue is ours.
    load = run(replace(plan_of(server("slow"), tmp_path, 20, 2), pool=1, warmup_s=0))
    assert answered(load) == 40
    assert load.generator.connections == 1
    assert np.median(load.series["service_s"]) < 0.2
    assert load.series["response_s"].max() > 1.5
    assert (load.series["sent_s"] - load.series["intended_s"]).max() > 1.4
    assert load.series["queued"].sum() > 30
    assert load.generator.lateness_p50_s < 0.05


@pytest.mark.alone
def test_a_service_below_the_rate_is_slow_and_the_generator_is_not_to_blame(server: Server, tmp_path: Path) -> None:
    # 50 answers a second at most, 100 asked for: the queue grows by 50 each second.
    load = run(replace(plan_of(server("lock"), tmp_path, 100, 3), warmup_s=0))
    assert load.classes[0].offered == load.classes[0].sent == 300
    assert np.quantile(load.series["response_s"], 0.9) > 0.8
    assert np.quantile(load.series["service_s"], 0.9) > 0.8
    assert load.generator.lateness_p50_s < 0.05
    assert load.generator.connections > 50


def test_beyond_the_backlog_requests_are_dropped_and_counted(server: Server, tmp_path: Path) -> None:
    load = run(replace(plan_of(server("slow"), tmp_path, 100, 2), pool=2, backlog=3, warmup_s=0))
    (health,) = load.classes
    assert health.offered == 200
    assert health.dropped > 100
    assert health.offered == health.sent + health.dropped
    assert (load.series["status"] == -1).sum() == health.dropped


def test_what_finds_no_socket_on_this_machine_was_never_sent(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = tmp_path / "python_with_few_descriptors"
    few.write_text(f'#!/bin/sh\nulimit -n 40\nexec {sys.executable} "$@"\n')
    few.chmod(0o755)
    url = server("slow")
    monkeypatch.setattr(sys, "executable", str(few))
    load = run(replace(plan_of(url, tmp_path, 600, 1), warmup_s=0))
    (health,) = load.classes
    assert (health.failures, health.dropped > 50) == ({}, True)
    assert "never sent" in (starved(load, 0.25) or "")


@pytest.mark.parametrize("mode", ["count", "idle"])
def test_a_connection_closed_while_idle_is_not_a_failure(server: Server, tmp_path: Path, mode: str) -> None:
    load = run(plan_of(server(mode), tmp_path, 8, 3))
    assert answered(load) == load.classes[0].offered == 24


def test_a_worker_that_dies_with_a_request_is_a_failure(server: Server, tmp_path: Path) -> None:
    load = run(replace(plan_of(server("dies"), tmp_path, 8, 3), warmup_s=0))
    assert (answered(load), load.classes[0].failures) == (20, {"closed": 4})
    assert load.generator.resent == 0


def test_a_request_on_a_connection_that_is_just_being_closed_is_sent_again_and_counted(
    server: Server, tmp_path: Path
) -> None:
    load = run(replace(plan_of(server("shuts"), tmp_path, 60, 1), warmup_s=0))
    # On a machine that was busy just then, a close was noticed too late to be nobody's failure.
    assert answered(load) + load.classes[0].failures.get("closed", 0) == 60
    assert load.generator.resent > 0


def test_a_server_that_never_answers_ends_in_bounded_time(server: Server, tmp_path: Path) -> None:
    load = run(replace(plan_of(server("never"), tmp_path, 10, 1), timeout_s=0.5, warmup_s=0))
    assert load.classes[0].failures == {"deadline": 10}
    assert (load.series["status"] == 0).all()
    assert load.series["response_s"].min() >= 0.45


def test_no_server_at_all_is_a_result_too(tmp_path: Path) -> None:
    load = run(plan_of("http://127.0.0.1:9", tmp_path, 20, 1))
    assert load.classes[0].failures == {"refused": 20}


def test_failing_answers_are_counted_by_status(server: Server, tmp_path: Path) -> None:
    seen: list[dict[str, float]] = []
    load = run(plan_of(server("errors"), tmp_path, 20, 2.5), on_progress=seen.append)
    assert load.classes[0].statuses == {"500": 50}
    assert [one["t"] for one in seen][:2] == [1.0, 2.0]
    assert seen[-1]["failures"] == seen[-1]["sent"] > 0


def test_classes_with_an_origin_of_their_own_go_there_in_the_stages_that_name_them(
    server: Server, tmp_path: Path
) -> None:
    fast, slow = server("fast"), server("slow")
    kinds = (replace(GET[0], name="fast"), replace(GET[0], name="slow", url=slow))
    plan = replace(plan_of(fast, tmp_path, 20, 1), classes=kinds, stages=3 * ((20.0, 1.0),))
    load = run(replace(plan, stage_classes=(("slow",), ("fast",), ("slow",))))
    assert [one.statuses for one in load.classes] == [{"200": 20}, {"200": 40}]
    assert load.series["stage"].tolist() == [at for at in range(3) for _ in range(20)]
    of_slow = load.series["class"] == 1
    assert np.array_equal(of_slow, load.series["stage"] != 1)
    assert load.series["service_s"][of_slow].min() >= 0.1 > np.median(load.series["service_s"][~of_slow])


@pytest.mark.alone
def test_arrivals_at_the_wire_follow_the_schedule(server: Server, tmp_path: Path) -> None:
    plan = replace(plan_of(server("fast"), tmp_path, 100, 4), arrivals="poisson", seed=3)
    # Of gaps of 10 ms in the mean, 26% are below 3 ms if they are exponential, and none if they are all the same. A
    # machine that is busy with something else for a moment moves a few.
    gaps = np.diff(np.sort(run(plan).series["sent_s"]))
    assert 0.15 < (gaps < 0.003).mean() < 0.40
    gaps = np.diff(np.sort(run(replace(plan, arrivals="constant")).series["sent_s"]))
    assert gaps.mean() == pytest.approx(0.01, rel=0.05)
    assert np.median(np.abs(gaps - 0.01)) < 0.003


def test_while_a_long_schedule_is_computed_others_have_their_turns(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TICKING], capture_output=True, text=True, cwd=ROOT, env=environment(tmp_path), timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 9
