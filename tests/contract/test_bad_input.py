"""Every bad input is refused as the client's fault, as a problem document that names the place and leaks nothing."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.conftest import Server

JSON = {"Content-Type": "application/json"}
LEAKS = re.compile(
    r'Traceback|File "|site-packages|\.py\b|Error\b|Exception|msgspec|sklearn|numpy|0x[0-9a-f]{6}|/usr|/home'
)
ROW = [float(i + 1) for i in range(30)]


def with_item(literal: str, at: int = 3) -> bytes:
    """A row of full length with one item replaced by JSON text."""
    items = [repr(value) for value in ROW]
    items[at] = literal
    return f'{{"features":[{",".join(items)}]}}'.encode()


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def check(answer: httpx.Response, statuses: set[int]) -> dict[str, Any]:
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


BAD_ITEMS = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "1e400": "1e400",
    "-1e400": "-1e400",
    "400 digits": "1" + "0" * 400,
    "5000 digits": "9" * 5000,
    "beyond the bound": "1e13",
    "below the bound": "-1e300",
    "string": '"1.5"',
    "empty string": '""',
    "true": "true",
    "false": "false",
    "null": "null",
    "array": "[1.0]",
    "object": "{}",
}


@pytest.mark.parametrize("literal", BAD_ITEMS.values(), ids=BAD_ITEMS.keys())
@pytest.mark.parametrize("at", [0, 3, 29])
def test_a_bad_item_in_a_full_row_is_named(client: httpx.Client, literal: str, at: int) -> None:
    problem = check(client.post("/predict", content=with_item(literal, at), headers=JSON), {422})
    assert [fault["path"] for fault in problem["errors"]] == [f"$.features[{at}]"]


@pytest.mark.parametrize("literal", BAD_ITEMS.values(), ids=BAD_ITEMS.keys())
def test_a_bad_item_in_a_batch_refuses_it_all_and_names_the_row(client: httpx.Client, literal: str) -> None:
    rows = [repr(ROW), with_item(literal)[len('{"features":') : -1].decode(), repr(ROW)]
    problem = check(
        client.post("/predict/batch", content=f'{{"instances":[{",".join(rows)}]}}'.encode(), headers=JSON), {422}
    )
    assert [fault["path"] for fault in problem["errors"]] == ["$.instances[1][3]"]


@pytest.mark.parametrize("literal", BAD_ITEMS.values(), ids=BAD_ITEMS.keys())
def test_a_bad_item_by_name_is_named(client: httpx.Client, names: list[str], literal: str) -> None:
    members = ",".join(f"{json.dumps(name)}:{literal if i == 7 else 1.5}" for i, name in enumerate(names))
    problem = check(client.post("/predict", content=f'{{"features":{{{members}}}}}'.encode(), headers=JSON), {422})
    assert [fault["path"] for fault in problem["errors"]] == [f"$.features['{names[7]}']"]


FULL = json.dumps(ROW)
BAD_BODIES: dict[str, tuple[bytes, set[int], str | None]] = {
    "empty object": (b"{}", {422}, "$.features"),
    "empty array": (b"[]", {422}, "$"),
    "null": (b"null", {422}, "$"),
    "number": (b"7", {422}, "$"),
    "string": (b'"features"', {422}, "$"),
    "features null": (body(features=None), {422}, "$.features"),
    "features a string": (body(features="1,2,3"), {422}, "$.features"),
    "features a number": (body(features=1), {422}, "$.features"),
    "features a boolean": (body(features=True), {422}, "$.features"),
    "features empty": (body(features=[]), {422}, "$.features"),
    "features an empty object": (body(features={}), {422}, None),
    "features nested": (body(features=[ROW]), {422}, None),
    "29 features": (body(features=ROW[:-1]), {422}, "$.features"),
    "31 features": (body(features=[*ROW, 1.0]), {422}, "$.features"),
    "unknown field": (body(features=ROW, colour="red"), {422}, "$.colour"),
    "user id null": (body(features=ROW, user_id=None), {422}, "$.user_id"),
    "user id empty": (body(features=ROW, user_id=""), {422}, "$.user_id"),
    "user id a float": (body(features=ROW, user_id=1.0), {422}, "$.user_id"),
    "user id a boolean": (body(features=ROW, user_id=True), {422}, "$.user_id"),
    "user id false": (body(features=ROW, user_id=False), {422}, "$.user_id"),
    "user id a list": (body(features=ROW, user_id=["a"]), {422}, "$.user_id"),
    "user id too long": (body(features=ROW, user_id="u" * 257), {422}, "$.user_id"),
    "user id beyond 64 bits": (body(features=ROW, user_id=1 << 63), {422}, "$.user_id"),
    "user id of 5000 digits": (f'{{"features":{FULL},"user_id":{"9" * 5000}}}'.encode(), {422}, "$.user_id"),
    "version null": (body(features=ROW, model_version=None), {422}, "$.model_version"),
    "version a number": (body(features=ROW, model_version=1), {422}, "$.model_version"),
    "version empty": (body(features=ROW, model_version=""), {422}, "$.model_version"),
    "version unknown": (body(features=ROW, model_version="v-nonsense"), {404}, None),
    "unknown version": (body(features=ROW, model_version="3.0.0"), {404}, None),
    "duplicate field": (f'{{"features":{FULL},"features":{FULL}}}'.encode(), {422}, "$['features']"),
    "duplicate escaped": (f'{{"features":{FULL},"f\\u0065atures":{FULL}}}'.encode(), {422}, "$['features']"),
    "duplicate user id": (f'{{"user_id":"a","features":{FULL},"user_id":"a"}}'.encode(), {422}, "$['user_id']"),
    "duplicate behind colons": (
        f'{{"user_id":"a:b","features":{FULL},"user_id":"\\u003a"}}'.encode(),
        {422},
        "$['user_id']",
    ),
    "lone surrogate": (f'{{"features":{FULL},"user_id":"\\ud800"}}'.encode(), {422, 400}, None),
    "low surrogate in a key": (b'{"features":{"\\udc00":1}}', {422, 400}, None),
    "bad UTF-8": (b'{"features":' + FULL.encode() + b',"user_id":"\xff"}', {400}, "$"),
    "surrogate in UTF-8": (b'{"features":' + FULL.encode() + b',"user_id":"\xed\xa0\x80"}', {400}, "$"),
    "byte order mark": (b"\xef\xbb\xbf" + body(features=ROW), {400}, "$"),
    "UTF-16": (json.dumps({"features": ROW}).encode("utf-16"), {400}, "$"),
    "not JSON": (b"features=1", {400}, "$"),
    "cut short": (body(features=ROW)[:-5], {400}, "$"),
    "trailing garbage": (body(features=ROW) + b" x", {400}, "$"),
    "two values": (body(features=ROW) * 2, {400}, "$"),
    "trailing comma": (b'{"features":[1,2,]}', {400}, "$"),
    "single quotes": (b"{'features':[1]}", {400}, "$"),
    "leading zero": (with_item("01"), {400}, "$"),
    "plus sign": (with_item("+1"), {400}, "$"),
    "hexadecimal": (with_item("0x10"), {400}, "$"),
    "control character": (b'{"features":' + FULL.encode() + b',"user_id":"a\x01b"}', {400}, "$"),
    "deep arrays": (b"[" * 20_000 + b"]" * 20_000, {400}, "$"),
    "deep arrays unclosed": (b"[" * 60_000, {400}, "$"),
    "deep in features": (b'{"features":' + b"[" * 500 + b"]" * 500 + b"}", {400}, "$"),
    "deep objects": (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, {400}, "$"),
    "white space": (b"   \n", {400}, "$"),
}


@pytest.mark.parametrize(("content", "statuses", "path"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_bad_body_is_refused_with_its_path(
    client: httpx.Client, content: bytes, statuses: set[int], path: str | None
) -> None:
    problem = check(client.post("/predict", content=content, headers=JSON), statuses)
    if path is not None:
        assert [fault["path"] for fault in problem["errors"]] == [path]


BAD_BATCHES: dict[str, tuple[bytes, set[int], str | None]] = {
    "empty object": (b"{}", {422}, "$.instances"),
    "no instances": (body(instances=[]), {422}, "$.instances"),
    "instances null": (body(instances=None), {422}, "$.instances"),
    "instances an object": (body(instances={}), {422}, "$.instances"),
    "an instance null": (body(instances=[ROW, None]), {422}, "$.instances[1]"),
    "an instance short": (body(instances=[ROW, ROW[1:]]), {422}, "$.instances[1]"),
    "1001 instances": (body(instances=[ROW] * 1001), {413}, "$.instances"),
    "1001 bad instances": (body(instances=[None] * 1001), {413}, "$.instances"),
    "user id": (body(instances=[ROW], user_id="a"), {422}, "$.user_id"),
    "duplicate": (f'{{"instances":[{FULL}],"instances":[]}}'.encode(), {422}, "$['instances']"),
    "unknown version": (body(instances=[ROW], model_version="9.9.9"), {404}, None),
}


@pytest.mark.parametrize(("content", "statuses", "path"), BAD_BATCHES.values(), ids=BAD_BATCHES.keys())
def test_a_bad_batch_is_refused_with_its_path(
    client: httpx.Client, content: bytes, statuses: set[int], path: str | None
) -> None:
    problem = check(client.post("/predict/batch", content=content, headers=JSON), statuses)
    if path is not None:
        assert [fault["path"] for fault in problem["errors"]] == [path]


def test_missing_unknown_and_repeated_names(client: httpx.Client, names: list[str]) -> None:
    named = dict.fromkeys(names, 1.0)
    short = {name: 1.0 for name in names if name != "mean area"}
    paths = {
        "missing": ({**short}, "$.features['mean area']"),
        "unknown": ({**named, "colour": 1.0}, "$.features['colour']"),
    }
    for features, path in paths.values():
        problem = check(client.post("/predict", json={"features": features}), {422})
        assert [fault["path"] for fault in problem["errors"]] == [path]
    repeated = json.dumps({"features": named})[:-2] + ', "mean area": 2.0}}'
    problem = check(client.post("/predict", content=repeated, headers=JSON), {422})
    assert [fault["path"] for fault in problem["errors"]] == ["$['features']['mean area']"]


BAD_HEADERS: dict[str, tuple[dict[str, str], int]] = {
    "text": ({"Content-Type": "text/plain"}, 415),
    "form": ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "xml": ({"Content-Type": "application/xml"}, 415),
    "latin-1": ({"Content-Type": "application/json; charset=latin-1"}, 415),
    "none": ({}, 415),
    "nonsense": ({"Content-Type": ";;;"}, 415),
    "gzip": ({**JSON, "Content-Encoding": "gzip"}, 415),
    "br": ({**JSON, "Content-Encoding": "br"}, 415),
}


@pytest.mark.parametrize(("headers", "status"), BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
def test_media_types_and_codings(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    check(client.post("/predict", content=body(features=ROW), headers=headers), {status})


def test_utf8_may_be_said(client: httpx.Client, row: list[float]) -> None:
    headers = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
    assert client.post("/predict", content=body(features=row), headers=headers).status_code == 200


def test_no_body(client: httpx.Client) -> None:
    check(client.post("/predict"), {400})
    check(client.post("/predict", headers=JSON, content=b""), {400})
    check(client.post("/predict/batch", headers=JSON), {400})


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
def test_oversize_bodies(client: httpx.Client, path: str) -> None:
    limit = 65536 if path == "/predict" else 2 * 1024 * 1024

    def chunks() -> Iterator[bytes]:
        for _ in range(limit // 8192 + 1):
            yield b" " * 8192

    check(client.post(path, content=b" " * (limit + 1), headers=JSON), {413})
    check(client.post(path, content=chunks(), headers=JSON), {413})
    bomb = gzip.compress(b" " * limit * 10)
    check(client.post(path, content=bomb, headers={**JSON, "Content-Encoding": "gzip"}), {415})
    padded = body(features=ROW) if path == "/predict" else body(instances=[ROW])
    assert client.post(path, content=padded.ljust(limit), headers=JSON).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_wrong_methods(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/predict")
    check(answer, {405})
    assert answer.headers["allow"] == "POST"
    answer = client.request("POST", "/health/live")
    check(answer, {405})
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize(
    "path",
    ["/nope", "/predict/", "/health/", "/models/9.9.9", "/models/..%2f..%2fetc", "/models/v%00", "/docs", "/redoc"],
)
def test_unknown_paths(client: httpx.Client, path: str) -> None:
    check(client.get(path), {404})


def test_refusals_are_quick(client: httpx.Client) -> None:
    worst = [b"[" * 60_000, with_item("9" * 60_000), body(features={str(i): 1 for i in range(4000)})]
    for content in worst:
        client.post("/predict", content=content, headers=JSON)
        times = [client.post("/predict", content=content, headers=JSON).elapsed.total_seconds() for _ in range(5)]
        assert min(times) < 0.1


def test_it_still_answers_right_after_all_that(client: httpx.Client, server: Server, row: list[float]) -> None:
    before = client.post("/predict", json={"features": row}).json()
    for content, _, _ in BAD_BODIES.values():
        client.post("/predict", content=content, headers=JSON)
    after = client.post("/predict", json={"features": row}).json()
    assert {**before, "request_id": ""} == {**after, "request_id": ""}
    assert not [line for line in server.lines() if line.get("event") == "failure"]


@pytest.fixture(scope="module")
def names(server: Server) -> list[str]:
    with server.client() as client:
        return [feature["name"] for feature in client.get("/model/info").json()["features"]]
