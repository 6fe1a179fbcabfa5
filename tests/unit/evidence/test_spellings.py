"""Every spelling means what the plain body means, to a parser that is not ours, and no two are the same bytes."""

from __future__ import annotations

import gzip
import json
import math

import pytest

from pytest_mlready.evidence.spellings import named_variants, variants
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import Row

ROWS: tuple[Row, ...] = (
    {"area": 1001.1, "depth": -0.1, "count": 3, "kind": "a"},
    {"area": 20.3, "depth": 0.7, "count": 5, "kind": "b"},
    {"area": 77.2, "depth": 0.6, "count": 4, "kind": "a"},
)
MAPPINGS = {
    "array": JsonMapping(),
    "object": JsonMapping(row_shape="object"),
    "bare object": JsonMapping(row_key=None, row_shape="object"),
    "nested": JsonMapping(nested=True, row_key="instances"),
}


def unframed(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        whole, body = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return whole


def plainly(body: bytes, headers: tuple[tuple[str, str], ...]) -> object:
    told = dict(headers)
    if told.get("Transfer-Encoding") == "chunked":
        body = unframed(body)
    if told.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body, parse_int=float)


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS.keys())
@pytest.mark.parametrize("at", range(len(ROWS)))
def test_a_spelling_means_what_the_plain_body_means(mapping: JsonMapping, at: int) -> None:
    made = list(variants(mapping, ROWS, at))
    for one in made:
        assert plainly(one.body, one.headers) == json.loads(one.plain, parse_int=float), one.kind
        assert one.body != one.plain or one.headers or one.manner
    assert len({(one.body, one.headers, one.manner) for one in made}) == len(made)


def test_all_kinds_are_there() -> None:
    kinds = [one.kind for one in variants(MAPPINGS["object"], ROWS, 0)]
    assert [kind.removeprefix("with ") for kind in dict.fromkeys(kinds)] == [
        "white space",
        "an escaped key",
        "features twice, the last one its own",
        "a charset in its media type",
        "in chunks",
        "in chunks, one after another",
        "compressed by gzip",
        "its keys in reverse",
        "17 digits",
        "exponents",
        "exponents in capitals",
        "a large whole number as an integer",
        "whole numbers as integers",
        "whole numbers as 1e0",
        "-0.0 for 0.0",
    ]


def test_a_row_wholly_of_integers_is_among_them() -> None:
    rows: tuple[Row, ...] = tuple({"area": row["area"], "depth": row["depth"]} for row in ROWS)
    integers = [one for one in variants(MAPPINGS["array"], rows, 0) if one.kind == "with whole numbers as integers"]
    assert json.loads(integers[0].body) == {"features": [1001, 0]}
    assert all(type(value) is int for value in json.loads(integers[0].body)["features"])
    assert len(integers) == 1  # for both are within what the samples span, there is no second set


def test_minus_zero_is_sent_as_such() -> None:
    bodies = [one.body for one in variants(MAPPINGS["array"], ROWS, 0) if one.kind == "with -0.0 for 0.0"]
    area, depth, *_ = json.loads(bodies[0])["features"]
    assert (area, depth, math.copysign(1, area), math.copysign(1, depth)) == (0.0, 0.0, -1, -1)


def test_an_array_is_written_by_name_where_names_are_taken() -> None:
    first, second = named_variants(MAPPINGS["array"], ROWS[0])
    assert json.loads(first.plain)["features"] == list(ROWS[0].values())
    assert json.loads(first.body)["features"] == json.loads(second.body)["features"] == ROWS[0]
    assert list(json.loads(second.body)["features"]) == list(ROWS[0])[::-1]
