"""FastAPI whose document says only `list[float]`, the rest being checked by hand: a forest, three kinds of wine.

A batch is a list of bodies, of which it takes 100 at most. `python -m tests.zoo.tree_fastapi --port 8000`
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier

from tests.zoo.serving import serve

MOST_ROWS = 100


class Wine(BaseModel):
    model_config = ConfigDict(strict=True)
    features: list[float]


class Grape(BaseModel):
    label: int
    probabilities: list[float]


def samples() -> list[dict[str, Any]]:
    """All rows of the training data, by feature name."""
    data = load_wine()
    return [dict(zip(data.feature_names, row, strict=True)) for row in data.data.tolist()]


def application() -> FastAPI:
    """Train, and serve what was trained."""
    data = load_wine()
    model = RandomForestClassifier(n_estimators=12, max_depth=6, random_state=0).fit(data.data, data.target)
    width = data.data.shape[1]
    app = FastAPI(title="wines")

    def grapes(wines: list[Wine]) -> list[Grape]:
        for at, wine in enumerate(wines):
            if len(wine.features) != width:
                raise HTTPException(422, f"row {at}: {width} features are wanted, not {len(wine.features)}")
            if not all(math.isfinite(value) and abs(value) < 1e30 for value in wine.features):
                raise HTTPException(422, f"row {at}: every feature is to be a finite number")
        chances = model.predict_proba(np.array([wine.features for wine in wines])).round(4)
        return [Grape(label=int(row.argmax()), probabilities=row.tolist()) for row in chances]

    @app.exception_handler(RequestValidationError)
    async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": error.errors()[0]["msg"]}, status_code=422)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/predict")
    def predict(wine: Wine) -> Grape:
        return grapes([wine])[0]

    @app.post("/predict-batch")
    def predict_batch(wines: list[Wine]) -> list[Grape]:
        if not 1 <= len(wines) <= MOST_ROWS:
            raise HTTPException(413 if wines else 422, f"1 to {MOST_ROWS} rows are taken, not {len(wines)}")
        return grapes(wines)

    return app


if __name__ == "__main__":
    serve(application, __doc__)
