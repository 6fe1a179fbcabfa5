"""An httpx.Client with the guards of the transport."""

from __future__ import annotations

import gzip
import time

import httpx
import pytest

from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.service import httpx_transport
from pytest_mlready.service.httpx_transport import GuardedTransport
from pytest_mlready.service.target import Target
from pytest_mlready.service.transport import Transport
from tests.unit.service.raw_server import Handler, answer, read_request, replying, serving
from tests.unit.service.routes import routed


def client(url: str, **options: float) -> httpx.Client:
    transport = Transport(url, **options)  # type: ignore[arg-type]
    return httpx.Client(base_url=url, transport=GuardedTransport(transport))


def test_requests_and_answers_pass_through() -> None:
    zipped = answer(gzip.compress(b'{"a":1}'), headers="Content-Encoding: gzip\r\nX-Model-Version: 2\r\n")
    with serving(routed({"/api/predict?x=1+2": zipped})) as url, client(url + "/api") as http:
        response = http.post("/predict", json={"features": [1.0]}, params={"x": "1 2"})
        assert (response.status_code, response.json(), response.headers["x-model-version"]) == (200, {"a": 1}, "2")
        assert http.get("/absent").status_code == 404


def test_the_body_and_its_type_arrive() -> None:
    seen: list[bytes] = []

    def handler(connection: object) -> None:
        seen.append(read_request(connection))  # type: ignore[arg-type]
        connection.sendall(answer())  # type: ignore[attr-defined]

    with serving(handler) as url, client(url) as http:
        http.post("/predict", json={"features": [1]}, headers={"Authorization": "Bearer x"})
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert b"Content-Type: application/json" in head.replace(b"content-type", b"Content-Type")
    assert b"Bearer x" in head
    assert body.replace(b" ", b"") == b'{"features":[1]}'


def slow(connection: object) -> None:
    time.sleep(20)


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (slow, httpx.ReadTimeout),
        (replying(b"garbage\r\n\r\n"), httpx.RemoteProtocolError),
        (replying(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"), httpx.RemoteProtocolError),
        (replying(answer(b"x", headers="Content-Encoding: gzip\r\n")), httpx.DecodingError),
        (replying(), httpx.TransportError),
    ],
)
def test_failures_are_httpx_exceptions(handler: Handler, error: type[Exception]) -> None:
    with serving(handler) as url, client(url, deadline_s=0.5, max_body=1000) as http, pytest.raises(error):
        http.get("/")


def test_a_targets_client_has_its_headers_and_follows_nothing() -> None:
    seen: list[bytes] = []

    def handler(connection: object) -> None:
        seen.append(read_request(connection))  # type: ignore[arg-type]
        connection.sendall(answer(status="307 Moved", headers="Location: /x\r\n"))  # type: ignore[attr-defined]

    with serving(handler) as url:
        target = Target(url, JsonMapping(), {}, None, frozenset(), headers=(("Authorization", "Bearer secret"),))
        with httpx_transport.client(target) as http:
            assert http.get("/predict").status_code == 307
    assert len(seen) == 1
    assert b"Authorization: Bearer secret" in seen[0]
