"""What is trained: each model's data and the pipeline of each of its versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reference_service import datasets

SEED = 7


@dataclass(frozen=True)
class Recipe:
    """One model: where its rows come from, and how to build the unfitted pipeline of each version."""

    dataset: Callable[[], datasets.Dataset]
    task: str
    pipelines: Mapping[str, Callable[[], Any]]


def _boosted(estimator: type[Any]) -> Any:
    return make_pipeline(estimator(n_estimators=60, max_depth=2, subsample=0.8, random_state=SEED))


RECIPES: Mapping[str, Recipe] = {
    "breast-cancer": Recipe(
        datasets.breast_cancer,
        "classification",
        {
            "1.0.0": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.1, random_state=SEED)),
            "2.0.0": lambda: _boosted(GradientBoostingClassifier),
        },
    ),
    "diabetes": Recipe(
        datasets.diabetes,
        "regression",
        {
            "1.0.0": lambda: make_pipeline(StandardScaler(), Ridge(alpha=1.0, random_state=SEED)),
            "2.0.0": lambda: _boosted(GradientBoostingRegressor),
        },
    ),
}
