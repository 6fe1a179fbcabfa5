"""Starlette, rows as objects in a list, no document: a neural regression in single precision, scaled back in double.

A row is not answered to the last bit as it is in a batch: the order in which single precision adds depends on the
number of rows. `python -m tests.zoo.network_starlette --port 8000`
"""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.zoo.serving import serve

COLUMNS = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
MOST_ROWS = 1500


def samples() -> list[dict[str, Any]]:
    """All rows of the training data, by feature name."""
    return [dict(zip(COLUMNS, row, strict=True)) for row in load_diabetes().data.tolist()]


def application() -> Starlette:
    """Train, and serve what was trained: how far a patient is from the mean, in the units of the target."""
    data = load_diabetes()
    scale = float(data.target.std())
    network = MLPRegressor(hidden_layer_sizes=(32, 16), alpha=1.0, max_iter=60, random_state=0)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        network.fit(_scaled(data.data), ((data.target - data.target.mean()) / scale).astype(np.float32))

    async def invocations(request: Request) -> JSONResponse:
        rows = _rows(await request.body())
        return JSONResponse({"predictions": (network.predict(_scaled(rows)).astype(float) * scale).tolist()})

    async def ping(request: Request) -> JSONResponse:
        return JSONResponse({})

    async def refuse(request: Request, error: Exception) -> JSONResponse:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return JSONResponse({"error": str(getattr(error, "detail", "it is our fault"))}, status)

    routes = [Route("/invocations", invocations, methods=["POST"]), Route("/ping", ping)]
    return Starlette(routes=routes, exception_handlers={HTTPException: refuse})


def _rows(body: bytes) -> list[list[float]]:
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None
    rows = plain.get("dataframe_records") if isinstance(plain, dict) else None
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
        raise HTTPException(422, f"dataframe_records: a list of 1 to {MOST_ROWS} rows is wanted")
    return [_values(row, at) for at, row in enumerate(rows)]


def _values(row: object, at: int) -> list[float]:
    if not isinstance(row, dict) or row.keys() != set(COLUMNS):
        raise HTTPException(422, f"row {at}: an object with {', '.join(COLUMNS)} is wanted")
    for name, value in row.items():
        if type(value) not in {int, float} or not -math.inf < value < math.inf or abs(value) > 100:
            raise HTTPException(422, f"row {at}, {name}: a number from -100 to 100 is wanted")
    return [float(row[name]) for name in COLUMNS]


def _scaled(rows: Any) -> Any:
    """Near one each, as the network likes it."""
    return np.array(rows, dtype=np.float32) * 20


if __name__ == "__main__":
    serve(application, __doc__)
