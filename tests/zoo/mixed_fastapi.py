"""FastAPI with named features, numbers beside categories: gradient boosting over indicators, a regression.

The sex is one of two words, the clinic any text: one that training never saw counts as none of those it saw.
`python -m tests.zoo.mixed_fastapi --port 8000`
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor

from tests.zoo.serving import serve

CLINICS = ("north", "south", "east")
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1000, le=10_000)]


class Patient(BaseModel):
    model_config = ConfigDict(extra="forbid")
    age: Annotated[int, Field(strict=True, ge=0, le=130)]
    sex: Literal["female", "male"]
    clinic: Annotated[str, Field(strict=True, max_length=200)]
    bmi: Number
    blood_pressure: Number
    glucose: Number


class Patients(BaseModel):
    model_config = ConfigDict(extra="forbid")
    instances: Annotated[list[Patient], Field(min_length=1, max_length=1000)]


class Progress(BaseModel):
    prediction: float
    model_version: str = "boosted-1"


class Progresses(BaseModel):
    predictions: list[Progress]


def samples() -> list[dict[str, Any]]:
    """All rows of the training data; the clinic, which the data does not have, follows from a patient's place."""
    rows = load_diabetes(scaled=False).data.tolist()
    return [
        {
            "age": int(age), "sex": "female" if sex == 1 else "male", "clinic": CLINICS[at * 7 % 3],
            "bmi": bmi, "blood_pressure": pressure, "glucose": glucose,
        }
        for at, (age, sex, bmi, pressure, *_, glucose) in enumerate(rows)
    ]  # fmt: skip


def application() -> FastAPI:
    """Train, and serve what was trained."""
    patients = [Patient(**row) for row in samples()]
    from_north = np.array([one.clinic == "north" for one in patients])
    model = GradientBoostingRegressor(n_estimators=50, max_depth=3, random_state=0)
    model.fit(_coded(patients), load_diabetes().target + 20.0 * from_north)
    app = FastAPI(title="diabetes")

    def progresses(patients: list[Patient]) -> list[Progress]:
        return [Progress(prediction=value) for value in model.predict(_coded(patients)).tolist()]

    @app.exception_handler(RequestValidationError)
    async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = [{"loc": list(one["loc"]), "msg": one["msg"]} for one in error.errors()[:20]]
        return JSONResponse({"detail": wrong}, status_code=422)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/predict")
    def predict(patient: Patient) -> Progress:
        return progresses([patient])[0]

    @app.post("/predict/batch")
    def predict_batch(patients: Patients) -> Progresses:
        return Progresses(predictions=progresses(patients.instances))

    return app


def _coded(patients: list[Patient]) -> Any:
    """A row of numbers for each: what is a word becomes an indicator for each word that training saw."""
    return np.array(
        [
            [
                one.age,
                one.sex == "male",
                *(one.clinic == name for name in CLINICS),
                one.bmi,
                one.blood_pressure,
                one.glucose,
            ]
            for one in patients
        ],
        dtype=float,
    )


if __name__ == "__main__":
    serve(application, __doc__)
