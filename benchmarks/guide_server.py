"""The peer: a model server as deployment guides write it, with the fast HTTP server that they recommend.

`python benchmarks/guide_server.py PORT MODEL.joblib`. FastAPI and pydantic; `async def` computes `predict` and then
`predict_proba` inline. No metrics, no log, no authorisation, no version: it is given every advantage.
"""

from __future__ import annotations

import sys
from typing import Any

import joblib
import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel


class PredictionRequest(BaseModel):
    """The body of /predict."""

    features: list[float]


class PredictionResponse(BaseModel):
    """The answer of /predict."""

    prediction: str
    probabilities: dict[str, float]


def create_app(model: Any) -> FastAPI:
    """The application with a fitted classifier."""
    app = FastAPI(title="Model API")

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "healthy"}

    @app.post("/predict", response_model=PredictionResponse)
    async def predict(request: PredictionRequest) -> PredictionResponse:
        try:
            features = np.array(request.features).reshape(1, -1)
            prediction = model.predict(features)[0]
            probabilities = model.predict_proba(features)[0]
        except Exception as error:
            raise HTTPException(status_code=500, detail=str(error)) from error
        shares = {str(label): float(share) for label, share in zip(model.classes_, probabilities, strict=True)}
        return PredictionResponse(prediction=str(prediction), probabilities=shares)

    return app


if __name__ == "__main__":
    uvicorn.run(
        create_app(joblib.load(sys.argv[2])),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
