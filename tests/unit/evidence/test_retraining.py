"""The declared training is run twice: what it is given, what it tells, and how it may end."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_mlready.evidence import retraining
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import Retraining
from pytest_mlready.service.target import Target
from pytest_mlready.settings import parse

TELLS = """print('fitting')
print('{"metrics": {"accuracy": 0.9, "rows": 5, "good": true, "name": "x"}, "seed": 7, "data": {"sha256": "ab"}}')
print('done')
"""


def gathered(directory: Path, program: str, arguments: str = "", **declared: Any) -> Retraining:
    (directory / "train.py").write_text(program)
    table = {"command": f"{{python}} train.py {arguments}", **declared}
    plain = {"service": {"url": "http://127.0.0.1:1"}, "quality": {"training": table}}
    settings = parse(plain, source="mlready.toml", directory=directory)
    target = Target("http://127.0.0.1:1", JsonMapping(), {}, None, frozenset())
    return retraining.gather(Context(target, settings, (), 7, 8.0))


def test_the_last_line_that_is_an_object_is_read(tmp_path: Path) -> None:
    found = gathered(tmp_path, TELLS, same=["seed", "data.sha256", "nowhere"])
    assert len(found.runs) == 2
    for run in found.runs:
        assert (run.exit_code, run.problem, run.last_line) == (0, "", "done")
        assert run.metrics == {"accuracy": 0.9, "rows": 5.0}
        assert run.same == {"seed": 7, "data.sha256": "ab"}


def test_a_file_is_read_in_a_directory_that_is_fresh_and_removed(tmp_path: Path) -> None:
    program = """import pathlib, sys
out = pathlib.Path(sys.argv[1])
print(sys.argv[1], list(out.iterdir()))
(out / "m.json").write_text('{"accuracy": 0.5}')
"""
    found = gathered(tmp_path, program, "{directory}", file="m.json", key="")
    told = [run.last_line.split(" ", 1) for run in found.runs]
    assert [run.metrics for run in found.runs] == [{"accuracy": 0.5}] * 2
    assert [rest for _, rest in told] == ["[]", "[]"]
    assert told[0][0] != told[1][0]
    assert not any(Path(made).exists() for made, _ in told)


def test_what_is_recorded_is_handed_over_and_read_in_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text('{"metrics": {"accuracy": 0.8}, "seed": 3}')
    program = "import sys; print(open(sys.argv[1]).read())"
    found = gathered(tmp_path, program, "{recorded}", recorded="card.json", same=["seed"])
    assert found.recorded is not None
    assert (found.recorded.metrics, found.recorded.same) == ({"accuracy": 0.8}, {"seed": 3})
    assert found.runs[0].metrics == {"accuracy": 0.8}


def test_the_salt_of_the_run_is_not_that_of_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    program = """import os; print('{"metrics": {"a": %d}}' % ('PYTHONHASHSEED' in os.environ))"""
    assert gathered(tmp_path, program).runs[0].metrics == {"a": 0.0}


@pytest.mark.parametrize(
    ("program", "declared", "exit_code", "problem", "last_line"),
    [
        ("raise KeyError('seed')", {}, 1, "it ended with exit code 1", "KeyError: 'seed'"),
        ("print('fitted')", {}, 0, "it printed no line that is a JSON object", "fitted"),
        ('print(\'{"metrics": {"a": NaN}}\')', {}, 0, "it printed no line that is a JSON object", None),
        ("print('{\"a\": 1}')", {}, 0, "it tells no metrics: no numbers by name at key 'metrics'", '{"a": 1}'),
        ("print(1)", {"file": "m.json"}, 0, "it wrote no file m.json", "1"),
    ],
)
def test_what_went_wrong_is_said_with_the_last_line(
    tmp_path: Path, program: str, declared: dict[str, Any], exit_code: int, problem: str, last_line: str | None
) -> None:
    (run,) = gathered(tmp_path, program, **declared).runs
    assert (run.exit_code, run.problem) == (exit_code, problem)
    assert last_line is None or run.last_line == last_line


def test_what_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    program = """import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
print('epoch 1 of', child.pid, flush=True)
time.sleep(60)
"""
    began = time.monotonic()
    (run,) = gathered(tmp_path, program, timeout_s=2).runs
    assert time.monotonic() - began < 20
    assert run.exit_code is None
    assert run.problem == "it was not done after 2 s (quality.training.timeout_s)"
    assert run.last_line.startswith("epoch 1 of ")
    assert not _runs(int(run.last_line.split()[-1]))


def _runs(pid: int) -> bool:
    """Whether a process is there and no zombie, within two seconds."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except OSError:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"command": "no-such-program"}, "quality.training.command cannot be run: .*no-such-program"),
        ({"command": "{python} {nowhere}"}, "quality.training.command cannot be run: {nowhere} in"),
        ({"recorded": "nowhere.json"}, "quality.training.recorded: nowhere.json cannot be read"),
        ({"recorded": "{version}.json"}, "quality.training.recorded: no answer names a version"),
    ],
)
def test_what_is_declared_wrong(tmp_path: Path, declared: dict[str, Any], said: str) -> None:
    with pytest.raises(GatherError, match=said):
        gathered(tmp_path, TELLS, **declared)
