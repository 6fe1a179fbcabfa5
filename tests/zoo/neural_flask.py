"""Flask with named features and no OpenAPI document: a neural network in single precision, three kinds of iris.

It takes what JSON calls an object for a row, and lists of them at a route of its own; texts that hold a number are
refused like any other text. `python -m tests.zoo.neural_flask --port 8000`
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from flask import Flask, Response, jsonify, request
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from werkzeug.exceptions import HTTPException, UnprocessableEntity
from werkzeug.serving import WSGIRequestHandler, make_server

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
LARGEST = 1000.0


def samples() -> list[dict[str, Any]]:
    """All rows of the training data, by feature name."""
    return [dict(zip(COLUMNS, row, strict=True)) for row in load_iris().data.tolist()]


def application() -> Flask:
    """Train, and serve what was trained."""
    data = load_iris()
    network = MLPClassifier((16, 8), alpha=0.1, max_iter=300, tol=1e-3, random_state=0)
    model = make_pipeline(StandardScaler(), network).fit(data.data.astype(np.float32), data.target)
    names = [str(data.target_names[label]) for label in model.classes_]
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024

    def answers(rows: list[list[float]]) -> list[dict[str, Any]]:
        chances = model.predict_proba(np.array(rows, dtype=np.float32))
        return [{"class": names[int(row.argmax())], "scores": row.tolist()} for row in chances]

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.description), error.code or 500

    @app.get("/health")
    def health() -> Response:
        return jsonify(status="ok")

    @app.post("/predict")
    def predict() -> Response:
        return jsonify(answers([_row(request.get_json())])[0])

    @app.post("/predict/many")
    def predict_many() -> Response:
        plain = request.get_json()
        rows = plain.get("rows") if isinstance(plain, dict) else None
        if not isinstance(rows, list) or not 1 <= len(rows) <= 500:
            raise UnprocessableEntity("rows: a list of 1 to 500 rows is wanted")
        return jsonify(predictions=answers([_row(row) for row in rows]))

    return app


def _row(plain: object) -> list[float]:
    if not isinstance(plain, dict) or set(plain) != set(COLUMNS):
        raise UnprocessableEntity(f"an object with {', '.join(COLUMNS)} is wanted")
    values = [plain[name] for name in COLUMNS]
    for name, value in zip(COLUMNS, values, strict=True):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not abs(value) <= LARGEST:  # NaN is neither
            raise UnprocessableEntity(f"{name}: a number up to {LARGEST:g} is wanted")
    return [float(value) for value in values]


class Handler(WSGIRequestHandler):
    """Keeps connections open, as production servers do."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """No line a request."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    make_server("127.0.0.1", port, application(), threaded=True, request_handler=Handler).serve_forever()


if __name__ == "__main__":
    main()
