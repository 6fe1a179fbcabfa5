"""A bare ASGI application: a neural network as an ONNX graph in single precision, ten digits of 64 pixels.

Its chances are rounded to four digits, as people like to read them. `python -m tests.zoo.digits_asgi --port 8000`
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from tests.zoo.serving import serve

PIXELS = 64
MOST_BYTES = 2 * 1024 * 1024
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Refused(ValueError):
    """The request is refused with `status`."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Left(Exception):
    """The client is gone."""


def samples() -> list[dict[str, Any]]:
    """All rows of the training data, whole numbers from 0 to 16."""
    rows = load_digits().data.astype(int).tolist()
    return [{f"pixel_{at}": value for at, value in enumerate(row)} for row in rows]


class Application:
    """POST /v1/predict with `inputs`, a list of rows; GET /ready."""

    def __init__(self) -> None:
        data = load_digits()
        model = MLPClassifier((32,), max_iter=25, random_state=0, early_stopping=True).fit(data.data, data.target)
        graph = to_onnx(model, data.data[:1].astype(np.float32), options={"zipmap": False})
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(graph.SerializeToString(), options)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await _answer(send, 200, await self._routed(scope, receive))
        except Refused as error:
            await _answer(send, error.status, {"error": str(error)})
        except Left:
            return

    async def _routed(self, scope: Message, receive: Receive) -> object:
        if scope["path"] == "/ready" and scope["method"] == "GET":
            return {"ready": True}
        if scope["path"] != "/v1/predict":
            raise Refused(404, "no such route")
        if scope["method"] != "POST":
            raise Refused(405, "POST is wanted")
        labels, chances = self.session.run(None, {"X": _pixels(await _body(receive))})
        rounded = [[round(float(one), 4) for one in row] for row in chances]
        return {"outputs": [int(label) for label in labels], "probabilities": rounded}


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Left
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise Refused(413, f"more than {MOST_BYTES} bytes")
        if not message.get("more_body"):
            return bytes(body)


def _pixels(body: bytes) -> Any:
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    rows = plain.get("inputs") if isinstance(plain, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) and len(row) == PIXELS for row in rows):
        raise Refused(422, f"inputs: a list of rows of {PIXELS} pixels is wanted")
    if not all(type(value) in {int, float} and 0 <= value <= 16 for row in rows for value in row):
        raise Refused(422, "every pixel is a number from 0 to 16")
    return np.array(rows, dtype=np.float32)


async def _answer(send: Send, status: int, plain: object) -> None:
    body = json.dumps(plain).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    serve(Application, __doc__)
