"""Sample rows out of what an OpenAPI document gives as examples."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlready.protocols.detect import DetectError, detect
from pytest_mlready.protocols.examples import example_rows
from pytest_mlready.protocols.openapi import OpenAPI

NUMBERS = {"type": "array", "items": {"type": "number"}}


def api(schema: Any, **media: Any) -> OpenAPI:
    """A document with one predict route; `media` stands beside its body's schema."""
    whole = {"openapi": "3.1.0", "components": {"schemas": {"Row": {"type": "object", "properties": ROW}}}}
    body = {"content": {"application/json": {"schema": schema, **media}}}
    return OpenAPI.parse({**whole, "paths": {"/predict": {"post": {"requestBody": body, "responses": {}}}}})


ROW = {"age": {"type": "integer", "examples": [40, 50]}, "zone": {"enum": ["north", "south"]}}
REF = {"$ref": "#/components/schemas/Row"}
ONE, TWO = {"age": 40, "zone": "north"}, {"age": 50, "zone": "south"}


def thing(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        (api(thing(features=NUMBERS), example={"features": [1, 2.5]}), ({"x0": 1, "x1": 2.5},)),
        (api(REF), (ONE, TWO)),
        (api(thing(data=REF)), (ONE, TWO)),
        (api(thing(instances={"type": "array", "items": REF})), (ONE, TWO)),
        (api(thing(instances={"type": "array", "items": thing(features=REF)})), (ONE, TWO)),
        (
            api(thing(inputs={"type": "array", "items": NUMBERS}), examples={"a": {"value": {"inputs": [[1], [2]]}}}),
            ({"x0": 1}, {"x0": 2}),
        ),
        (api({**thing(text={"type": "string"}), "example": {"text": "fine"}}), ({"text": "fine"},)),
        (api(thing(features={"prefixItems": [{"examples": [1, 2]}, {"const": 7}]})),
         ({"x0": 1, "x1": 7}, {"x0": 2, "x1": 7})),
        (api(thing(features=NUMBERS)), ()),
        (api(thing(features=NUMBERS), example={"features": [[1]]}), ()),
        (api(thing(text={"type": "string"}, size={"type": "number", "examples": [1]})), ()),
        (api({"anyOf": [thing(text={"type": "string"}), REF]}), (ONE, TWO)),
    ],
)  # fmt: skip
def test_rows(document: OpenAPI, rows: tuple[dict[str, Any], ...]) -> None:
    mapping = detect(document, {}, [])
    assert example_rows(document, mapping) == rows
    if rows and mapping.nested:
        assert mapping.encode_batch(rows).count(b"{") >= len(rows) or mapping.row_shape == "array"


def test_a_batch_gives_rows_too() -> None:
    def post(schema: Any, example: Any) -> dict[str, Any]:
        return {"post": {"requestBody": {"content": {"application/json": {"schema": schema, "example": example}}}}}

    several = thing(instances={"type": "array", "items": NUMBERS})
    document = OpenAPI.parse({"openapi": "3.1.0", "paths": {
        "/predict": post(thing(features=NUMBERS), {"features": [1, 2]}),
        "/predict/batch": post(several, {"instances": [[1, 2], [3, 4], [5]]}),
    }})  # fmt: skip
    assert example_rows(document, detect(document, {}, [])) == ({"x0": 1, "x1": 2}, {"x0": 3, "x1": 4})


def test_an_item_may_hold_its_row() -> None:
    document = api(thing(instances={"type": "array", "items": thing(features=REF)}))
    mapping = detect(document, {}, [])
    assert (mapping.item_key, mapping.row_shape) == ("features", "object")
    assert mapping.body_value(ONE) == {"instances": [{"features": ONE}]}
    assert mapping.encode_batch([{"age": 1}, {"age": 2}]) == (
        b'{"instances":[{"features":{"age":1}},{"features":{"age":2}}]}'
    )


@pytest.mark.parametrize(
    ("schema", "names", "words"),
    [
        (thing(dataframe_split={"type": "object"}), [], "use `dataframe_records` or `instances`"),
        (thing(age={"type": "integer"}), ["age", "id"], "it has no id (columns of the rows) but age"),
    ],
)
def test_what_is_not_spoken_is_said(schema: dict[str, Any], names: list[str], words: str) -> None:
    with pytest.raises(DetectError) as caught:
        detect(api(schema), {}, names)
    assert words in str(caught.value)
