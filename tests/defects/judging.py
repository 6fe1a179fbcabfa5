"""A real `pytest --mlready` over the reference service with a defect in it, and what was expected of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_mlready.catalogue import checks
from pytest_mlready.checklist import plan
from pytest_mlready.schedule import SCHEDULE
from pytest_mlready.settings import load
from tests.defects.planting import BREAST_CANCER, Defect, RunDirectory

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = {
    BREAST_CANCER: ("data/sample.csv", 'label = "diagnosis"'),
    "credit": ("models/credit/sample.csv", 'label = "outcome"\nprotected = "sex"'),
}
"""The sample rows of a model, and what is known of their columns."""
HEALTHY = "healthy"
"""Stands for the reference service as it is, where the name of a defect stands otherwise."""
SHORT_LOAD_S = 7
"""Enough to find what is planted; that a healthy service passes is shown with the whole load."""
LONGER_LOAD_S = 14
"""Where what adds up with each request is to be found."""
LONGEST_S = 240
OUTPUTS = ("output", "errors")
"""Files of a run's directory."""
Execute = Callable[[Sequence[str], Path, Mapping[str, str], float], int]
RED = frozenset({"fail", "error", "not_run"})
CLOSING = frozenset(id for id, one in checks().items() if one.closing)
FAMILY = tuple(id for id, one in checks().items() if "rollback_drill" in one.arguments)
COUNTERS_S = SCHEDULE.evidence["counters"].budget_s("smoke")
ENVIRONMENT = {**os.environ}
"""All read now: tests beside which runs are made put checks, evidence and variables of their own there for a while."""
SHORT_COUNTERS_S = 1
"""Where the fault is not one of the metrics, which take 3 s to tell thousands of values from each other."""
_SHORTENED = """from pytest_mlready.schedule import SCHEDULE

SCHEDULE.evidence["steady_load"].seconds["quick"] = {load_s}
SCHEDULE.evidence["soak"].seconds["full"] = 25
SCHEDULE.evidence["counters"].seconds["smoke"] = {counters_s}
SCHEDULE.evidence["schemathesis_run"].seconds["full"] = 15
SCHEDULE.evidence["capacity"].seconds["full"] = 50
SCHEDULE.evidence["mixed_load"].seconds["full"] = 22
"""


@dataclass(frozen=True)
class Judged:
    """A finished run: its exit code, its report, and what it printed."""

    exit_code: int
    report: Mapping[str, Any]
    output: str
    seconds: float

    @property
    def state(self) -> str:
        """The verdict's word."""
        return str(self.report["verdict"]["state"])

    @property
    def blocking(self) -> list[str]:
        """The checks that block, the likeliest cause first."""
        return list(self.report["verdict"]["blocking"])

    @property
    def red(self) -> frozenset[str]:
        """The checks of any severity that found a fault, broke, or were never judged."""
        return frozenset(one["id"] for one in self.report["checks"] if one["status"] in RED)

    def status(self, check: str) -> str:
        """What became of one check."""
        found = [str(one["status"]) for one in self.report["checks"] if one["id"] == check]
        return found[0] if found else "absent"

    def told(self, check: str) -> str:
        """What the report says of one check."""
        return next((f"{one['status']}: {one['reason']}" for one in self.report["checks"] if one["id"] == check), "")


def judge(
    defect: Defect | None,
    directory: Path,
    *,
    profile: str = "smoke",
    checks_made: Sequence[str] = (),
    workers: int | None = None,
    run: Execute | None = None,
) -> Judged:
    """Run the checklist in a directory of its own; `smoke` makes the checks on the defect's evidence and shortens load.

    `checks_made` are the only ones that are made, if any are given; `workers` is how many a rollback drill has; `run`
    is how pytest is run, if not by `executed`.

    Raises:
        RuntimeError: the run left no report.
    """
    directory.mkdir(parents=True, exist_ok=True)
    toml = directory / "mlready.toml"
    text = checklist_of(defect, directory, profile)
    if workers is not None:
        text = text.replace("--workers 2", f"--workers {workers}").replace("workers = 2", f"workers = {workers}")
    toml.write_text(text)
    (directory / "pytest.ini").write_text("[pytest]\n")
    (directory / "conftest.py").write_text(shortened(defect) if profile == "smoke" else "")
    if defect is not None:
        defect.made("run", RunDirectory(directory))
    made = checks_made
    if not made and profile == "smoke" and defect is not None and defect.check not in CLOSING:
        made = FAMILY if drilled(defect) else sharing((defect.check, *filter(None, [defect.after])), toml)
    nodes = [f"{toml}::{check}" for check in made] or [str(toml)]
    began = time.monotonic()
    options = ["-p", "pytest_mlready.plugin", "-p", "no:cacheprovider", "--mlready"]
    code = (run or executed)([*options, *nodes], directory, environment(), LONGEST_S)
    output, errors = ((directory / name).read_text() for name in OUTPUTS)
    report = directory / "mlready-report" / "report.json"
    if not report.is_file():
        raise RuntimeError(f"no report was written, exit code {code}\n{output}\n{errors}")
    return Judged(code, json.loads(report.read_text()), output, time.monotonic() - began)


