"""Errors as RFC 9457 problem documents: what was wrong, where, and nothing of how the server is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

MEDIA_TYPE = "application/problem+json"
OPEN_INFERENCE = "/v2"
"""Here and below, clients look for the `error` of the Open Inference Protocol."""


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with a request: a path such as `$.features[3]`, and a sentence of our own."""

    path: str
    message: str


class Problem(Exception):
    """An answer other than the one asked for.

    Attributes:
        status: the HTTP status.
        kind: a stable name for programs, the last part of the problem's `type`.
        detail: a sentence for people.
        faults: what exactly is wrong with the input.
        headers: headers that belong to the status, such as Allow.
        members: what a protocol wants in the document besides.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = dict(headers or {})
        self.members: dict[str, object] = {}


def invalid(*faults: Fault) -> Problem:
    """A 422: well-formed JSON that is not an input of this model."""
    return Problem(422, "invalid-input", "The request does not fit the model's inputs; see errors.", faults)


class ProblemRenderer:
    """Turns whatever was raised while answering into the answer."""

    def problem_for(self, error: Exception) -> Problem:
        """Only what was raised as a Problem or an HTTP error is the client's; all else is ours and says nothing."""
        if isinstance(error, Problem):
            return error
        if isinstance(error, HTTPException):
            return self.http_problem(error)
        return Problem(500, "internal-error", "The server failed to answer this request.")

    def http_problem(self, error: HTTPException) -> Problem:
        """The router's own refusals: unknown path, wrong method."""
        known = {
            404: ("unknown-path", "There is nothing at this path."),
            405: ("method-not-allowed", "This path does not answer this method; see the Allow header."),
        }
        kind, detail = known.get(error.status_code, ("refused", HTTPStatus(error.status_code).phrase))
        return Problem(error.status_code, kind, detail, headers=error.headers)

    def body(self, problem: Problem, request_id: str) -> dict[str, object]:
        """The members of the problem document."""
        members: dict[str, object] = {
            "type": f"urn:problem:{problem.kind}",
            "title": HTTPStatus(problem.status).phrase,
            "status": problem.status,
            "detail": problem.detail,
            "request_id": request_id,
            **problem.members,
        }
        if problem.faults:
            members["errors"] = problem.faults
        return members

    def answer(self, problem: Problem, scope: Scope) -> Response:
        """The problem as the response to one request, with what the protocol of its path wants besides."""
        path = scope["path"]
        if path == OPEN_INFERENCE or path.startswith(f"{OPEN_INFERENCE}/"):
            faults = [f"{fault.path} {fault.message}" for fault in problem.faults[:10]]
            problem.members["error"] = "; ".join(faults) or problem.detail
        return self.render(problem, scope["request_id"])

    def render(self, problem: Problem, request_id: str) -> Response:
        """The problem as a response."""
        content = msgspec.json.encode(self.body(problem, request_id))
        return Response(content, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)
