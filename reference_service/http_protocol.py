"""The HTTP parser's own refusals, in the form of all others."""

from __future__ import annotations

import uuid
from http import HTTPStatus

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from reference_service.problems import MEDIA_TYPE, Problem, ProblemRenderer


class ProblemProtocol(HttpToolsProtocol):
    """uvicorn's protocol, but what is not HTTP (an invented method, too) is answered with a problem document.

    Such bytes never become a request, so they have no route, and are in no metric.
    """

    def send_400_response(self, msg: str) -> None:
        """Refuse, and close: where the next request would begin is anyone's guess."""
        problem = Problem(HTTPStatus.BAD_REQUEST, "malformed-http", "This is not an HTTP request.")
        content = msgspec.json.encode(ProblemRenderer().body(problem, str(uuid.uuid4())))
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(content)}\r\n"
        self.transport.write(f"{head}connection: close\r\n\r\n".encode() + content)
        self.transport.close()
