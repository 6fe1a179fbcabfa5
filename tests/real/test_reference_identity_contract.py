"""The identity and contract families against the reference service, and against servers that are broken on purpose."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_mlready.catalogue import checks
from pytest_mlready.evidence.context import Context
from pytest_mlready.finding import Finding, Status
from pytest_mlready.inputs import read_rows
from pytest_mlready.schedule import SCHEDULE
from pytest_mlready.service import target
from pytest_mlready.settings import parse
from reference_service.train import train_missing

SERVE = "{python} -m reference_service --model breast-cancer --port {port} --state {state} --models "
ROOT = Path(__file__).parents[2]
FAMILIES = {"identity", "contract"}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """The reference service, started, with everything declared that the two families can use."""
    directory = tmp_path_factory.mktemp("reference")
    models = directory / "models"
    train_missing(models)
    settings = parse(
        {
            "service": {"command": f"{SERVE}{models} --cache-seconds 1"},
            "inputs": {
                "rows": "models/breast-cancer/sample.csv",
                "label": "diagnosis",
                "golden": "models/breast-cancer/1.0.0/golden.json",
            },
            "registry": {"path": "models/breast-cancer"},
            "cache": {"ttl_s": 1.0},
            "drills": {"broken_model": f"{SERVE}{models} --drill broken-model"},
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
    """Every check of the two families, judged over evidence that went through its file's form and back."""
    wanted = [one for one in checks().values() if one.family in FAMILIES]
    evidence: dict[str, Any] = {"settings": context.settings}
    for name in dict.fromkeys(one.name for check in wanted for one in check.evidence):
        gatherer = importlib.import_module(f"pytest_mlready.evidence.{name}")
        msgspec.json.encode(gatherer.made_with(context))
        stored = msgspec.json.encode(gatherer.gather(context))
        evidence[name] = msgspec.json.decode(stored, type=SCHEDULE.evidence[name].record, strict=True)
    return {one.id: one.judge({name: evidence[name] for name in one.arguments}) for one in wanted}


@pytest.mark.parametrize("check", [id for id, one in checks().items() if one.family in FAMILIES])
def test_the_reference_service_is_green(findings: dict[str, Finding], check: str) -> None:
    found = findings[check]
    assert found.status is Status.PASS, (found.summary, found.details)
