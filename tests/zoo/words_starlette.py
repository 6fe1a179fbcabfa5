"""Starlette, one free text a row, no document: words and their endings counted, and three classes named.

The texts are sentences from scikit-learn's descriptions of its data sets, the classes are the data sets that they
describe. `python -m tests.zoo.words_starlette --port 8000`
"""

from __future__ import annotations

import json
import re
from typing import Any

from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.zoo.serving import serve

DESCRIBED = {"breast cancer": load_breast_cancer, "diabetes": load_diabetes, "wine": load_wine}
LONGEST = 20_000
MOST_BYTES = 200_000


def samples() -> list[dict[str, Any]]:
    """All sentences."""
    return [{"text": text} for text, _ in _sentences()]


def application() -> Starlette:
    """Train, and serve what was trained."""
    texts, labels = zip(*_sentences(), strict=True)
    model = make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)), LogisticRegression(C=10))
    model.fit(texts, labels)

    async def classify(request: Request) -> JSONResponse:
        text = _text(await _body(request))
        shares = dict(zip(model.classes_.tolist(), model.predict_proba([text])[0].tolist(), strict=True))
        return JSONResponse({"label": max(shares, key=lambda name: shares[name]), "scores": shares})

    async def health(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def refuse(request: Request, error: Exception) -> JSONResponse:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return JSONResponse({"error": str(getattr(error, "detail", "it is our fault"))}, status)

    routes = [Route("/classify", classify, methods=["POST"]), Route("/health", health)]
    return Starlette(routes=routes, exception_handlers={HTTPException: refuse})


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"more than {MOST_BYTES} bytes")
    return body


def _text(body: bytes) -> str:
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None
    text = plain.get("text") if isinstance(plain, dict) and set(plain) == {"text"} else None
    if not isinstance(text, str) or not 1 <= len(text) <= LONGEST:
        raise HTTPException(422, f"text: 1 to {LONGEST} characters are wanted")
    return text


def _sentences() -> list[tuple[str, str]]:
    """Each sentence of the descriptions once, with what it describes."""
    found: dict[str, str] = {}
    for name, load in DESCRIBED.items():
        for sentence in re.split(r"(?<=[.:])\s+", load().DESCR):
            words = " ".join(re.findall(r"[\w'-]+", sentence))
            if 20 <= len(words) <= 400:
                found.setdefault(words, name)
    return list(found.items())


if __name__ == "__main__":
    serve(application, __doc__)
