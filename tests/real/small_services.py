"""Small services as people write them, each with its own layout of bodies: `python -m tests.real.small_services NAME`.

They publish examples as FastAPI does (`Field(examples=…)`, `json_schema_extra`), or nothing at all.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
SPECIES = ("setosa", "versicolor", "virginica")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Flower(Strict):
    sepal_length: Annotated[Number, Field(ge=0, le=1e3, examples=[5.1, 6.3, 7.1])]
    petal_length: Annotated[Number, Field(ge=0, le=1e3, examples=[1.4, 4.4, 5.9])]


class Species(BaseModel):
    prediction: Literal["setosa", "versicolor", "virginica"]
    probabilities: dict[str, float]


class House(Strict):
    rooms: Annotated[int, Field(strict=True, ge=0, le=1000)]
    area: Annotated[Number, Field(ge=0, le=1e6)]
    zone: Literal["north", "south"]


class Asked(Strict):
    features: House


class Houses(Strict):
    instances: Annotated[list[Asked], Field(min_length=1, max_length=1000)]
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "instances": [
                    {"features": {"rooms": 3, "area": 80.5, "zone": "north"}},
                    {"features": {"rooms": 5, "area": 140.0, "zone": "south"}},
                ]
            }
        }
    )


class Price(BaseModel):
    value: float


class Prices(BaseModel):
    predictions: list[Price]


class Review(Strict):
    text: Annotated[str, Field(strict=True, max_length=20_000, examples=["a fine film", "dull and far too long"])]


class Sentiment(BaseModel):
    label: Literal["positive", "negative"]
    score: float


class Matrix(Strict):
    inputs: Annotated[list[Annotated[list[Number], Field(min_length=2, max_length=2)]], Field(min_length=1)]
    model_config = ConfigDict(json_schema_extra={"examples": [{"inputs": [[1.0, 2.0], [3.0, -4.0]]}]})


class Split(Strict):
    dataframe_split: dict[str, Any]


def flowers(app: FastAPI) -> None:
    """Three classes, named features, an example for each field."""

    @app.post("/predict")
    async def predict(flower: Flower) -> Species:
        """The nearest mean."""
        near = [math.exp(-abs(flower.petal_length / 10 - mean)) for mean in (0.15, 0.43, 0.55)]
        chances = {name: one / sum(near) for name, one in zip(SPECIES, near, strict=True)}
        return Species.model_validate({"prediction": max(chances, key=chances.__getitem__), "probabilities": chances})


def houses(app: FastAPI) -> None:
    """A regressor whose rows are objects in objects in a list."""

    @app.post("/predict")
    async def predict(houses: Houses) -> Prices:
        """A price by area, rooms and zone."""
        rows = [one.features for one in houses.instances]
        return Prices(
            predictions=[Price(value=2.0 * row.area + 10.0 * row.rooms + 5.0 * (row.zone == "north")) for row in rows]
        )


def reviews(app: FastAPI) -> None:
    """One feature, a free text."""

    @app.post("/classify")
    async def predict(review: Review) -> Sentiment:
        """Words counted."""
        score = 1 / (1 + math.exp(len(review.text.split()) - 4))
        return Sentiment(label="positive" if score >= 0.5 else "negative", score=score)


def matrix(app: FastAPI) -> None:
    """Rows of numbers under `inputs`, answered by a list of numbers."""

    @app.post("/v1/predict")
    async def predict(matrix: Matrix) -> dict[str, list[float]]:
        """A weighted sum."""
        return {"predictions": [2.0 * first - second for first, second in matrix.inputs]}


def split(app: FastAPI) -> None:
    """Takes a frame in parts, as pandas writes one."""

    @app.post("/invocations")
    async def predict(frame: Split) -> dict[str, list[float]]:
        """Sums of rows."""
        return {"predictions": [sum(row) for row in frame.dataframe_split["data"]]}


SERVICES: dict[str, Callable[[FastAPI], None]] = {
    one.__name__: one for one in (flowers, houses, reviews, matrix, split)
}


def made(name: str) -> FastAPI:
    """The application of that name, with a health route, and refusals that repeat nothing that was sent."""
    app = FastAPI(title=name)

    @app.exception_handler(RequestValidationError)
    async def refuse(request: object, error: RequestValidationError) -> JSONResponse:
        """Where it is wrong, and how."""
        found = [{"loc": [str(part)[:50] for part in one["loc"]], "msg": one["msg"]} for one in error.errors()[:20]]
        return JSONResponse({"detail": found}, 422)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Alive."""
        return {"status": "ok"}

    SERVICES[name](app)
    return app


def main() -> None:
    """Serve one of them."""
    flags = argparse.ArgumentParser()
    flags.add_argument("name", choices=sorted(SERVICES))
    flags.add_argument("--port", type=int, required=True)
    given = flags.parse_args()
    uvicorn.run(made(given.name), port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
