"""Plans, result documents and their merging."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_mlready.openloop import recording as recording_module
from pytest_mlready.openloop.document import ARRAYS_NAME, JSON_NAME, read, write
from pytest_mlready.openloop.hdr import Histogram
from pytest_mlready.openloop.merge import merged
from pytest_mlready.openloop.plan import Kind, Plan, Request, read_plan, write_plan
from pytest_mlready.openloop.recording import Recording
from pytest_mlready.openloop.schedule import schedule
from pytest_mlready.records import LoadRun

PLAN = Plan(
    url="http://127.0.0.1:1",
    scenario="steady",
    stages=((100.0, 10.0),),
    classes=(
        Kind("predict", 2, (Request("POST", "/p", (("A", "b"),), b"\x00\xff"),)),
        Kind("x", 1, (Request("GET", "/"),)),
    ),
    output="out",
)


def run_of(plan: Plan, seed: int) -> LoadRun:
    rng, arrivals = np.random.default_rng(seed), schedule(plan)
    recording = Recording(arrivals, [kind.name for kind in plan.classes], plan.share[1])
    for index, due in enumerate(arrivals.due_s.tolist()):
        sent, done = due + 0.001, due + 0.002 + rng.exponential(0.01)
        if index % 50 == 7:
            recording.dropped(index)
        elif index % 50 == 8:
            recording.failed(index, sent, done, "deadline")
        else:
            recording.answered(index, sent, done, 200, success=True)
    recording.resent = 2
    return recording.load_run(plan, started_at=1000.0 + seed, cpu_s=0.5, wall_s=10.0, connections=3)


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    write_plan(PLAN, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == PLAN
    assert [one.name for one in tmp_path.iterdir()] == ["plan.json"]


def test_ramps_and_traces_survive_their_file(tmp_path: Path) -> None:
    ramp = replace(PLAN, stages=((1.0, 2.0, 3.0), (4.0, 5.0)))
    trace = replace(PLAN, stages=(), arrivals="trace", trace=(0.0, 0.1, 1 / 3))
    for plan in (ramp, trace):
        write_plan(plan, tmp_path / "plan.json")
        assert read_plan(tmp_path / "plan.json") == plan


def test_a_plan_written_before_there_were_traces_is_read(tmp_path: Path) -> None:
    write_plan(PLAN, tmp_path / "plan.json")
    text = (tmp_path / "plan.json").read_text()
    (tmp_path / "plan.json").write_text(re.sub(r',\s*"trace": \[\]', "", text))
    assert "trace" not in (tmp_path / "plan.json").read_text()
    assert read_plan(tmp_path / "plan.json") == PLAN


def test_a_wrong_plan_is_refused_with_its_path(tmp_path: Path) -> None:
    write_plan(PLAN, tmp_path / "plan.json")
    text = (tmp_path / "plan.json").read_text().replace(f'"pool": {PLAN.pool}', '"pool": "many"')
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(ValueError, match="pool"):
        read_plan(tmp_path / "plan.json")


def test_a_document_survives_its_files(tmp_path: Path) -> None:
    run = run_of(PLAN, 1)
    write(run, tmp_path)
    again = read(tmp_path)
    assert again == run
    for name, values in run.series.items():
        assert np.array_equal(again.series[name], values)
    assert {one.name for one in tmp_path.iterdir()} == {JSON_NAME, ARRAYS_NAME}


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (JSON_NAME, b"{"),
        (JSON_NAME, b'{"schema_version": 9}'),
        (JSON_NAME, b'{"schema_version": 1}'),
        (ARRAYS_NAME, b"PK"),
    ],
)
def test_a_damaged_document_is_refused(tmp_path: Path, name: str, damage: bytes) -> None:
    write(run_of(PLAN, 1), tmp_path)
    (tmp_path / name).write_bytes(damage)
    with pytest.raises(ValueError, match=r".+"):
        read(tmp_path)


@pytest.mark.parametrize("count", [1, 2])
def test_of_a_long_run_the_times_of_each_nth_request_are_kept_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    whole = [run_of(replace(PLAN, share=(index, count)), 1) for index in range(count)]
    monkeypatch.setattr(recording_module, "MAX_RAW", 400)
    thinned = [run_of(replace(PLAN, share=(index, count)), 1) for index in range(count)]
    assert 300 < len(merged(thinned).series["status"]) <= 400 + count
    for one, all_of_it in zip(thinned, whole, strict=True):
        assert one.classes == all_of_it.classes
        for name, values in one.series.items():
            assert np.array_equal(values, all_of_it.series[name][::3])


def test_a_recording_counts_every_request_once() -> None:
    run = run_of(PLAN, 1)
    arrivals = schedule(PLAN)
    assert sum(one.offered for one in run.classes) == len(arrivals)
    for one in run.classes:
        assert one.offered == one.sent + one.dropped
        assert one.sent == one.completed + sum(one.failures.values())
        assert Histogram.merged([one.response_hdr]).count == one.sent
    status = run.series["status"]
    assert (status == -1).sum() == sum(one.dropped for one in run.classes)
    assert np.isinf(run.series["response_s"][status == -1]).all()
    assert run.generator.lateness_p50_s == pytest.approx(0.001)


def test_waiting_for_a_free_connection_is_no_lateness_of_the_generator() -> None:
    arrivals = schedule(PLAN)
    recording = Recording(arrivals, ["predict", "x"])
    for index, due in enumerate(arrivals.due_s.tolist()):
        if index % 2:
            recording.waits(index)
        late = 3.0 if index % 2 else 0.002
        recording.answered(index, due + late, due + late + 0.01, 200, success=True)
    run = recording.load_run(PLAN, 0.0, 1.0, 10.0, 1)
    assert run.generator.lateness_max_s == pytest.approx(0.002)
    assert run.series["response_s"].max() == pytest.approx(3.01)


def test_merging_shares_is_exact() -> None:
    parts = [run_of(replace(PLAN, share=(index, 3)), index) for index in range(3)]
    whole = merged(parts)
    assert whole.rate == pytest.approx(PLAN.rate)
    assert whole.started_at == 1000.0
    assert np.array_equal(whole.series["intended_s"], schedule(PLAN).due_s)
    assert whole.generator.processes == 3
    assert whole.generator.resent == 6
    assert whole.generator.cpu_s == pytest.approx(1.5)
    both = Histogram()
    for value in np.concatenate([one.series["response_s"] for one in parts]):
        if np.isfinite(value):
            both.record(float(value))
    added = Histogram.merged(one.response_hdr for one in whole.classes)
    assert added.count == both.count
    assert [added.quantile(q) for q in (0.5, 0.95, 0.99, 1.0)] == [both.quantile(q) for q in (0.5, 0.95, 0.99, 1.0)]


def test_only_shares_of_one_schedule_are_merged() -> None:
    with pytest.raises(ValueError, match="not shares"):
        merged([run_of(PLAN, 1), run_of(replace(PLAN, seed=9), 1)])
    with pytest.raises(ValueError, match="nothing"):
        merged([])


def test_histogram_error_is_within_a_thousandth() -> None:
    histogram = Histogram()
    values = np.random.default_rng(2).lognormal(-4, 1, 5000)
    for value in values:
        histogram.record(float(value))
    for q in (0.5, 0.95, 0.99, 0.999):
        truth = float(np.quantile(values, q, method="inverted_cdf"))
        assert histogram.quantile(q) == pytest.approx(truth, rel=0.0015, abs=2e-6)


def test_the_pytest_side_imports_neither_locust_nor_gevent() -> None:
    code = (
        "import sys, pytest_mlready.openloop, pytest_mlready.openloop.plan, pytest_mlready.openloop.process, "
        "pytest_mlready.openloop.document; print([m for m in sys.modules if m.split('.')[0] in ('locust', 'gevent')])"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"
