"""A real master and two real workers on this machine: what the master tells is the union of what the workers saw."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from pytest_mlready.openloop.document import read
from pytest_mlready.openloop.hdr import Histogram
from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.schedule import schedule
from pytest_mlready.records import LoadRun
from pytest_mlready.service.launch import free_port
from tests.real.loadtests.conftest import ROOT, environment, servers

RATE, SECONDS, SEED = 200, 3, 5
KEEPING = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})

from loadtests import mixed
from pytest_mlready.openloop.document import write

class Kept(mixed.Mixed):
    def conduct(self, share, report):
        run = super().conduct(share, report)
        write(run, Path("share-%d-of-%d" % share))
        return run
"""
# A scenario whose workers also write what they hand to the master.


@pytest.fixture(scope="module")
def shares_and_whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[LoadRun], LoadRun]:
    directory = tmp_path_factory.mktemp("distributed")
    (directory / "kept.py").write_text(KEEPING.format(root=str(ROOT)))
    port = str(free_port())
    with servers() as server, contextlib.ExitStack() as stack:
        words = [sys.executable, "-m", "locust", "-f", "kept.py", "--host", server("fast")]
        workers = [*words, "--worker", "--master-port", port]
        master = [*words, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--headless"]
        master += ["--expect-workers", "2", "--rate", str(RATE), "--duration", str(SECONDS), "--load-seed", str(SEED)]
        master += ["--slo-p99-ms", "60000", "--result", "whole"]
        for _ in range(2):
            one = subprocess.Popen(workers, cwd=directory, env=environment(directory), stderr=subprocess.DEVNULL)
            stack.callback(one.wait, 30)
            stack.callback(one.kill)
        told = subprocess.run(master, cwd=directory, env=environment(directory), capture_output=True, timeout=120)
    assert b"kept: " in told.stdout, told
    return [read(directory / f"share-{i}-of-2") for i in range(2)], read(directory / "whole" / "kept")


def test_counts_are_sums(shares_and_whole: tuple[list[LoadRun], LoadRun]) -> None:
    shares, whole = shares_and_whole
    assert whole.generator.processes == 2
    for one in whole.classes:
        parts = [share.named(one.name) for share in shares]
        assert all(part.offered for part in parts)
        for field in ("offered", "sent", "dropped", "completed"):
            assert getattr(one, field) == sum(getattr(part, field) for part in parts)
        for field in ("statuses", "failures"):
            assert getattr(one, field) == sum((Counter(getattr(part, field)) for part in parts), Counter())


def test_series_are_the_union_in_order_of_intended_time(shares_and_whole: tuple[list[LoadRun], LoadRun]) -> None:
    shares, whole = shares_and_whole
    assert (np.diff(whole.series["intended_s"]) >= 0).all()
    rows = sorted(row for share in shares for row in zip(*(share.series[name] for name in whole.series), strict=True))
    assert sorted(zip(*whole.series.values(), strict=True)) == rows
    plan = Plan("http://h", "mixed", ((RATE, SECONDS),), (Kind("p", 1, (Request("GET", "/"),)),), "-", seed=SEED)
    assert np.array_equal(whole.series["intended_s"], schedule(plan).due_s)


@pytest.mark.parametrize(("histogram", "column"), [("response_hdr", "response_s"), ("service_hdr", "service_s")])
def test_histograms_are_those_of_all_the_raw_values(
    shares_and_whole: tuple[list[LoadRun], LoadRun], histogram: str, column: str
) -> None:
    shares, whole = shares_and_whole
    for number, one in enumerate(whole.classes):
        direct = Histogram()
        for share in shares:
            for seconds in share.series[column][share.series["class"] == number].tolist():
                direct.record(seconds)
        assert direct.count == one.completed > 0
        assert getattr(one, histogram) == direct.encoded()
