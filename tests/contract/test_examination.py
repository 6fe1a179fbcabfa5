"""A version serves only if its files are what was published and its model does what it did in training."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reference_service import train
from reference_service.artifacts import manifest
from reference_service.artifacts.registry import Snapshot
from reference_service.model.predictor import SklearnPredictor
from tests.contract.deployments import FIRST, MODEL, SECOND, admin_of, another_version, parts, state_of


@pytest.fixture
def own(models: Path, tmp_path: Path) -> Path:
    """A copy of the registry that may be spoiled."""
    return Path(shutil.copytree(models, tmp_path / "models"))


def spoil_and_sign(models: Path, version: str) -> None:
    """Make an artifact unreadable, and sign it nonetheless."""
    directory = models / MODEL / version
    files = {path.name: path.read_bytes() for path in directory.iterdir() if path.name != manifest.FILE_NAME}
    files["model.skops"] = files["model.skops"][:-100]
    shutil.rmtree(directory)
    train.publish(models, manifest.signing_key(models), MODEL, version, files)


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("file", ["model.skops", "metadata.json", "golden.json", "manifest.json"])
def test_a_flipped_bit_is_refused_and_the_old_version_keeps_serving(
    own: Path, tmp_path: Path, row: list[float], file: str, loaded: bool
) -> None:
    path = own / MODEL / SECOND / file
    content = path.read_bytes()
    spoiled = bytearray(content)
    spoiled[len(spoiled) // 2] ^= 1

    async def scenario() -> None:
        async with admin_of(parts(own, tmp_path)) as client:
            if loaded:  # what is in this worker's memory may be missing in another's
                assert (await client.post("/deployments", json={"version": SECOND})).status_code == 200
                assert (await client.post("/deployments/rollback")).status_code == 200
            before = await state_of(client)
            path.write_bytes(spoiled)
            answer = await client.post("/deployments", json={"version": SECOND})
            assert (answer.status_code, answer.json()["type"]) == (422, "urn:problem:untrusted-artifact")
            assert str(own) not in answer.text
            path.write_bytes(content)
            assert await state_of(client) == before
            assert (await client.post("/predict", json={"features": row})).json()["model_version"] == FIRST
            assert (await client.post("/deployments", json={"version": SECOND})).status_code == 200

    asyncio.run(scenario())


def test_a_version_whose_model_answers_otherwise_than_in_training_is_refused(own: Path, tmp_path: Path) -> None:
    class Skewed(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Any) -> Any:
            answers = super().predict(snapshot, rows)
            return answers if snapshot.version == FIRST else answers[::-1]

    class Failing(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Any) -> Any:
            if snapshot.version != FIRST:
                raise ValueError("no")
            return super().predict(snapshot, rows)

    async def scenario() -> None:
        for predictor in (Skewed(), Failing()):
            async with admin_of(replace(parts(own, tmp_path), predictor=predictor)) as client:
                answer = await client.post("/deployments", json={"version": SECOND})
                assert (answer.status_code, answer.json()["type"]) == (422, "urn:problem:wrong-answers")
                assert (await state_of(client))["generation"] == 0

    asyncio.run(scenario())


def test_a_version_that_cannot_serve_our_clients_is_refused(own: Path, tmp_path: Path, row: list[float]) -> None:
    features = json.loads((own / MODEL / FIRST / "metadata.json").read_text())["features"]
    another_version(own, "3.0.0", features=features[::-1])
    another_version(own, "4.0.0", framework_version="0.1")
    another_version(own, "5.0.0", version=FIRST)
    another_version(own, "7.0.0", features=[{**feature, "range": {"minimum": 0, "maximum": 1}} for feature in features])
    another_version(own, "6.0.0")
    spoil_and_sign(own, "6.0.0")

    async def scenario() -> None:
        async with admin_of(parts(own, tmp_path)) as client:
            answer = await client.post("/deployments", json={"version": "3.0.0"})
            assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:other-interface")
            answer = await client.post("/deployments", json={"version": "5.0.0"})
            assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:other-version")
            for version in ("4.0.0", "6.0.0"):
                answer = await client.post("/deployments", json={"version": version})
                assert (answer.status_code, answer.json()["type"]) == (422, "urn:problem:untrusted-artifact")
                asked = await client.post("/predict", json={"features": row, "model_version": version})
                assert asked.status_code == 503
            assert (await client.post("/deployments", json={"version": "7.0.0"})).status_code == 200  # other data

    asyncio.run(scenario())


def test_a_version_never_gets_another_artifact(own: Path, tmp_path: Path, row: list[float]) -> None:
    kept = shutil.copytree(own / MODEL / SECOND, tmp_path / "kept")

    async def scenario() -> None:
        async with admin_of(parts(own, tmp_path)) as client:

            async def asked(version: str) -> Any:
                found = (await client.post("/predict", json={"features": row, "model_version": version})).json()
                return {**found, "request_id": ""}

            boosted = await asked(SECOND)
            shutil.rmtree(own / MODEL / SECOND)
            another_version(own, SECOND)  # a candidate may still be made anew: what was loaded before must not serve
            assert (await client.post("/deployments", json={"version": SECOND})).status_code == 200
            linear = await asked(SECOND)
            assert linear != boosted
            assert linear["probabilities"] == (await asked(FIRST))["probabilities"]
            assert (await client.post("/deployments/rollback")).status_code == 200
            shutil.rmtree(own / MODEL / SECOND)
            shutil.copytree(kept, own / MODEL / SECOND)
            answer = await client.post("/deployments", json={"version": SECOND})
            assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:version-replaced")
            assert await asked(SECOND) == linear

    asyncio.run(scenario())
