"""What leaks from an error body, and what only looks like it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_mlready.checks.contract_inputs import no_leak
from pytest_mlready.checks.leaks import leak
from pytest_mlready.finding import Status
from pytest_mlready.records import BadRequest, BadRequests, Identity
from tests.unit.records_made import answered, exchange

TRACEBACK = "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in predict\nKeyError: 'features'"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"detail": TRACEBACK}, "a traceback"),
        ({"error_code": "BAD_REQUEST", "stack_trace": "…"}, "a traceback"),
        ({"detail": 'File "model.py", line 3'}, "a stack frame"),
        ({"error": "at com.acme.Model.predict(Model.java:42)"}, "a stack frame"),
        ({"detail": "cannot open /home/ana/models/m.joblib"}, "a file's path"),
        ({"detail": "see predictor.py:31"}, "a file's path"),
        ({"detail": "KeyError: 'features'"}, "an exception's name"),
        ({"error": "sklearn.exceptions: not fitted"}, "a library's module"),
        ({"detail": "could not convert string to float: 'abc'"}, "a library's words"),
        ({"detail": "X has 29 features, but StandardScaler is expecting 30 features as input."}, "a library's words"),
        ({"detail": "Input X contains NaN.\nLogisticRegression does not accept missing values"}, "a library's words"),
        ({"detail": "Expecting value: line 1 column 1 (char 0)"}, "a library's words"),
        ({"detail": "'NoneType' object is not subscriptable"}, "a library's words"),
        ({"detail": "'features'"}, "an exception's text"),
    ],
)
def test_leaks(body: object, kind: str) -> None:
    assert (leak(json.dumps(body)) or "").startswith(kind)


@pytest.mark.parametrize(
    "body",
    [
        {
            "type": "about:blank",
            "title": "Unprocessable",
            "errors": [{"pointer": "/features/3", "detail": "not finite"}],
        },
        {"errors": [{"path": "$.features[15]", "message": "must be a finite number, is a string"}]},
        {"detail": [{"type": "missing", "loc": ["body", "features"], "msg": "Field required", "input": {}}]},
        {"detail": [{"type": "json_invalid", "msg": "JSON decode error", "ctx": {"error": "Expecting value"}}]},
        {"detail": [{"type": "float_parsing", "url": "https://errors.pydantic.dev/2.1/v/float_parsing"}]},
        {"detail": "Not Found"},
        {"error": "invalid_request_error", "message": "must have 30 numbers, has 29", "instance": "/predict"},
        {"type": "https://example.com/problems/bad-request", "detail": "The body is not JSON at character 0."},
        {"detail": "pointer /data/0 and /app/inputs/3 are not numbers"},
        {"detail": "ValidationError", "message": "Value at /usr_id is missing"},
    ],
)
def test_words_for_clients_are_no_leaks(body: object) -> None:
    assert leak(json.dumps(body)) is None


def probes(*bodies: tuple[int, bytes]) -> BadRequests:
    made = tuple(BadRequest("missing", exchange(status, body, case="body {}")) for status, body in bodies)
    return BadRequests(made, answered(), answered())


UNASKED = Identity(None, {})


def test_the_check_names_the_case() -> None:
    found = no_leak(probes((422, b'{"detail":"Field required"}'), (500, TRACEBACK.encode())), UNASKED)
    assert found.status is Status.FAIL
    assert "body {}: the answer shows a traceback" in found.summary
    assert "http://SERVICE/predict" in found.replay


def test_the_check_passes_clean_bodies_and_needs_some() -> None:
    assert no_leak(probes((422, b'{"detail":"Field required"}')), UNASKED).status is Status.PASS
    assert no_leak(probes((200, TRACEBACK.encode()), (422, b"")), UNASKED).status is Status.INCONCLUSIVE


def test_an_unknown_version_may_tell_as_well() -> None:
    telling = replace(UNASKED, nonsense=exchange(404, TRACEBACK.encode(), case="a version that does not exist"))
    found = no_leak(probes((422, b'{"detail":"Field required"}')), telling)
    assert (found.status, "a version that does not exist" in found.summary) == (Status.FAIL, True)
