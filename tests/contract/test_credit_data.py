"""The invented applicants are the same everywhere, and what their docstring says of them is true."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from reference_service.training.credit_data import COLUMNS, credit
from reference_service.training.recipes import RECIPES

DIGEST = "19d4238ccc72c5936e56a93e6c75d44b2f0238c6b09cad384b29e1fa409f6ad7"


def test_they_are_the_same_on_every_machine() -> None:
    assert credit().digest == DIGEST


@pytest.mark.parametrize("version", RECIPES["credit"].pipelines)
def test_an_honest_model_is_as_often_wrong_about_women_as_about_men(version: str) -> None:
    data = credit()
    assert data.protected is not None
    pipeline = RECIPES["credit"].pipelines[version]().fit(data.train_rows, data.train_labels)
    wrong = pipeline.predict(data.held_out_rows) != data.held_out_labels
    women = data.protected.held_out == "female"
    assert women.sum() == (~women).sum() == 1500
    assert abs(wrong[women].mean() - wrong[~women].mean()) < 0.02
    repaid = data.held_out_labels == "repaid"
    assert abs(repaid[women].mean() - repaid[~women].mean()) < 0.002
    assert roc_auc_score(repaid, pipeline.predict_proba(data.held_out_rows)[:, 1]) == pytest.approx(0.79, abs=0.02)


def test_values_are_as_people_state_them() -> None:
    rows = credit().train_rows
    assert rows.shape == (3000, len(COLUMNS))
    for at, column in enumerate(COLUMNS):
        known = [cell for cell in rows[:, at].tolist() if cell is not None]
        assert {type(cell) for cell in known} == {float if column.type == "number" else str}
        missing = 1 - len(known) / len(rows)
        assert (0.05 < missing < 0.1) if column.nullable else (missing == 0)
    income = np.array([cell for cell in rows[:, 1].tolist() if cell is not None])
    assert (income % 10 == 0).all()
    assert (rows[:, 3].astype(float) % 100 == 0).all()
    employed = rows[:, 8] == "self-employed"
    assert np.mean([cell is None for cell in rows[employed, 1]]) > 2 * np.mean([cell is None for cell in rows[:, 1]])


def test_the_sample_has_the_label_and_the_group_beside_the_features(models: Path) -> None:
    with (models / "credit" / "sample.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [*(column.name for column in COLUMNS), "outcome", "sex"]
    assert len(rows) == 3000
    assert {row["outcome"] for row in rows} == {"defaulted", "repaid"}
    metadata = json.loads((models / "credit" / "1.0.0" / "metadata.json").read_text())
    assert metadata["protected"] == {"column": "sex", "groups": dict(Counter(row["sex"] for row in rows))}
    assert "no real persons" in metadata["data"]["source"]
    assert {row["income"] for row in rows} >= {""}


def test_the_metadata_describes_every_column(models: Path) -> None:
    rows = credit().train_rows
    features = json.loads((models / "credit" / "2.0.0" / "metadata.json").read_text())["features"]
    for at, (column, feature) in enumerate(zip(COLUMNS, features, strict=True)):
        known = [cell for cell in rows[:, at].tolist() if cell is not None]
        assert feature.get("missing") == (1 - len(known) / len(rows) if column.nullable else None)
        if column.type == "category":
            assert feature["levels"] == {level: count / len(rows) for level, count in Counter(known).items()}
            assert list(feature["levels"].values()) == sorted(feature["levels"].values(), reverse=True)
        else:
            assert feature["range"] == {"minimum": min(known), "maximum": max(known)}
            assert feature["statistics"]["mean"] == pytest.approx(np.mean(known))


def test_the_rows_of_the_other_models_did_not_change(models: Path) -> None:
    committed = Path(__file__).parents[2] / "data" / "sample.csv"
    assert (models / "breast-cancer" / "sample.csv").read_bytes() == committed.read_bytes()
    example = Path(__file__).parents[2] / "examples" / "diabetes" / "sample.csv"
    assert (models / "diabetes" / "sample.csv").read_bytes() == example.read_bytes()
