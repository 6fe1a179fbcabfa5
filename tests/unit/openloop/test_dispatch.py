"""Which worker is given which scenario, whatever Locust is asked for and whoever comes or goes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# Locust patches the interpreter, and so has one of its own.
PROGRAM = """
import json, sys
from locust import User
from locust.runners import WorkerNode
from pytest_mlready.openloop.dispatch import OneOfEach

names, asked, rate, steps = json.loads(sys.argv[1])
nodes = {name: WorkerNode(name) for name in names}
classes = [type(name, (User,), {"fixed_count": 1}) for name in ("A", "B", "C")]
dispatcher = OneOfEach(list(nodes.values()), classes)
told = []
for step, name in [("start", ""), *steps]:
    if step == "comes":
        dispatcher.add_worker(WorkerNode(name))
    elif step == "goes":
        dispatcher.remove_worker(nodes[name])
    dispatcher.new_dispatch(asked, rate)
    told.append(list(dispatcher)[-1])
print(json.dumps(told))
"""
ONCE = {"A": 1, "B": 1, "C": 1}


def dealt(workers: str, asked: int, rate: float, *steps: tuple[str, str]) -> list[dict[str, dict[str, int]]]:
    words = json.dumps([list(workers), asked, rate, steps])
    done = subprocess.run([sys.executable, "-c", PROGRAM, words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told: list[dict[str, dict[str, int]]] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize(("workers", "asked", "rate"), [("w", 1, 1.0), ("vw", 3, 0.1), ("uvwx", 50, 50.0)])
def test_every_worker_has_each_scenario_once_at_once(workers: str, asked: int, rate: float) -> None:
    assert dealt(workers, asked, rate) == [dict.fromkeys(workers, ONCE)]


def test_who_stays_keeps_what_it_does() -> None:
    first, later, last = dealt("uvw", 3, 1.0, ("comes", "x"), ("goes", "v"))
    assert first == later == dict.fromkeys("uvw", ONCE)
    assert last == dict.fromkeys("uw", ONCE)
