"""`python -m reference_service.train [--models DIR]`: fit every version that is missing and publish it, signed.

Deterministic: the same seed, data and libraries give the same model. A published version is never written again.
`--again METADATA` fits the version that this file describes as recorded, publishes nothing and prints its metrics.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn import metrics

from reference_service import durable
from reference_service.artifacts import artifact, manifest, onnx_artifact
from reference_service.drift import profile
from reference_service.model.engines import ONNX, SKLEARN, SKOPS
from reference_service.training.datasets import Dataset
from reference_service.training.feature_metadata import features_of
from reference_service.training.recipes import RECIPES, SEED, Recipe

GOLDEN_ROWS = 20
NAN = "nan"


def train_missing(models: Path) -> list[str]:
    """Train what the registry lacks, one trainer at a time, and return the new versions as "name version"."""
    made = []
    with durable.exclusive(models / ".training.lock"):
        key = manifest.signing_key(models, create=True)
        for name, recipe in RECIPES.items():
            missing = [version for version in recipe.pipelines if not (models / name / version).exists()]
            if not missing:
                continue
            dataset = recipe.dataset()
            durable.write_file(models / name / "sample.csv", dataset.sample_csv())
            for version in missing:
                publish(models, key, name, version, files_of(name, version, recipe, dataset))
                made.append(f"{name} {version}")
    return made


def publish(models: Path, key: bytes, name: str, version: str, files: dict[str, bytes]) -> None:
    """Add a version to the registry with its signed manifest.

    Raises:
        FileExistsError: the version exists; versions are immutable.
    """
    signed = {**files, manifest.FILE_NAME: manifest.sign(key, name, version, files)}
    durable.write_directory(models / name / version, signed)


def files_of(name: str, version: str, recipe: Recipe, dataset: Dataset) -> dict[str, bytes]:
    """Fit one version and describe it: artifact, metadata and golden answers, by file name.

    The golden answers are computed here, from the pipeline in memory, so that they also catch a fault in saving it.
    """
    pipeline = recipe.pipelines[version]()
    pipeline.fit(dataset.train_rows, dataset.train_labels)
    described = {
        "name": name,
        "version": version,
        "task": recipe.task,
        "artifact": SKOPS,
        "framework": "scikit-learn",
        "framework_version": sklearn.__version__,
        "python_version": platform.python_version(),
        "trained_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "git_revision": _git_revision(),
        "seed": SEED,
        "estimator": [type(step).__name__ for _, step in pipeline.steps],
        "parameters": _plain(pipeline.get_params(deep=True)),
        "data_version": f"sha256:{dataset.digest}",
        "data": {
            "source": dataset.source,
            "train_rows": len(dataset.train_rows),
            "held_out_rows": len(dataset.held_out_rows),
        },
        "label": dataset.label,
        "features": features_of(dataset),
        "protected": None if dataset.protected is None else dataset.protected.described(),
        "classes": pipeline.classes_.tolist() if recipe.task == "classification" else None,
        "metrics": _metrics(recipe.task, pipeline, dataset),
    }
    golden = _golden(version, recipe.task, pipeline, dataset)
    graph = onnx_artifact.dump(pipeline, np.concatenate([dataset.train_rows, dataset.held_out_rows]))
    return {
        SKOPS: artifact.dump(pipeline),
        **({} if graph is None else {ONNX: graph}),
        "metadata.json": _json(described),
        "golden.json": _json(golden),
        profile.FILE_NAME: profile.Profile.of(dataset.features, dataset.train_rows.tolist()).to_json(),
    }


def again(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Train as a version's metadata record it, and tell the seed, the parameters, the data and the metrics.

    Raises:
        ValueError: the data are others now.
    """
    recipe = RECIPES[recorded["name"]]
    dataset = recipe.dataset()
    if recorded["data_version"] != f"sha256:{dataset.digest}":
        raise ValueError(f"trained on {recorded['data_version']}, the data are sha256:{dataset.digest} now")
    pipeline = recipe.pipelines[recorded["version"]]()
    pipeline.set_params(**{key: value for key, value in recorded["parameters"].items() if value != NAN})
    seeds = [key for key in pipeline.get_params() if key.endswith("random_state")]
    pipeline.set_params(**dict.fromkeys(seeds, recorded["seed"]))
    pipeline.fit(dataset.train_rows, dataset.train_labels)
    return {
        "seed": recorded["seed"],
        "parameters": _plain(pipeline.get_params(deep=True)),
        "data_version": f"sha256:{dataset.digest}",
        "metrics": _metrics(recipe.task, pipeline, dataset),
    }


def _metrics(task: str, pipeline: Any, dataset: Dataset) -> dict[str, float]:
    answers = pipeline.predict(dataset.held_out_rows)
    truth = dataset.held_out_labels
    if task == "regression":
        return {
            "r2": float(metrics.r2_score(truth, answers)),
            "mean_absolute_error": float(metrics.mean_absolute_error(truth, answers)),
        }
    positive = pipeline.predict_proba(dataset.held_out_rows)[:, 1]
    return {
        "accuracy": float(metrics.accuracy_score(truth, answers)),
        "roc_auc": float(metrics.roc_auc_score(truth == pipeline.classes_[1], positive)),
        "log_loss": float(metrics.log_loss(truth, pipeline.predict_proba(dataset.held_out_rows))),
    }


def _golden(version: str, task: str, pipeline: Any, dataset: Dataset) -> dict[str, Any]:
    rows = dataset.held_out_rows[:GOLDEN_ROWS]
    answers = [{"prediction": label} for label in pipeline.predict(rows).tolist()]
    if task == "classification":
        for answer, probabilities in zip(answers, pipeline.predict_proba(rows).tolist(), strict=True):
            answer["probabilities"] = dict(zip(pipeline.classes_.tolist(), probabilities, strict=True))
    return {"model_version": version, "tolerance": SKLEARN.tolerance, "rows": rows.tolist(), "answers": answers}


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """What of them is plain, as JSON, which has no NaN: the imputer's mark of a missing value."""
    plain = {key: value for key, value in parameters.items() if isinstance(value, str | int | float | bool | None)}
    return {key: NAN if value != value else value for key, value in plain.items()}


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2, allow_nan=False).encode()


def _git_revision() -> str:
    command = ["git", "rev-parse", "HEAD"]
    try:
        found = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(prog="python -m reference_service.train", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="DIR", help="the registry (models)")
    parser.add_argument("--again", type=Path, metavar="METADATA", help="the metadata.json of a version to train again")
    options = parser.parse_args()
    if options.again is not None:
        try:
            told = again(json.loads(options.again.read_bytes()))
        except (OSError, ValueError) as error:
            parser.error(f"--again {options.again}: {error}")
        except (KeyError, TypeError) as error:
            parser.error(f"--again {options.again}: expected the metadata.json of a version, not found there: {error}")
        print(json.dumps(told, allow_nan=False))
        return
    models = options.models
    made = train_missing(models)
    print(f"trained {', '.join(made)} into {models}" if made else f"{models} has every version already")


if __name__ == "__main__":
    main()
