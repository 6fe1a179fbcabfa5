"""`locust -f loadtests` as people run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_mlready.openloop.document import read
from tests.real.loadtests.conftest import Server

ROOT = Path(__file__).parents[3]
SHORT = ("--headless", "--only-summary", "--rate", "300", "--duration", "2", "--slo-error-rate", "0.1")
LENIENT = ("--slo-p99-ms", "60000")


def locust(url: str, tmp_path: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "locust", *words, "--host", url]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "scenarios"),
    [
        (["loadtests"], {"mixed", "steady"}),
        (["loadtests", "Steady"], {"steady"}),
        (["loadtests/mixed.py"], {"mixed"}),
        (["loadtests/steady.py"], {"steady"}),
        (["loadtests", "--processes", "2"], {"mixed", "steady"}),
    ],
    ids=["all in turn", "by class name", "mixed alone", "steady alone", "two processes"],
)
def test_each_scenario_runs_whole_and_is_judged(
    server: Server, tmp_path: Path, words: list[str], scenarios: set[str]
) -> None:
    name, *rest = words
    result = tmp_path / "result"
    code, output = locust(
        server("fast"), tmp_path, "-f", str(ROOT / name), *rest, *SHORT, *LENIENT, "--arrivals", "constant",
        "--result", str(result),
    )  # fmt: skip
    assert code == 0, output
    assert {one.name for one in result.iterdir()} == scenarios
    for scenario in scenarios:
        assert f"{scenario}: PASS at 300 req/s" in output
        load = read(result / scenario)
        assert sum(one.sent for one in load.classes) == 600
        assert load.generator.processes == (2 if "--processes" in words else 1)


def test_what_must_be_refused_is_no_error(server: Server, tmp_path: Path) -> None:
    result = tmp_path / "result"
    words = ("-f", str(ROOT / "loadtests/mixed.py"), *SHORT, *LENIENT, "--result", str(result))
    code, output = locust(server("fast"), tmp_path, *words)
    load = read(result / "mixed")
    assert code == 0, output
    assert set(load.named("invalid").statuses) == {"422"}
    assert {"predict", "batch", "health", "invalid"} == {one.name for one in load.classes}


@pytest.mark.parametrize(
    ("mode", "words", "said"),
    [("slow", ("--slo-p99-ms", "20"), "steady: "), ("errors", LENIENT, "steady: FAIL")],
)
def test_an_objective_missed_is_exit_1(
    server: Server, tmp_path: Path, mode: str, words: tuple[str, ...], said: str
) -> None:
    code, output = locust(server(mode), tmp_path, "-f", str(ROOT / "loadtests"), "Steady", *SHORT, *words)
    assert code == 1, output
    assert said in output
    assert "PASS at" not in output


def test_a_scenario_that_cannot_start_ends_with_its_reason(server: Server, tmp_path: Path) -> None:
    words = ("-f", str(ROOT / "loadtests"), "Steady", *SHORT, "--rows", "nowhere.csv")
    code, output = locust(server("fast"), tmp_path, *words)
    assert code == 1, output
    assert "Steady: FileNotFoundError" in output
