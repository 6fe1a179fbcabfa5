"""Our fuzzing as a client that looks for a service's fault, and what any client found, asked and cost.

Every client meets the same service, each on an instance of its own that nobody asked before. Requests are those that
the service logged. CPU seconds are the client's alone: of ours the pytest process, whose service is a child that is not
counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from pytest_mlready.catalogue import Check, checks
from pytest_mlready.service.instance import Instance
from pytest_mlready.service.launch import start, wait_ready
from tests.defects.judging import ROOT, environment
from tests.defects.planting import declared
from tests.zoo.judging import searching

MODEL = "breast-cancer"
MODELS = ROOT / "models"
LONGEST_S = 300
CACHE = '[cache]\nheader = "x-cache"\n'
READY_S = 30.0
OFFLINE = """from math import exp

WEIGHTS = {weights}


def answers(rows):
    for row in rows:
        score = {intercept} + sum(weight * value for weight, value in zip(WEIGHTS, row.values()))
        malignant = 1 / (1 + exp(-score)) if score > 0 else exp(score) / (1 + exp(score))
        label = "malignant" if malignant > 0.5 else "benign"
        yield {{"prediction": label, "probabilities": {{"benign": 1 - malignant, "malignant": malignant}}}}
"""
"""The model offline, as a user would declare it: without the service's code, and without scikit-learn."""


@dataclass(frozen=True)
class Found:
    """What one client made of one service.

    Attributes:
        causes: what it says is wrong, and why: by the check's id, or the peer's title with the operation.
        requests: how many the service logged.
        wall_s: from the first request of the search to the last finding; the peer's whole run.
        cpu_s: of the whole process, start-up included.
        search_cpu_s: without the start-up, which ends when the service is known; None where that cannot be told.
        first_s: from the begin of the search to the first finding; None if there was none.
        moments: the same for each of the causes, where it is known.
    """

    causes: Mapping[str, str]
    requests: int
    wall_s: float
    cpu_s: float
    search_cpu_s: float | None
    first_s: float | None
    moments: Mapping[str, float] = field(default_factory=dict)

    def but(self, usual: Mapping[str, str]) -> Found:
        """The same without causes that are named of the healthy service, too."""
        causes = {name: why for name, why in self.causes.items() if name not in usual}
        moments = {name: at for name, at in self.moments.items() if name not in usual}
        return replace(self, causes=causes, moments=moments, first_s=min(moments.values(), default=None))

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def ours(service: str, directory: Path, *, seed: int = 1) -> Found:
    """A run of `pytest --mlready` with the fuzzing checks only.

    Args:
        service: the module that serves, with its own arguments.
        directory: where the run takes place; empty.
    """
    (directory / "pytest.ini").write_text("[pytest]\n")
    (directory / "conftest.py").write_text(Path(__file__).with_name("fuzz_stopwatch.py").read_text())
    (directory / "mlready.toml").write_text(_checklist(service))
    (directory / "offline.py").write_text(OFFLINE.format(**_linear()))
    command = [sys.executable, "-m", "pytest", "-p", "pytest_mlready.plugin", "-p", "no:cacheprovider", "-q"]
    command += [
        "--mlready",
        f"--mlready-seed={seed}",
        *(f"mlready.toml::{one.id}" for one in searched(service)),
    ]
    done = subprocess.run(
        command, cwd=directory, env=environment(), capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    report = directory / "mlready-report/report.json"
    if not report.is_file():
        raise RuntimeError(f"no report was written\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    red = {one["id"]: one["reason"] for one in json.loads(report.read_text())["checks"] if one["status"] == "fail"}
    times = json.loads((directory / "stopwatch.json").read_text())
    return Found(red, logged(directory / "mlready-report/instances/main/service.log"), **times)


def searched(service: str) -> list[Check]:
    """The checks that a run makes of a service: those of fuzzing, and of the cache where it has one."""
    return [*searching(), *([checks()["contract.cache_truth"]] if _caches(service) else [])]


def _checklist(service: str) -> str:
    return f"""
[service]
command = "{_command(service)}"

[inputs]
rows = '{ROOT / "data/sample.csv"}'
label = "diagnosis"
golden = '{MODELS / MODEL / "1.0.0/golden.json"}'

[relations]
score = "malignant"
increasing = ["worst radius", "worst texture", "worst concave points"]
active = ["worst area"]
reference = "offline:answers"
{CACHE if _caches(service) else ""}"""


def _caches(service: str) -> bool:
    planted = declared().get(service.rpartition(" ")[2])
    return planted is not None and "--cache-seconds" in planted.arguments


def _command(service: str) -> str:
    return f"{{python}} -m {service} --models '{MODELS}' --port {{port}} --state {{state}}"


@cache
def _linear() -> dict[str, Any]:
    """The model as the numbers that it consists of."""
    from reference_service.artifacts.registry import Registry

    snapshot = Registry(MODELS, MODEL).load("1.0.0")
    scaler, regression = snapshot.estimator[0], snapshot.estimator[-1]
    scaled = regression.coef_[0] / scaler.scale_
    return {"weights": scaled.tolist(), "intercept": float(regression.intercept_[0] - scaled @ scaler.mean_)}


@contextmanager
def serving(service: str, directory: Path) -> Iterator[Instance]:
    """A service that nobody asked yet but whether it is ready."""
    instance = start(
        _command(service),
        cwd=ROOT,
        state_dir=directory / "state",
        log_path=directory / "service.log",
        env={"PYTHONPATH": str(ROOT)},
    )
    try:
        wait_ready(instance, lambda: _is_ready(instance.url), READY_S)
        yield instance
    finally:
        instance.stop()


def _is_ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/health/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def logged(log: Path) -> int:
    """How many requests a service has logged; probes of its readiness are not counted."""
    lines = log.read_bytes().splitlines()
    return sum(b'"route":' in line and b'"route":"/health/ready"' not in line for line in lines)