def executed(arguments: Sequence[str], directory: Path, environment: Mapping[str, str], timeout_s: float) -> int:
    """Run pytest in a directory of its own, with its output in `OUTPUTS` there, and return its exit code."""
    command = [sys.executable, "-m", "pytest", *arguments]
    with (directory / OUTPUTS[0]).open("wb") as output, (directory / OUTPUTS[1]).open("wb") as errors:
        done = subprocess.run(
            command, cwd=directory, env=environment, stdout=output, stderr=errors, timeout=timeout_s, check=False
        )
    return done.returncode


def sharing(made: Sequence[str], toml: Path) -> list[str]:
    """The checks of the profile that can be made from the evidence of these, and they: nothing more is asked for."""
    gathered = {one.name for check in made for one in checks()[check].evidence}
    possible = plan(load(toml), "smoke", named=made).items
    return [one.id for one in possible if {each.name for each in one.evidence} <= gathered]


def drilled(defect: Defect | None) -> bool:
    """Whether it is one of those that a rollback drill finds, which all are judged together and nothing else."""
    return defect is not None and defect.check in FAMILY


def shortened(defect: Defect | None) -> str:
    """A conftest.py that leaves out what finds nothing more of this defect."""
    counts = defect is None or any(check.startswith("metrics.") for check in (defect.check, *defect.also))
    counters_s = COUNTERS_S if counts else SHORT_COUNTERS_S
    grows = defect is not None and defect.check == "lifecycle.memory_stable"
    return _SHORTENED.format(load_s=LONGER_LOAD_S if grows else SHORT_LOAD_S, counters_s=counters_s)


def environment() -> dict[str, str]:
    """Of the run and its service: this project importable, and no other plugin, nor options of the run around it."""
    kept = {name: value for name, value in ENVIRONMENT.items() if not name.startswith(("PYTEST", "COV"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


DRIFT = f"""[drift]
reference = '{ROOT / "data/reference.json"}'
current = '{ROOT / "data/sample.csv"}'
ignore = ["diagnosis"]
smallest_shift = 0.75
"""
"""The project's own, for defects that alter no data."""


def checklist_of(defect: Defect | None, directory: Path, profile: str) -> str:
    """The project's own checklist, with the defect served in the place of the reference service."""
    models, model = ROOT / "models", BREAST_CANCER
    if defect is not None:
        model = defect.model
        models = defect.registry(models, directory / "registry", model)
    module = "reference_service" if defect is None else f"tests.defects serve {defect.name}"
    command = f"{{python}} -m {module} --model {model} --models '{models}' --port {{port}} --state {{state}}"
    command += " --drain-seconds 0.1" if profile == "smoke" else ""
    declares = "" if defect is None else defect.declares.replace("{served}", command)
    golden = "" if defect is not None and not defect.golden else f"golden = '{models / model / '1.0.0/golden.json'}'"
    rows, columns = SAMPLES[model]
    return f"""profile = "{profile}"

[service]
command = "{command}"
{"" if profile == "full" else "ready_timeout_s = 90"}

[inputs]
rows = '{ROOT / rows}'
{columns}
{golden}

[registry]
path = '{models / model}'

[latency]
rate = 120
p99_ms = 250
error_rate = 0.002
longest_stall_s = 0.05
cpu_ms_per_request = 8
rss_mib = 500

[metrics]

[drills]
broken_model = "{command} --drill broken-model"
{deployment_of(command) if defect is None or defect.check.startswith("deployment.") else ""}
{declares}
{"" if "[drift]" in declares else DRIFT}
"""


def undecided(judged: Judged, defect: Defect | None) -> bool:
    """Whether the run says that it could not tell, where it must."""
    if defect is None:
        return judged.state == "INCONCLUSIVE"
    return defect.expected != "inconclusive" and judged.status(defect.check) == "inconclusive"


def deployment_of(command: str) -> str:
    """The table of the drill, as the project's own, with the service that is judged."""
    declared = tomllib.loads((ROOT / "mlready.toml").read_text())["deployment"]
    words = declared["command"].partition("--models {registry}")[2]
    plain = {**declared, "registry": str(ROOT / "models"), "command": f"{command} --models {{registry}}{words}"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    return "\n".join(["[deployment]", *lines])


def disagreements(defect: Defect, judged: Judged) -> list[str]:
    """How a run differs from what the defect must lead to, one sentence each."""
    must = checks()[defect.check].severity == "must"
    found: list[str] = []
    if judged.status(defect.check) != defect.expected:
        found.append(f"{defect.check} is not {defect.expected} but {judged.told(defect.check)}")
    if must and judged.blocking[:1] != [defect.check]:
        found.append(f"{defect.check} is not named first in {judged.blocking}")
    verdict = "NOT_READY" if defect.expected == "fail" else "INCONCLUSIVE"
    if must and (judged.exit_code, judged.state) != (1, verdict):
        found.append(f"expected exit 1 and {verdict}, got {judged.exit_code} and {judged.state}")
    strays = sorted(judged.red - {defect.check} - defect.also)
    found += [f"{stray} is red too: {judged.told(stray)}" for stray in strays]
    return found
