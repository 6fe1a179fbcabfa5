"""Every bad input is refused as the client's fault, as a problem document that names the place and leaks nothing."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

import httpx
import pytest

from tests.contract.bad_inputs import BATCH_LIMIT, JSON, MALFORMED, ROW, SINGLE_LIMIT, BadInput, bad_inputs, body
from tests.contract.conftest import Server, Start

LEAKS = re.compile(
    r'Traceback|File "|site-packages|\.py\b|Error\b|Exception|msgspec|sklearn|numpy|0x[0-9a-f]{6}|/usr|/home'
)
CASES = tuple(bad_inputs([f"feature {i}" for i in range(30)]))


@pytest.fixture(scope="module", params=["httptools", "h11"])
def server(request: pytest.FixtureRequest, start: Start) -> Server:
    """The same promises hold whatever parses HTTP."""
    return start("--http", request.param)


@pytest.fixture(scope="module")
def table(server: Server) -> dict[str, BadInput]:
    with server.client() as client:
        names = [feature["name"] for feature in client.get("/model/info").json()["features"]]
    return bad_inputs(names)


def check(answer: httpx.Response, statuses: frozenset[int] | set[int]) -> dict[str, Any]:
    """The problem document of a refusal, which must be well formed."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    assert not LEAKS.search(answer.text), answer.text[:300]
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].startswith("urn:problem:")
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-model-version"] == "1.0.0"
    return problem


def asked(client: httpx.Client, case: BadInput) -> httpx.Response:
    content: bytes | Iterator[bytes] | None = case.chunks() if case.chunked else case.content
    return client.request(case.method, case.path, content=content, headers=dict(case.headers))


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused(client: httpx.Client, table: dict[str, BadInput], name: str) -> None:
    case = table[name]
    answer = asked(client, case)
    problem = check(answer, case.statuses)
    if case.faults is not None:
        assert [fault["path"] for fault in problem["errors"]] == list(case.faults)
    if case.allow is not None:
        assert set(answer.headers["allow"].split(", ")) == case.allow


@pytest.mark.parametrize(("content", "statuses"), MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_http_is_refused(server: Server, client: httpx.Client, content: bytes, statuses: set[int]) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(content)
        answer = HTTPResponse(raw)
        answer.begin()
        text = answer.read().decode()
    assert answer.status in statuses
    assert answer.getheader("content-type") == "application/problem+json"
    assert not LEAKS.search(text), text[:300]
    assert client.get("/health/live").status_code == 200


def test_what_is_just_good_enough(client: httpx.Client, row: list[float]) -> None:
    headers = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
    assert client.post("/predict", content=body(features=row), headers=headers).status_code == 200
    for path, content, limit in (
        ("/predict", body(features=ROW), SINGLE_LIMIT),
        ("/predict/batch", body(instances=[ROW]), BATCH_LIMIT),
    ):
        assert client.post(path, content=content.ljust(limit), headers=JSON).status_code == 200


def test_it_still_answers_right_after_all_that(
    client: httpx.Client, server: Server, table: dict[str, BadInput], row: list[float]
) -> None:
    before = client.post("/predict", json={"features": row}).json()
    for case in table.values():
        asked(client, case)
    after = client.post("/predict", json={"features": row}).json()
    assert {**before, "request_id": ""} == {**after, "request_id": ""}
    assert not [line for line in server.lines() if line.get("event") == "failure"]
