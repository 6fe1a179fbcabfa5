"""The search for capacity against a server that is a queue of known capacity."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.process import search
from pytest_mlready.openloop.search_plan import SearchPlan
from pytest_mlready.records import Sweep

SERVICE_S, SERVERS = 0.02, 4
MOST = SERVERS / SERVICE_S
"""Requests/s that it answers at most."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A queue, on a port of its own."""
    command = [sys.executable, str(Path(__file__).parent / "queue_server.py"), str(SERVICE_S), str(SERVERS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


def searched(url: str, directory: Path, start: float, **options: Any) -> tuple[Sweep, list[dict[str, Any]]]:
    kinds = (Kind("queue", 1, (Request("GET", "/"),)),)
    plan = Plan(url, "capacity", ((start, 1.0),), kinds, output=str(directory))
    heard: list[dict[str, Any]] = []
    return search(SearchPlan(plan, 0.3, 14.0, **options), on_progress=heard.append), heard


@pytest.mark.alone
def test_capacity_is_between_what_is_kept_and_what_is_not(url: str, tmp_path: Path) -> None:
    sweep, heard = searched(url, tmp_path, 100.0, overload_rate=20.0, overload_s=3.0)
    # Between these, whatever a busy machine takes from us: it may be undecided, but never wrong.
    assert 0 <= sweep.low <= 1.1 * MOST
    assert sweep.high is None or sweep.high >= 0.5 * MOST
    assert [(one["rate"], one["verdict"]) for one in heard] == [(one.rate, one.verdict) for one in sweep.trials]
    assert all(one.verdict != "pass" for one in sweep.trials if one.rate > 1.3 * MOST)
    assert sweep.seconds < 20
    for one in sweep.trials:
        assert one.achieved <= 1.2 * MOST
        assert set(one.statuses) == {"200"}
    if sweep.overload is not None and sweep.overload.rate > 1.3 * MOST and sweep.overload.trouble is None:
        # It refuses nobody, so that all are late, or find no connection.
        assert sum(sweep.overload.refused) == 0
        assert sum(sweep.overload.good[2:]) < 0.5 * sum(sweep.overload.others[2:])


def test_nobody_there_is_no_capacity(tmp_path: Path) -> None:
    sweep, _ = searched("http://127.0.0.1:9", tmp_path, 50.0)
    assert (sweep.low, sweep.estimate, sweep.overload) == (0, None, None)
    assert {word for one in sweep.trials for word in one.failures} == {"refused"}
