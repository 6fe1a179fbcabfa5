"""The experiments family against the reference service with two workers: all green, with and without the function."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_mlready.catalogue import Check, checks
from pytest_mlready.evidence.context import Context
from pytest_mlready.finding import Finding, Status
from pytest_mlready.inputs import read_rows
from pytest_mlready.measure.assignment.planned import REQUESTS
from pytest_mlready.records import Assignments
from pytest_mlready.service import target
from pytest_mlready.settings import Settings, parse
from reference_service.train import train_missing

ROOT = Path(__file__).parents[2]
OWN = tomllib.loads((ROOT / "mlready.toml").read_text())
SERVE = "{python} -m reference_service --port {port} --state {state} --workers 2 --experiments data/experiments.json"
OTHERS = {"experiments.ramp_monotone", "experiments.stats_sound"}
"""They need a token and no service at all."""
KNOWN: dict[str, Check] = {id: one for id, one in checks().items() if one.family == "experiments" and id not in OTHERS}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """The service, started with the experiments of the project's own checklist."""
    directory = tmp_path_factory.mktemp("reference")
    models = directory / "models"
    train_missing(models)
    plain = {
        "service": {"command": f"{SERVE} --models {models}"},
        "inputs": {"rows": "models/breast-cancer/sample.csv", "label": "diagnosis"},
        "experiments": OWN["experiments"],
    }
    settings = parse(plain, source="mlready.toml", directory=directory)
    rows = read_rows(settings)
    command = str(settings.service.command)
    started = target.launch(
        command=command, cwd=ROOT, run_dir=directory / "run", feature_names=tuple(rows[0]), start_timeout_s=120
    )
    try:
        yield Context(started, settings, rows, seed=7, budget_s=2.0)
    finally:
        started.stop()


def judged(context: Context, records: dict[str, object]) -> dict[str, Finding]:
    """Every check on evidence that is gathered at most once."""
    found = {}
    for id, one in KNOWN.items():
        for evidence in one.evidence:
            if evidence.name not in records:
                gatherer = importlib.import_module(f"pytest_mlready.evidence.{evidence.name}")
                records[evidence.name] = gatherer.gather(context)
        given = {"settings": context.settings, **records}
        found[id] = one.judge({name: given[name] for name in one.arguments})
    return found


def test_all_is_green_in_at_most_600_requests(context: Context) -> None:
    records: dict[str, object] = {}
    found = judged(context, records)
    assert {id: one.summary for id, one in found.items() if one.status is not Status.PASS} == {}
    made = records["assignments"]
    assert isinstance(made, Assignments)
    others = len(made.definitions) + len(made.odd) + len(made.labelled) + 2
    assert len(made.asked) <= REQUESTS
    assert len(made.asked) + others <= 600
    assert {one.logged for one in made.labelled} == {True}


def test_without_the_function_nothing_is_blamed(context: Context) -> None:
    settings: Settings = context.settings
    assert settings.experiments is not None
    unknown = tuple(replace(one, function=None, salt="") for one in settings.experiments.declared)
    hidden = replace(settings, experiments=replace(settings.experiments, declared=unknown))
    found = judged(replace(context, settings=hidden), {})
    assert {id: one.summary for id, one in found.items() if one.status is Status.FAIL} == {}
    assert "users are divided as declared" in found["experiments.split"].summary
