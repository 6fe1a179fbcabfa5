"""What the project's own checklist leaves out, against the reference service: the cache, and Schemathesis."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from pytest_mlready.catalogue import checks
from pytest_mlready.evidence.context import Context
from pytest_mlready.finding import Status
from pytest_mlready.inputs import read_rows
from pytest_mlready.schedule import SCHEDULE
from pytest_mlready.service import target
from pytest_mlready.settings import parse
from reference_service.train import train_missing

SERVE = "{python} -m reference_service --model breast-cancer --port {port} --state {state} --cache-seconds 1 --models "
ROOT = Path(__file__).parents[2]
BUDGETS_S = {"contract.cache_truth": 3.0, "fuzz.schemathesis": 8.0}
"""Of Schemathesis, enough for its boundary values."""


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """The reference service with a cache, started."""
    directory = tmp_path_factory.mktemp("reference")
    models = directory / "models"
    train_missing(models)
    settings = parse(
        {
            "service": {"command": f"{SERVE}{models}"},
            "inputs": {"rows": "models/breast-cancer/sample.csv", "label": "diagnosis"},
            "cache": {"ttl_s": 1.0},
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


@pytest.mark.parametrize("id", BUDGETS_S)
def test_the_reference_service_is_green(context: Context, id: str) -> None:
    check = checks()[id]
    evidence: dict[str, object] = {"settings": context.settings}
    for name in (one.name for one in check.evidence):
        gatherer = importlib.import_module(f"pytest_mlready.evidence.{name}")
        stored = msgspec.json.encode(gatherer.gather(replace(context, budget_s=BUDGETS_S[id])))
        evidence[name] = msgspec.json.decode(stored, type=SCHEDULE.evidence[name].record, strict=True)
    found = check.judge({name: evidence[name] for name in check.arguments})
    assert found.status is Status.PASS, (found.summary, found.details)
