"""Starlette, no OpenAPI document: a boosted regression that takes `null` for what was not measured.

Rows travel as a list of one or more on the one route there is. `python -m tests.zoo.imputing_starlette --port 8000`
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.zoo.serving import serve

COLUMNS = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
OFTEN_MISSING = ("bp", "s3", "s5")
MOST_BYTES = 1024 * 1024
MOST_ROWS = 2000


class Refused(ValueError):
    """The input is not what is documented."""


def samples() -> list[dict[str, Any]]:
    """The rows of the training data, every fourth of them with a value that was not measured."""
    rows: list[dict[str, Any]] = [dict(zip(COLUMNS, row, strict=True)) for row in _data()[0].tolist()]
    return [row | ({OFTEN_MISSING[at % 3]: None} if at % 4 == 0 else {}) for at, row in enumerate(rows)]


def application() -> Starlette:
    """Train, and serve what was trained."""
    rows, target = _data()
    holed = np.where(np.random.default_rng(0).random(rows.shape) < 0.1, np.nan, rows)
    rising = [int(name == "bmi") for name in COLUMNS]
    model = HistGradientBoostingRegressor(max_iter=40, monotonic_cst=rising, random_state=0).fit(holed, target)

    async def predict(request: Request) -> JSONResponse:
        try:
            values = _values(await _bounded(request))
        except Refused as error:
            return JSONResponse({"error": str(error)}, 422)
        predictions = await run_in_threadpool(model.predict, np.array(values, dtype=float))
        return JSONResponse({"predictions": predictions.tolist(), "model_version": "boosted-3"})

    async def health(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return Starlette(routes=[Route("/predict", predict, methods=["POST"]), Route("/health", health)])


async def _bounded(request: Request) -> bytes:
    """The body, counted as it comes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Refused(f"more than {MOST_BYTES} bytes")
    return bytes(body)


def _values(body: bytes) -> list[list[float]]:
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("the body is not JSON") from None
    rows = plain.get("instances") if isinstance(plain, dict) else None
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
        raise Refused(f"instances: a list of 1 to {MOST_ROWS} rows is wanted")
    if not all(isinstance(row, list) and len(row) == len(COLUMNS) for row in rows):
        raise Refused(f"every row is a list of {len(COLUMNS)} values")
    return [[_value(value) for value in row] for row in rows]


def _value(value: object) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise Refused("every value is a finite number or null")
    return float(value)


def _data() -> tuple[Any, Any]:
    data = load_diabetes(scaled=False)
    return data.data, data.target


if __name__ == "__main__":
    serve(application, __doc__)
