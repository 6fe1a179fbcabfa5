"""FastAPI with a strict, bounded schema: a logistic regression over 30 numbers, singly and in batches.

It compares columns: what is worst in a row cannot be less than the mean of the same.

`python -m tests.zoo.linear_fastapi --port 8000`
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.zoo.serving import serve

VERSION = "linear-1"
MOST_ROWS = 1000
Value = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e6, le=1e6)]


def consistent(features: list[float]) -> list[float]:
    """Ten means come first, the ten worst values of the same last."""
    if any(worst < mean for mean, worst in zip(features[:10], features[20:], strict=True)):
        raise ValueError("a worst value is below its mean")
    return features


Features = Annotated[list[Value], Field(min_length=30, max_length=30), AfterValidator(consistent)]


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid")
    features: Features


class Rows(BaseModel):
    model_config = ConfigDict(extra="forbid")
    instances: Annotated[list[Features], Field(min_length=1, max_length=MOST_ROWS)]


class Score(BaseModel):
    prediction: str
    probabilities: dict[str, float]
    model_version: str


class Scores(BaseModel):
    predictions: list[Score]


def samples() -> list[dict[str, Any]]:
    """All rows of the training data, by feature name."""
    data = load_breast_cancer()
    return [dict(zip(data.feature_names.tolist(), row, strict=True)) for row in data.data.tolist()]


def application() -> FastAPI:
    """Train, and serve what was trained."""
    data = load_breast_cancer()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(data.data, data.target)
    classes = [str(data.target_names[label]) for label in model.classes_]
    app = FastAPI(title="tumours")

    def scores(rows: list[list[float]]) -> list[Score]:
        chances = model.predict_proba(np.array(rows))
        return [
            Score(
                prediction=classes[int(row.argmax())],
                probabilities=dict(zip(classes, row.tolist(), strict=True)),
                model_version=VERSION,
            )
            for row in chances
        ]

    @app.exception_handler(RequestValidationError)
    async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
        """What is wrong and where, without the input: it may hold NaN, which is no JSON."""
        wrong = [{"loc": list(one["loc"]), "msg": one["msg"]} for one in error.errors()[:20]]
        return JSONResponse({"detail": wrong}, status_code=422)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/predict")
    def predict(row: Row) -> Score:
        return scores([row.features])[0]

    @app.post("/predict/batch")
    def predict_batch(rows: Rows) -> Scores:
        return Scores(predictions=scores(rows.instances))

    return app


if __name__ == "__main__":
    serve(application, __doc__)
