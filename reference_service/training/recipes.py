"""What is trained: each model's data and the pipeline of each of its versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from reference_service.model.columns import NUMBER, Column
from reference_service.training import credit_data, datasets

SEED = 7


@dataclass(frozen=True)
class Recipe:
    """One model: where its rows come from, and how to build the unfitted pipeline of each version."""

    dataset: Callable[[], datasets.Dataset]
    task: str
    pipelines: Mapping[str, Callable[[], Any]]


def _boosted(estimator: type[Any]) -> Any:
    return make_pipeline(estimator(n_estimators=60, max_depth=2, subsample=0.8, random_state=SEED))


def _prepared(columns: Sequence[Column], estimator: Any) -> Any:
    """Numbers with the median for missing ones, and categories one by one: a level that training lacked is none."""
    numbers = [i for i, column in enumerate(columns) if column.type == NUMBER]
    categories = [i for i, column in enumerate(columns) if column.type != NUMBER]
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), categories),
    )
    return make_pipeline(prepare, estimator)


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
    "credit": Recipe(
        credit_data.credit,
        "classification",
        {
            "1.0.0": lambda: _prepared(credit_data.COLUMNS, LogisticRegression(C=0.1, random_state=SEED)),
            "2.0.0": lambda: _prepared(
                credit_data.COLUMNS,
                GradientBoostingClassifier(n_estimators=60, max_depth=3, subsample=0.8, random_state=SEED),
            ),
        },
    ),
}
