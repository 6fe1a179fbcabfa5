"""Experiments that a new instance begins with: in force from the first request, and what a bad file is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from reference_service.__main__ import prepare_models, settings_of
from reference_service.components import build_components
from reference_service.experiments.experiment_file import BadExperiments, read_experiments
from reference_service.server import CannotServe
from reference_service.settings import Settings
from tests.contract.conftest import client_of
from tests.contract.deployments import ADMIN, token_file
from tests.contract.experiments import assigned, recomputed, shares


def written(directory: Path, experiments: object) -> Path:
    path = directory / "experiments.json"
    path.write_text(experiments if isinstance(experiments, str) else json.dumps(experiments))
    return path


def test_they_are_in_force_at_once_and_stay_what_admins_make_of_them(models: Path, tmp_path: Path) -> None:
    settings = Settings(
        models=models,
        state=tmp_path / "state",
        tokens=token_file(tmp_path),
        experiments=written(tmp_path, {"checkout": shares(0.5, 0.5)}),
    )

    async def begun() -> None:
        async with client_of(build_components(settings)) as client:
            told = (await client.get("/experiments/checkout")).json()
            assert (told["running"], told["generation"], told["salt"]) == (True, 0, "checkout")
            for user in ("ada", "bo", "7"):
                found = await assigned(client, user)
                assert (found["bucket"], found["variant"]) == recomputed(told, user)
            changed = await client.put("/experiments/checkout", json=shares(0.2, 0.8), headers=ADMIN)
            assert changed.json()["generation"] == 1

    async def back() -> None:
        async with client_of(build_components(settings)) as client:
            variants = (await client.get("/experiments/checkout")).json()["variants"]
            assert [one["weight"] for one in variants] == [0.2, 0.8]

    asyncio.run(begun())
    asyncio.run(back())


def test_predictions_are_counted_by_variant(models: Path, tmp_path: Path, row: list[float]) -> None:
    settings = Settings(models=models, experiments=written(tmp_path, {"checkout": shares(0, 1)}))

    async def scenario() -> None:
        async with client_of(build_components(settings)) as client:
            await client.post("/predict", json={"features": row, "user_id": "ada"})
            await client.post("/predict", json={"features": row})
            text = (await client.get("/metrics")).text
            assert 'experiment_predictions_total{model_version="2.0.0",variant="boosted"} 1.0' in text
            assert text.count("experiment_predictions_total{") == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "no JSON object"),
        ("{", "no JSON object"),
        ({"a b": shares(0.5, 0.5)}, "the name 'a b' must be"),
        ({"e": shares(0.5, 0.6)}, "e: $.variants the weights must add up to 1"),
        ({"e": {"variants": []}}, "e: $.variants must be an array"),
        ({"e": shares(1, 0, starts_at="2026-03-02T00:00:00Z", ends_at="2026-03-01T00:00:00Z")}, "$.ends_at must be"),
    ],
)
def test_a_bad_file_is_told_where(tmp_path: Path, content: object, said: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(BadExperiments) as caught:
        read_experiments(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_the_command_line_refuses_what_cannot_be_served(models: Path, tmp_path: Path) -> None:
    unknown = {"variants": [{"name": "a", "weight": 1}, {"name": "b", "version": "9.9.9", "weight": 0}]}
    for file, said in ((tmp_path / "none.json", "none.json"), (written(tmp_path, {"e": unknown}), "9.9.9")):
        with pytest.raises(CannotServe, match=said):
            prepare_models(settings_of(["--models", str(models), "--experiments", str(file)]))
