"""What clients must not send, and how each is refused: one table for the tests and for the measurement of answer times.

Of breast-cancer, whose 30 features are named by the caller, because only a server knows them.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

JSON = {"Content-Type": "application/json"}
ROW = [float(i + 1) for i in range(30)]
SINGLE_LIMIT, BATCH_LIMIT = 64 * 1024, 2 * 1024 * 1024
CHUNK = 8192


@dataclass(frozen=True)
class BadInput:
    """One request, the statuses that may answer it, and the places that its problem document must name.

    `faults` is None where the place is nowhere or does not matter; `chunked` bodies declare no length; `allow` is what
    the header of that name must say.
    """

    statuses: frozenset[int]
    content: bytes | None = None
    path: str = "/predict"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    faults: tuple[str, ...] | None = None
    chunked: bool = False
    allow: frozenset[str] | None = None

    def chunks(self) -> Iterator[bytes]:
        """The body in parts."""
        content = self.content or b""
        return (content[start : start + CHUNK] for start in range(0, len(content), CHUNK))

    def raw(self) -> bytes:
        """The request as bytes."""
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            "Host: a",
            *(f"{name}: {at}" for name, at in self.headers.items()),
        ]
        body = self.content or b""
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in self.chunks()) + b"0\r\n\r\n"
        elif self.content is not None:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body


def bad_inputs(names: Sequence[str]) -> dict[str, BadInput]:
    """Every bad input by its name.

    Args:
        names: the features.
    """
    found = {}
    for name, literal in BAD_ITEMS.items():
        for at in (0, 3, 29):
            found[f"{name} at {at}"] = invalid(with_item(literal, at), f"$.features[{at}]")
        rows = [FULL, with_item(literal)[len('{"features":') : -1].decode(), FULL]
        content = f'{{"instances":[{",".join(rows)}]}}'.encode()
        found[f"{name} in a batch"] = invalid(content, "$.instances[1][3]", path="/predict/batch")
        found[f"{name} by name"] = invalid(by_name(names, {7: literal}), f"$.features['{names[7]}']")
    found["a name is missing"] = invalid(by_name(names[1:]), f"$.features['{names[0]}']")
    found["a name is unknown"] = invalid(by_name([*names, "colour"]), "$.features['colour']")
    found["a name comes twice"] = invalid(by_name([*names, names[0]]), f"$['features']['{names[0]}']")
    for path, table in (("/predict", BAD_BODIES), ("/predict/batch", BAD_BATCHES)):
        for name, (content, statuses, place) in table.items():
            faults = None if place is None else (place,)
            found[f"{path}: {name}"] = BadInput(frozenset(statuses), content, path, faults=faults)
        found[f"{path}: no body"] = BadInput(frozenset({400}), path=path)
        found[f"{path}: no body, no type"] = BadInput(frozenset({400}), path=path, headers={})
        found[f"{path}: empty body"] = BadInput(frozenset({400}), b"", path)
        limit = SINGLE_LIMIT if path == "/predict" else BATCH_LIMIT
        large = b" " * (limit + 1)
        found[f"{path}: too large"] = BadInput(frozenset({413}), large, path)
        found[f"{path}: too large in chunks"] = BadInput(frozenset({413}), large, path, chunked=True)
        coded = {**JSON, "Content-Encoding": "gzip"}
        found[f"{path}: bomb"] = BadInput(frozenset({415}), gzip.compress(b" " * limit * 10), path, headers=coded)
    for name, (headers, status) in BAD_HEADERS.items():
        found[f"content type {name}"] = BadInput(frozenset({status}), body(features=ROW), headers=headers)
    for method in ("GET", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"):
        found[f"{method} of a route"] = BadInput(frozenset({405}), method=method, headers={}, allow=frozenset({"POST"}))
    found["POST of a probe"] = BadInput(
        frozenset({405}), path="/health/live", headers={}, allow=frozenset({"GET", "HEAD"})
    )
    for path in UNKNOWN_PATHS:
        found[f"nothing at {path}"] = BadInput(frozenset({404}), path=path, method="GET", headers={})
    return found


def invalid(content: bytes, *faults: str, path: str = "/predict") -> BadInput:
    """An input that is JSON but not of the schema."""
    return BadInput(frozenset({422}), content, path, faults=faults)


def with_item(literal: str, at: int = 3) -> bytes:
    """A row of full length with one item replaced by JSON text."""
    items = [repr(value) for value in ROW]
    items[at] = literal
    return f'{{"features":[{",".join(items)}]}}'.encode()


def by_name(names: Sequence[str], literals: Mapping[int, str] | None = None) -> bytes:
    """A row with a member for each name, some of them replaced by JSON text."""
    given = literals or {}
    members = ",".join(f"{json.dumps(name)}:{given.get(at, '1.5')}" for at, name in enumerate(names))
    return f'{{"features":{{{members}}}}}'.encode()


def body(**fields: Any) -> bytes:
    """A body of these fields."""
    return json.dumps(fields).encode()


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
    "escapes in a string that never ends": (b'{"features":"' + b'\\"' * 30_000, {400}, "$"),
    "strings that never end": (b'"\\' * 30_000, {400}, "$"),
    "empty arrays": (b'{"features":[' + b"[]," * 20_000 + b"1]}", {422}, None),
    "brackets in strings": (b'{"features":"' + b"[" * 60_000 + b'"}', {422}, "$.features"),
    "brackets behind an escape": (b'{"user_id":"\\\\","features":' + b"[" * 100 + b"}", {400}, "$"),
    "60,000 digits": (with_item("9" * 60_000), {422}, "$.features[3]"),
    "4,000 unknown names": (body(features={str(i): 1 for i in range(4000)}), {422}, None),
}
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
    "deep arrays": (b"[" * 2_000_000, {400}, "$"),
    "deep behind escapes": (b'{"instances":["' + b'\\"' * 900_000 + b'"' + b"[" * 40, {400}, "$"),
    "escapes in a string that never ends": (b'{"instances":"' + b'\\"' * 900_000, {400}, "$"),
}
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
UNKNOWN_PATHS = (
    "/nope",
    "/predict/",
    "/health/",
    "/models/9.9.9",
    "/models/..%2f..%2fetc",
    "/models/v%00",
    "/docs",
    "/redoc",
)

_POST = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
_GET = b"GET /health/live HTTP/1.1\r\nHost: a\r\n"
MALFORMED: dict[str, tuple[bytes, set[int]]] = {
    "the hello of TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 404}),
    "an invented method": (b"FROB /predict HTTP/1.1\r\nHost: a\r\n\r\n", {400, 405}),
    "a tunnel": (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", {400, 404, 405}),
    "the whole server": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", {400, 404, 405}),
    "no slash": (b"GET predict HTTP/1.1\r\nHost: a\r\n\r\n", {400, 404}),
    "bytes in the path": (b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "zero byte in a header": (_GET + b"X: a\x00b\r\n\r\n", {400}),
    "space before the colon": (_GET + b"X : a\r\n\r\n", {400}),
    "no colon": (_GET + b"nothing\r\n\r\n", {400}),
    "two lengths": (_POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", {400}),
    "negative length": (_POST + b"Content-Length: -1\r\n\r\n", {400}),
    "length in words": (_POST + b"Content-Length: two\r\n\r\n{}", {400}),
    "length of superscripts": (_POST + "Content-Length: ²\r\n\r\n{}".encode(), {400}),
    "length beyond 64 bits": (_POST + b"Content-Length: 99999999999999999999999\r\n\r\n", {400}),
    "length of 5,000 digits": (_POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", {400}),
    "size of a chunk in words": (_POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", {400}),
    "size of a chunk beyond 64 bits": (_POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\n", {400}),
    "a coding that is unknown": (_POST + b"Transfer-Encoding: gzip\r\n\r\n{}", {400}),
}
"""Bytes that are no request, or hardly one, and the statuses that may answer them."""
