"""The shape of answers on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from reference_service.model.predictor import Answer


class JsonResponse(Response):
    """A response of JSON that is written already; Starlette's own works on its headers for as long as that took."""

    def __init__(self, content: bytes, status: int, headers: Mapping[str, str] | None) -> None:
        self.status_code, self.body, self.background = status, content, None
        self.raw_headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        if headers:
            self.raw_headers += [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class Presenter:
    """Makes response bodies. Strict JSON: msgspec writes a float so that it reads back as the same double."""

    def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
        """The members of an answer of /predict; an answer that an experiment routed names its variant."""
        members: dict[str, Any] = {"prediction": answer.prediction}
        if answer.probabilities is not None:
            members["probabilities"] = answer.probabilities
        members["model_version"] = version
        if variant is not None:
            members["variant"] = variant
        members["request_id"] = request_id
        return members

    def batch(self, answers: Sequence[Answer], version: str, request_id: str) -> dict[str, Any]:
        """The members of an answer of /predict/batch."""
        return {"predictions": answers, "model_version": version, "request_id": request_id}

    def response(self, members: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """Members as a JSON response."""
        return JsonResponse(self.encode(members), status, headers)

    def encode(self, members: object) -> bytes:
        """Members as JSON."""
        return msgspec.json.encode(members)
