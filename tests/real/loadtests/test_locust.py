"""`locust -f loadtests` as people run it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pytest_mlready.openloop.document import read
from pytest_mlready.openloop.sweep_document import read_sweep
from tests.real.loadtests.conftest import ROOT, Server, environment, locust

ONCE = ("--headless", "--only-summary", "--slo-error-rate", "0.1")
SHORT = (*ONCE, "--rate", "300", "--duration", "2")
LENIENT = ("--slo-p99-ms", "60000")
SHAPED = (
    "--soak-duration",
    "2",
    "--stairs",
    "100,500",
    "--step-duration",
    "1",
    "--spike-duration",
    "0.5",
    "--spike-rate",
    "1000",
    "--capacity-duration",
    "10",
)
SENT = {"mixed": 600, "soak": 600, "spike": 1100, "stairs": 600, "steady": 600}
RATE = {"spike": 440}
PARSE = """
import contextlib, json, sys
from locust.argument_parser import get_parser
import pytest_mlready.openloop.options
for words in json.loads(sys.argv[1]):
    with contextlib.suppress(SystemExit):
        get_parser().parse_args(words)
"""


@pytest.mark.alone
@pytest.mark.parametrize(
    ("words", "scenarios"),
    [
        (["loadtests"], {*SENT, "capacity"}),
        (["loadtests", "Steady"], {"steady"}),
        (["loadtests/mixed.py"], {"mixed"}),
        (["loadtests/soak.py"], {"soak"}),
        (["loadtests", "Stairs", "Mixed", "--processes", "2"], {"mixed", "stairs"}),
    ],
    ids=["all in turn", "by class name", "mixed alone", "soak alone", "two processes"],
)
def test_each_scenario_runs_whole_and_is_judged(
    server: Server, tmp_path: Path, words: list[str], scenarios: set[str]
) -> None:
    name, *rest = words
    result = tmp_path / "result"
    code, output = locust(
        server("fast"), tmp_path, "-f", str(ROOT / name), *rest, *SHORT, *LENIENT, *SHAPED, "--arrivals", "constant",
        "--result", str(result),
    )  # fmt: skip
    assert code == 0, output
    assert {one.name for one in result.iterdir()} == scenarios
    for scenario in scenarios - {"capacity"}:
        assert f"{scenario}: PASS at {RATE.get(scenario, 300)} req/s" in output
        load = read(result / scenario)
        assert sum(one.sent for one in load.classes) == SENT[scenario]
        assert load.generator.processes == (2 if "--processes" in words else 1)


@pytest.mark.alone
@pytest.mark.parametrize(
    ("words", "scenarios"),
    [
        (["loadtests/capacity.py"], {"capacity"}),
        (["loadtests", "Capacity", "Steady", "--processes", "2"], {"capacity", "steady"}),
    ],
    ids=["alone", "two processes"],
)
def test_capacity_is_searched_and_judged(server: Server, tmp_path: Path, words: list[str], scenarios: set[str]) -> None:
    name, *rest = words
    result = tmp_path / "result"
    code, output = locust(
        server("fast"), tmp_path, "-f", str(ROOT / name), *rest, *ONCE, *LENIENT, "--rate", "300", "--duration", "2",
        "--slo-error-rate", "0.5", "--capacity-duration", "10", "--result", str(result),
    )  # fmt: skip
    assert {one.name for one in result.iterdir()} == scenarios, output
    sweep = read_sweep(result / "capacity")
    assert output.count("capacity: trial ") == len(sweep.trials) > 1
    assert sweep.low >= 300
    assert "capacity: PASS at 300 req/s: " in output
    assert code == 0, output


def test_a_service_without_the_capacity_is_exit_1(server: Server, tmp_path: Path) -> None:
    # 50 answers a second at most.
    words = ("--rate", "200", "--capacity-duration", "12", "--slo-p99-ms", "200")
    code, output = locust(server("lock"), tmp_path, "-f", str(ROOT / "loadtests/capacity.py"), *ONCE, *words)
    assert code == 1, output
    assert re.search(r"capacity: (FAIL|INCONCLUSIVE) at 200 req/s: ", output), output


@pytest.mark.parametrize(
    ("words", "counts", "stages"),
    [
        (["stairs", "--stairs", "20,200,50", "--step-duration", "0.5"], [10, 100, 25], ["20", "200", "50"]),
        (["spike", "--rate", "40", "--duration", "1", "--spike-duration", "0.5"], [20, 80, 20], ["40", "160", "40"]),
        (["steady", "--rate", "20", "--rate-to", "180", "--duration", "1.5"], [23, 50, 77], []),
    ],
    ids=["stairs alone", "spike alone", "ramp of steady alone"],
)  # fmt: skip
def test_load_has_its_shape_and_each_stage_its_line(
    server: Server, tmp_path: Path, words: list[str], counts: list[int], stages: list[str]
) -> None:
    name, *options = words
    _code, output = locust(
        server("fast"), tmp_path, "-f", str(ROOT / f"loadtests/{name}.py"), *options, *ONCE, *LENIENT,
        "--arrivals", "constant", "--result", str(tmp_path / "result"),
    )  # fmt: skip
    load = read(tmp_path / "result" / name)
    due = load.series["intended_s"]
    assert np.histogram(due, [0, 0.5, 1.0, 1.5])[0].tolist() == pytest.approx(counts, abs=1)
    assert (load.series["status"] == 200).all()
    for number, rate in enumerate(stages, 1):
        assert re.search(rf"{load.scenario}, stage {number} of {len(stages)}: \w+ at {rate} req/s", output), output
    assert output.count(", stage ") == len(stages)


@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["one process", "two processes"])
def test_a_trace_is_replayed(server: Server, tmp_path: Path, processes: tuple[str, ...]) -> None:
    (tmp_path / "trace.csv").write_text("time,path\n" + "".join(f"{7 + time}\n" for time in (0, 1, 1.25, 1.25, 2)))
    _code, output = locust(
        server("fast"), tmp_path, "-f", str(ROOT / "loadtests/steady.py"), *ONCE, *LENIENT, *processes,
        "--trace", "trace.csv", "--trace-speed", "2", "--result", str(tmp_path / "result"),
    )  # fmt: skip
    load = read(tmp_path / "result" / "steady")
    assert load.series["intended_s"].tolist() == [0, 0.5, 0.625, 0.625, 1.0]
    assert (load.series["status"] == 200).all()
    assert load.arrivals == "trace"
    assert "at 4 req/s" in output


def test_a_wrong_option_ends_with_one_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "trace.txt").write_text("0\n2\n1\n")
    words = ("-f", str(ROOT / "loadtests"), *ONCE, "--trace", "trace.txt")
    code, output = locust("http://127.0.0.1:9", tmp_path, *words)
    assert code == 2
    assert re.fullmatch(r".*: error: argument --trace: trace.txt:3: 1.0 comes before 2.0, .*\n", output), output


def test_every_option_refuses_a_wrong_value_by_name(tmp_path: Path) -> None:
    wrong = {
        "0": ("--rate", "--rate-to", "--trace-speed", "--stairs", "--spike-rate", "--slo-error-rate", "--slo-p99-ms"),
        "5x": (
            "--duration",
            "--step-duration",
            "--spike-duration",
            "--soak-duration",
            "--capacity-duration",
            "--request-timeout",
        ),
        "-1": ("--pool", "--load-seed", "--longest-stall-s"),
        "nowhere.txt": ("--trace", "--arrivals"),
    }
    words = [[f"{option}={value}"] for value, options in wrong.items() for option in options]
    words.append(["--rate-to=5", "--trace=trace.txt"])
    (tmp_path / "trace.txt").write_text("0\n1\n")
    command = [sys.executable, "-c", PARSE, json.dumps(words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True)
    lines = done.stderr.splitlines()
    assert len(lines) == len(words)
    for line, (*_, last) in zip(lines, words, strict=True):
        assert f"error: argument {last.partition('=')[0]}: " in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rate", "10/s"), "argument --rate: must be a number above 0, not '10/s'"),
        (("--trace", "trace.txt"), "argument --trace: Capacity has a shape of its own; name scenarios without one"),
        (("Stairs", "--rate-to", "50"), "argument --rate-to: Stairs has a shape of its own; name scenarios"),
    ],
    ids=["unknown syntax of a rate", "trace for all scenarios", "ramp of stairs"],
)  # fmt: skip
def test_an_option_that_would_not_be_followed_is_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "trace.txt").write_text("0\n1\n2\n")
    code, output = locust("http://127.0.0.1:9", tmp_path, "-f", str(ROOT / "loadtests"), *ONCE, *words)
    assert code == 2
    assert f"error: {said}" in output
    assert "Traceback" not in output


@pytest.mark.alone
def test_what_must_be_refused_is_no_error(server: Server, tmp_path: Path) -> None:
    result = tmp_path / "result"
    words = ("-f", str(ROOT / "loadtests/mixed.py"), *SHORT, *LENIENT, "--result", str(result))
    code, output = locust(server("fast"), tmp_path, *words)
    load = read(result / "mixed")
    assert code == 0, output
    assert set(load.named("invalid").statuses) == {"422"}
    assert set(load.named("user").statuses) == {"200"}
    assert {"predict", "user", "batch", "health", "invalid"} == {one.name for one in load.classes}


@pytest.mark.alone
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


@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["one process", "two processes"])
def test_of_a_run_that_is_interrupted_what_came_is_kept(
    server: Server, tmp_path: Path, processes: tuple[str, ...]
) -> None:
    words = ("-f", str(ROOT / "loadtests"), "Steady", "--headless", "--rate", "100", "--duration", "30", *processes)
    command = [sys.executable, "-m", "locust", *words, "--host", server("fast"), "--result", "result"]
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env=environment(tmp_path),
            preexec_fn=_heed_interrupts,
        )
    try:
        while not re.search(r"(?m)^POST +predict +[1-9]", log.read_text()):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 1, log.read_text()
    finally:
        process.kill()
    output = log.read_text()
    (predict,) = read(tmp_path / "result" / "steady").classes
    assert predict.offered == pytest.approx(3_000, rel=0.1)
    assert predict.statuses.keys() == {"200"}
    assert predict.dropped == predict.offered - predict.completed > 0
    assert re.search(r"steady: INCONCLUSIVE: \d+ of \d+ requests were never sent", output), output
    assert "interrupted before the end of the schedule" in output
    assert "Traceback" not in output


def _heed_interrupts() -> None:
    """What runs in a shell's background ignores them, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
