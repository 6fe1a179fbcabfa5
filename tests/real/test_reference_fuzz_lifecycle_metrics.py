"""The fuzz, lifecycle, metrics and latency families and the headroom check against the reference service: all green."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_mlready.catalogue import checks
from pytest_mlready.evidence.context import Context
from pytest_mlready.finding import Finding, Status
from pytest_mlready.inputs import read_rows
from pytest_mlready.records import LoadRun, SchemathesisRun
from pytest_mlready.schedule import SCHEDULE
from pytest_mlready.service import target
from pytest_mlready.settings import parse
from reference_service.train import train_missing

SERVE = "{python} -m reference_service --model breast-cancer --port {port} --state {state} --models "
ROOT = Path(__file__).parents[2]
ELSEWHERE = {"paired_load", "soak", "capacity", "batch_throughput", "mixed_load", "replicas"}
"""Evidence that takes minutes or another version of the service: its planted defects show that it works."""
NEEDS_MORE = {"latency.resource_budget", "lifecycle.memory_stable"}
"""Checks of the steady load that want a declared budget, or more of it than there is here."""
MADE = [
    id
    for id, one in checks().items()
    if (one.family in {"fuzz", "lifecycle", "metrics", "latency"} or id == "harness.generator_headroom")
    and not ELSEWHERE & {each.name for each in one.evidence}
    and id not in NEEDS_MORE
]
SHORT_S = {LoadRun: 8.0, SchemathesisRun: 8.0}
"""Enough for the objective declared below and for Schemathesis' boundary values, and a fraction of the usual time."""


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """The reference service, started, with an objective that a short load can prove."""
    directory = tmp_path_factory.mktemp("reference")
    models = directory / "models"
    train_missing(models)
    settings = parse(
        {
            "service": {"command": f"{SERVE}{models}"},
            "inputs": {"rows": "models/breast-cancer/sample.csv", "label": "diagnosis"},
            "latency": {"rate": 120, "p99_ms": 250, "error_rate": 0.005, "longest_stall_s": 0.02},
            "metrics": {},
            "relations": tomllib.loads((ROOT / "mlready.toml").read_text())["relations"],
        },
        source="mlready.toml",
        directory=directory,
    )
    rows = read_rows(settings)
    command = str(settings.service.command)
    started = target.launch(command=command, cwd=ROOT, run_dir=directory / "run", feature_names=tuple(rows[0]))
    try:
        yield Context(started, settings, rows, seed=7, budget_s=5.0)
    finally:
        started.stop()


@pytest.fixture(scope="module")
def findings(context: Context) -> dict[str, Finding]:
    """Every check, judged over evidence that went through its file's form and back."""
    evidence: dict[str, Any] = {"settings": context.settings}
    for name in dict.fromkeys(one.name for id in MADE for one in checks()[id].evidence):
        gatherer = importlib.import_module(f"pytest_mlready.evidence.{name}")
        msgspec.json.encode(gatherer.made_with(context))
        kind = SCHEDULE.evidence[name].record
        budget_s = SHORT_S.get(kind, SCHEDULE.evidence[name].budget_s("quick"))
        record = gatherer.gather(replace(context, budget_s=budget_s))
        if kind is not LoadRun:  # whose arrays are stored beside the JSON
            record = msgspec.json.decode(msgspec.json.encode(record), type=kind, strict=True)
        evidence[name] = record
    return {id: checks()[id].judge({name: evidence[name] for name in checks()[id].arguments}) for id in MADE}


@pytest.mark.parametrize("check", MADE)
def test_the_reference_service_is_green(findings: dict[str, Finding], check: str) -> None:
    found = findings[check]
    assert found.status is Status.PASS, (found.summary, found.details)
