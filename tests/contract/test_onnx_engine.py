"""The second engine gives the first one's answers, from an artifact that is as well guarded."""

from __future__ import annotations

import asyncio
import builtins
import hashlib
import importlib.metadata
import json
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import make_pipeline

from reference_service import train
from reference_service.artifacts import manifest, onnx_artifact
from reference_service.artifacts.manifest import Untrusted
from reference_service.artifacts.registry import Registry, Snapshot
from reference_service.components import build_components
from reference_service.model import onnx_engine
from reference_service.model.columns import Row
from reference_service.model.engines import ENGINES, ONNX, SKOPS
from reference_service.model.onnx_engine import OnnxModel, OnnxPredictor
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.settings import Settings
from reference_service.training.recipes import RECIPES, SEED
from tests.contract.conftest import Start, client_of
from tests.contract.test_lifecycle import one_line_error, run

TOLERANCE = ENGINES["onnx"].tolerance
NUMERIC = ("breast-cancer", "diabetes")
PUBLISHED = [(name, version) for name in NUMERIC for version in RECIPES[name].pipelines]


def rows_like(rows: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Random rows within the ranges of real ones, a fifth beyond."""
    low, high = rows.min(axis=0), rows.max(axis=0)
    return np.random.default_rng(11).uniform(low - (high - low) / 10, high + (high - low) / 10, (count, rows.shape[1]))


def disagreement(first: Sequence[Answer], second: Sequence[Answer]) -> float:
    """The largest difference of two engines' answers, relative where they are large; labels must agree unless torn."""
    worst = 0.0
    for one, other in zip(first, second, strict=True):
        if one.probabilities is None or other.probabilities is None:
            assert isinstance(one.prediction, float)
            assert isinstance(other.prediction, float)
            worst = max(worst, abs(one.prediction - other.prediction) / max(1.0, abs(one.prediction)))
            continue
        worst = max(worst, *(abs(share - other.probabilities[name]) for name, share in one.probabilities.items()))
        torn = abs(max(one.probabilities.values()) - 0.5) < TOLERANCE
        assert one.prediction == other.prediction or torn
    return worst


@pytest.mark.parametrize(("name", "version"), PUBLISHED)
def test_golden_and_random_rows_get_the_pipelines_answers(models: Path, name: str, version: str) -> None:
    expected, found = (Registry(models, name, engine).load(version) for engine in ENGINES.values())
    golden = expected.golden
    answers = [Answer(one["prediction"], one.get("probabilities")) for one in golden["answers"]]
    assert disagreement(answers, OnnxPredictor().predict(found, golden["rows"])) <= TOLERANCE
    rows = rows_like(RECIPES[name].dataset().train_rows, 5000).tolist()
    assert disagreement(SklearnPredictor().predict(expected, rows), OnnxPredictor().predict(found, rows)) <= TOLERANCE


@pytest.mark.parametrize(("name", "version"), PUBLISHED)
def test_no_bit_depends_on_the_rows_beside(models: Path, name: str, version: str) -> None:
    model: OnnxModel = Registry(models, name, ENGINES["onnx"]).load(version).estimator
    rows = rows_like(RECIPES[name].dataset().train_rows, 384)
    alone = np.concatenate([model.run([row]) for row in rows.tolist()])
    for size in (2, 3, 16, 17, 64, 128, 384):
        together = [model.run(rows[start : start + size].tolist()) for start in range(0, len(rows), size)]
        assert np.array_equal(np.concatenate(together), alone)


def test_calls_of_several_threads_do_not_meet(models: Path) -> None:
    model: OnnxModel = Registry(models, "breast-cancer", ENGINES["onnx"]).load("2.0.0").estimator
    rows = rows_like(RECIPES["breast-cancer"].dataset().train_rows, 2000).tolist()
    expected = model.run(rows)
    with ThreadPoolExecutor(4) as pool:
        assert [found for (found,) in pool.map(lambda row: model.run([row]), rows)] == expected


@pytest.mark.parametrize("estimator", [RandomForestClassifier, RandomForestRegressor])
def test_forests_are_converted_and_the_same_forest_to_the_same_bytes(estimator: type[Any]) -> None:
    dataset = RECIPES["breast-cancer" if estimator is RandomForestClassifier else "diabetes"].dataset()

    def graph() -> bytes:
        pipeline = make_pipeline(estimator(n_estimators=20, random_state=SEED))
        pipeline.fit(dataset.train_rows, dataset.train_labels)
        content = onnx_artifact.dump(pipeline, dataset.held_out_rows)
        assert content is not None
        return content

    assert graph() == graph()


def test_what_cannot_be_converted_is_published_without(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boosted = HistGradientBoostingClassifier(max_iter=5, random_state=SEED)
    recipe = replace(RECIPES["breast-cancer"], pipelines={"1.0.0": lambda: make_pipeline(boosted)})
    files = train.files_of("other", "1.0.0", recipe, recipe.dataset())
    assert SKOPS in files
    assert ONNX not in files
    train.publish(tmp_path, manifest.signing_key(tmp_path, create=True), "other", "1.0.0", files)
    assert Registry(tmp_path, "other").record("1.0.0").sha256 == hashlib.sha256(files[SKOPS]).hexdigest()
    with pytest.raises(Untrusted, match=r"no model\.onnx in this version: skl2onnx"):
        Registry(tmp_path, "other", ENGINES["onnx"]).load("1.0.0")


def test_a_graph_whose_answers_depend_on_the_batch_is_no_graph() -> None:
    dataset = RECIPES["breast-cancer"].dataset()
    pipeline = RECIPES["breast-cancer"].pipelines["1.0.0"]()
    pipeline.fit(dataset.train_rows, dataset.train_labels)
    single = onnx_artifact._converted(pipeline, 30, single=True)
    assert single is not None
    model = onnx_engine.load(single)  # in single precision this one adds up in an order that depends on the rows
    rows = dataset.held_out_rows.tolist()
    assert np.max(np.abs(np.array(model.run(rows)) - pipeline.predict_proba(rows))) < TOLERANCE
    assert onnx_artifact._disagreement(pipeline, single, dataset.held_out_rows) == np.inf
    double = onnx_artifact._converted(pipeline, 30, single=False)
    assert onnx_artifact.dump(pipeline, dataset.held_out_rows) == double


def test_rows_with_categories_are_left_to_scikit_learn(models: Path) -> None:
    assert onnx_artifact.dump(None, np.array([[1.0, "car"]], dtype=object)) is None
    error = one_line_error(run("--port", "1", "--engine", "onnx", "--model", "credit", "--models", str(models)))
    assert "credit has no model.onnx" in error


def test_training_needs_no_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "skl2onnx":
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    recipe = RECIPES["diabetes"]
    assert ONNX not in train.files_of("diabetes", "1.0.0", recipe, recipe.dataset())


def test_a_missing_runtime_is_named(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(Untrusted, match="--engine onnx needs onnxruntime: pip install onnxruntime"):
        Registry(models, "diabetes", ENGINES["onnx"]).load("1.0.0")


def test_the_served_digest_is_that_of_the_graph_and_scikit_learn_stays_out(start: Start, row: list[float]) -> None:
    one = start("--engine", "onnx")
    directory = one.models / "breast-cancer" / "1.0.0"
    with one.client() as client:
        answer = client.post("/predict", json={"features": row}).json()
        batch = client.post("/predict/batch", json={"instances": [row] * 300}).json()["predictions"]
        info = client.get("/model/info").json()
        assert client.get("/health/ready").status_code == 200
    golden = json.loads((directory / "golden.json").read_text())["answers"][0]
    assert answer["prediction"] == golden["prediction"]
    assert answer["probabilities"] == pytest.approx(golden["probabilities"], rel=TOLERANCE)
    assert all(each["probabilities"] == answer["probabilities"] for each in batch)
    assert info["artifact"] == ONNX
    assert info["sha256"] == hashlib.sha256((directory / ONNX).read_bytes()).hexdigest()
    mapped = Path(f"/proc/{one.process.pid}/maps").read_text()
    assert "onnxruntime" in mapped
    assert "sklearn" not in mapped


def test_the_other_engine_never_loads_the_runtime(start: Start) -> None:
    assert "onnxruntime" not in Path(f"/proc/{start().process.pid}/maps").read_text()


def test_a_flipped_bit_of_the_graph_is_never_served(models: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(models, tmp_path / "models", ignore=shutil.ignore_patterns(".state")))
    path = own / "breast-cancer" / "1.0.0" / ONNX
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert ONNX in one_line_error(run("--port", "1", "--engine", "onnx", "--models", str(own)))


def test_only_what_is_over_at_once_runs_on_the_event_loop(models: Path, row: list[float]) -> None:
    threads: dict[int, set[str]] = {}

    class Watched(OnnxPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            threads.setdefault(len(rows), set()).add(threading.current_thread().name)
            return super().predict(snapshot, rows)

    def ask(row_seconds: float) -> dict[int, set[str]]:
        async def scenario() -> None:
            components = replace(build_components(Settings(models=models, engine="onnx")), predictor=Watched())
            components.serving.start()
            for version, loaded in components.serving.snapshots.items():
                model = replace(loaded.estimator, row_seconds=row_seconds)
                components.serving.snapshots[version] = replace(loaded, estimator=model)
            async with client_of(components) as client:
                threads.clear()
                assert (await client.post("/predict", json={"features": row})).status_code == 200
                assert (await client.post("/predict/batch", json={"instances": [row] * 60})).status_code == 200

        asyncio.run(scenario())
        return {count: {name.partition("_")[0] for name in names} for count, names in threads.items()}

    assert ask(row_seconds=0.00001) == {1: {"MainThread"}, 60: {"MainThread"}}
    assert ask(row_seconds=0.00005) == {1: {"MainThread"}, 60: {"model"}}
    assert ask(row_seconds=0.00050) == {1: {"model"}, 60: {"model"}}


def test_loading_measures(models: Path) -> None:
    content = (models / "diabetes" / "1.0.0" / ONNX).read_bytes()
    assert 0 < onnx_engine.load(content).row_seconds < 1
