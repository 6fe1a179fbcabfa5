"""The Open Inference Protocol: the same answers as /predict, and refusals in the words of both."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from reference_service.artifacts.registry import Snapshot
from reference_service.components import build_components
from reference_service.model.columns import Row
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.settings import Settings
from tests.contract.conftest import client_of, golden
from tests.contract.test_openapi import conforms, schema_of

MODEL = "/v2/models/breast-cancer"
INFER = f"{MODEL}/infer"
LENGTH = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def rows(models: Path) -> list[list[float]]:
    found: list[list[float]] = golden(models, "breast-cancer", "1.0.0")["rows"][:7]
    return found


def tensor(rows: list[list[float]], **changes: Any) -> dict[str, Any]:
    """The input of some rows, with changes."""
    flat = [value for row in rows for value in row]
    return {"name": "features", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": flat, **changes}


def outputs(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {output["name"]: output["data"] for output in answer.json()["outputs"]}


def in_bytes(members: dict[str, Any], tail: bytes, length: int | None = None) -> dict[str, Any]:
    """The arguments of a request with bytes behind its JSON."""
    text = json.dumps(members).encode()
    return {"content": text + tail, "headers": {LENGTH: str(len(text) if length is None else length)}}


def test_the_server_and_the_model_describe_themselves(client: httpx.Client) -> None:
    server = client.get("/v2").json()
    assert server["extensions"] == ["binary_tensor_data"]
    assert set(server) == {"name", "version", "extensions"}
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json()["ready"] is True
    for path in (MODEL, f"{MODEL}/versions/2.0.0"):
        assert client.get(f"{path}/ready").json() == {"name": "breast-cancer", "ready": True}
        described = client.get(path).json()
        assert described["versions"] == ["1.0.0", "2.0.0"]
        assert described["inputs"] == [{"name": "features", "datatype": "FP64", "shape": [-1, 30]}]
        assert described["outputs"] == [
            {"name": "prediction", "datatype": "BYTES", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP64", "shape": [-1, 2]},
        ]


def test_answers_are_those_of_predict(client: httpx.Client, rows: list[list[float]]) -> None:
    expected = client.post("/predict/batch", json={"instances": rows}).json()["predictions"]
    classes = client.get("/model/info").json()["classes"]
    answer = client.post(INFER, json={"id": "seven", "inputs": [tensor(rows)]})
    members = answer.json()
    assert (members["model_name"], members["model_version"], members["id"]) == ("breast-cancer", "1.0.0", "seven")
    assert [(output["name"], output["shape"], output["datatype"]) for output in members["outputs"]] == [
        ("prediction", [7], "BYTES"),
        ("probabilities", [7, 2], "FP64"),
    ]
    found = outputs(answer)
    assert found["prediction"] == [each["prediction"] for each in expected]
    assert found["probabilities"] == [each["probabilities"][label] for each in expected for label in classes]
    assert outputs(client.post(INFER, json={"inputs": [tensor(rows, data=rows)]})) == found
    assert outputs(client.post(INFER, json={"inputs": [tensor(rows, datatype="FP32")]})) == found


def test_a_version_is_asked_by_its_path(client: httpx.Client, models: Path) -> None:
    expected = golden(models, "breast-cancer", "2.0.0")
    answer = client.post(f"{MODEL}/versions/2.0.0/infer", json={"inputs": [tensor(expected["rows"])]})
    assert answer.json()["model_version"] == answer.headers["x-model-version"] == "2.0.0"
    found = outputs(answer)["probabilities"]
    for i, each in enumerate(expected["answers"]):
        assert found[2 * i : 2 * i + 2] == pytest.approx(list(each["probabilities"].values()), rel=1e-9)


def test_whole_numbers_are_numbers(client: httpx.Client, rows: list[list[float]]) -> None:
    whole = [[float(round(value)) for value in row] for row in rows]
    expected = outputs(client.post(INFER, json={"inputs": [tensor(whole)]}))
    data = [int(value) for row in whole for value in row]
    for datatype in ("INT16", "INT32", "INT64", "UINT16", "UINT32", "UINT64"):
        assert outputs(client.post(INFER, json={"inputs": [tensor(whole, datatype=datatype, data=data)]})) == expected


def test_outputs_are_chosen_and_optional_members_may_be_null(client: httpx.Client, rows: list[list[float]]) -> None:
    inputs = [tensor(rows, parameters={"content_type": "np"})]
    asked = {"inputs": inputs, "parameters": {"priority": 3, "colour": "red:blue"}, "outputs": [{"name": "prediction"}]}
    answer = client.post(INFER, json=asked)
    assert set(outputs(answer)) == {"prediction"}
    assert answer.json()["id"] == answer.headers["x-request-id"]
    nothing = {"inputs": [tensor(rows, parameters=None)], "id": None, "parameters": None, "outputs": None}
    assert set(outputs(client.post(INFER, json=nothing))) == {"prediction", "probabilities"}


@pytest.mark.parametrize("datatype", ["FP64", "FP32"])
def test_tensors_travel_as_bytes(client: httpx.Client, rows: list[list[float]], datatype: str) -> None:
    given = np.array(rows, dtype={"FP64": "<f8", "FP32": "<f4"}[datatype])
    expected = outputs(client.post(INFER, json={"inputs": [tensor(given.astype(float).tolist())]}))
    tail = given.tobytes()
    members: dict[str, Any] = {
        "inputs": [{**tensor(rows, datatype=datatype, parameters={"binary_data_size": len(tail)})}],
        "parameters": {"binary_data_output": True},
    }
    del members["inputs"][0]["data"]
    answer = client.post(INFER, **in_bytes(members, tail))
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers[LENGTH])
    text, rest = json.loads(answer.content[:length]), answer.content[length:]
    sizes = [output["parameters"]["binary_data_size"] for output in text["outputs"]]
    assert sum(sizes) == len(rest)
    labels = []
    at = 0
    while at < sizes[0]:
        (size,) = struct.unpack_from("<I", rest, at)
        labels.append(rest[at + 4 : at + 4 + size].decode())
        at += 4 + size
    assert labels == expected["prediction"]
    assert np.frombuffer(rest[sizes[0] :], dtype="<f8").tolist() == expected["probabilities"]
    members["outputs"] = [{"name": "probabilities", "parameters": {"binary_data": False}}]
    mixed = client.post(INFER, **in_bytes(members, tail))
    assert LENGTH not in mixed.headers
    assert outputs(mixed) == {"probabilities": expected["probabilities"]}


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "no such input": ({"name": "colour"}, 422, "$.inputs[0].name"),
    "texts for numbers": ({"datatype": "BYTES"}, 422, "$.inputs[0].datatype"),
    "no such datatype": ({"datatype": "FP8"}, 422, "$.inputs[0].datatype"),
    "no shape": ({"shape": []}, 422, "$.inputs[0].shape"),
    "negative shape": ({"shape": [-7, 30]}, 422, "$.inputs[0].shape"),
    "no rows": ({"shape": [0, 30], "data": []}, 422, "$.inputs[0].shape"),
    "other width": ({"shape": [7, 29]}, 422, "$.inputs[0].shape"),
    "shape of text": ({"shape": ["7", 30]}, 422, "$.inputs[0].shape[0]"),
    "too many rows": ({"shape": [1001, 30]}, 413, "$.inputs[0].shape"),
    "too many rows to count": ({"shape": [10**30, 30]}, 413, "$.inputs[0].shape"),
    "too few elements": ({"data": [1.0] * 209}, 422, "$.inputs[0].data"),
    "ragged": ({"data": [[1.0] * 30] * 6 + [[1.0] * 29]}, 422, "$.inputs[0].data[6]"),
    "nested otherwise": ({"data": [[1.0] * 7] * 30}, 422, "$.inputs[0].data"),
    "too deep": ({"data": [[[1.0] * 30] * 7]}, 422, "$.inputs[0].data"),
    "a scalar among rows": ({"data": [[1.0] * 30] * 6 + [1.0]}, 422, "$.inputs[0].data[6]"),
    "text": ({"data": [1.0] * 209 + ["1"]}, 422, "$.inputs[0].data[209]"),
    "boolean": ({"data": [1.0] * 209 + [True]}, 422, "$.inputs[0].data[209]"),
    "null": ({"data": [None] + [1.0] * 209}, 422, "$.inputs[0].data[0]"),
    "no array": ({"data": "1.0"}, 422, "$.inputs[0].data"),
    "huge": ({"data": [1e13] + [1.0] * 209}, 422, "$.inputs[0].data[0][0]"),
    "a fraction of an integer": ({"datatype": "INT32", "data": [1.5] + [1] * 209}, 422, "$.inputs[0].data[0]"),
    "beyond its datatype": ({"datatype": "INT8", "data": [1] * 209 + [128]}, 422, "$.inputs[0].data[209]"),
    "bytes without length": (
        {"parameters": {"binary_data_size": 8}}, 422, "$.inputs[0].parameters.binary_data_size"
    ),
    "unknown member": ({"colour": "red"}, 422, "$.inputs[0]"),
    "parameters that are no object": ({"parameters": []}, 422, "$.inputs[0].parameters"),
}  # fmt: skip


def refused(answer: httpx.Response, status: int, path: str) -> None:
    """A problem document that clients of the protocol can read, too."""
    members = answer.json()
    assert answer.status_code == members["status"] == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert path in [fault["path"] for fault in members["errors"]], members
    assert path in members["error"]


@pytest.mark.parametrize("case", BAD)
def test_bad_tensors_are_refused_with_their_place(client: httpx.Client, rows: list[list[float]], case: str) -> None:
    changes, status, path = BAD[case]
    refused(client.post(INFER, json={"inputs": [tensor(rows, **changes)]}), status, path)


def test_bad_requests_are_refused(client: httpx.Client, rows: list[list[float]]) -> None:
    good = tensor(rows)
    refused(client.post(INFER, json={"inputs": []}), 422, "$.inputs")
    refused(client.post(INFER, json={}), 422, "$")
    refused(client.post(INFER, json={"inputs": [good, good]}), 422, "$.inputs[1].name")
    refused(client.post(INFER, json={"inputs": [good], "outputs": [{"name": "colour"}]}), 422, "$.outputs[0].name")
    refused(client.post(INFER, json={"inputs": [good], "id": 7}), 422, "$.id")
    refused(client.post(INFER, json={"inputs": [{**good, "data": None}]}), 422, "$.inputs[0].data")
    del good["data"]
    refused(client.post(INFER, json={"inputs": [good]}), 422, "$.inputs[0].data")
    text = json.dumps({"inputs": [tensor(rows)]})
    headers = {"Content-Type": "application/json"}
    for number in ("NaN", "-Infinity", "1e999", "9" * 5000):
        content = text.replace('data": [', f'data": [{number}, ').replace("[7, 30]", "[1, 30]")
        refused(client.post(INFER, content=content, headers=headers), 422, "$.inputs[0].data[0]")
    for content, status in (
        (text.replace('"shape"', '"name": "x", "shape"'), 422),
        (text.replace("[7, 30]", "[7, 30], [7, 30]"), 400),
        ("[" * 100_000, 400),
        ("", 400),
        ('{"inputs": "\\ud800"}', 422),
    ):
        answer = client.post(INFER, content=content, headers=headers)
        assert (answer.status_code, type(answer.json()["error"])) == (status, str), content[:80]
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/octet-stream"}):
        answer = client.post(INFER, content=text, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (415, answer.json()["detail"])
    large = client.post(INFER, json={"inputs": [tensor(rows, data=[0.123456789] * 300_000)]})
    assert (large.status_code, "error" in large.json()) == (413, True)


def test_bad_bytes_are_refused(client: httpx.Client, rows: list[list[float]]) -> None:
    good = np.array(rows).tobytes()

    def send(tail: bytes, size: object, length: object = None, **changes: Any) -> httpx.Response:
        given = {**tensor(rows, parameters={"binary_data_size": size}), **changes}
        if "data" not in changes:
            del given["data"]
        arguments = in_bytes({"inputs": [given]}, tail)
        if length is not None:
            arguments["headers"] = {LENGTH: str(length)}
        return client.post(INFER, **arguments)

    size = "$.inputs[0].parameters.binary_data_size"
    assert send(good, len(good)).status_code == 200
    for value in (np.nan, np.inf, -np.inf):
        wrong = np.array(rows)
        wrong[6, 29] = value
        refused(send(wrong.tobytes(), len(good)), 422, "$.inputs[0].data[209]")
    refused(send(good, len(good) + 1), 422, size)
    refused(send(good, -1), 422, size)
    refused(send(good, True), 422, size)
    refused(send(good, "8"), 422, size)
    refused(send(good, 1.5), 422, size)
    refused(send(good[:-1], len(good) - 1), 422, size)
    refused(send(good[:-8], len(good) - 8), 422, "$.inputs[0].data")
    refused(send(good + b"x", len(good)), 422, "$")
    refused(send(good, len(good), data=[1.0]), 422, "$.inputs[0].data")
    for length in ("-1", "1e3", "x", str(10**9), "٣", "9" * 30):
        answer = client.post(INFER, content=b"{}", headers={LENGTH.encode(): length.encode()})
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:problem:malformed-length")


def test_unknown_models_and_versions(client: httpx.Client, rows: list[list[float]]) -> None:
    asked = {"inputs": [tensor(rows)]}
    for path in ("/v2/models/other", f"{MODEL}/versions/9.9.9", f"{MODEL}/versions/..%2f1.0.0"):
        for answer in (client.get(path), client.get(f"{path}/ready"), client.post(f"{path}/infer", json=asked)):
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/problem+json"
    assert client.post(f"{MODEL}/versions/9.9.9/infer", json=asked).json()["error"]


def test_refusals_of_every_kind_have_the_error_of_the_protocol(models: Path, tmp_path: Path) -> None:
    class Broken(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            raise RuntimeError("planted")

    async def scenario() -> None:
        settings = Settings(models=models, state=tmp_path, rate_limit=0.001, rate_burst=8)
        components = replace(build_components(settings), predictor=Broken())
        async with client_of(components) as client:
            expected = golden(models, "breast-cancer", "1.0.0")["rows"]
            for method, path, status, ours in (
                ("PUT", "/v2", 405, True),
                ("GET", INFER, 405, True),
                ("GET", "/v2/", 404, True),
                ("GET", "/v2/nope", 404, True),
                ("GET", "/v2x", 404, False),
                ("GET", "/v3", 404, False),
                ("PUT", "/predict", 405, False),
                ("POST", INFER, 500, True),
                ("GET", "/v2", 429, True),
                ("GET", "/models", 429, False),
            ):
                asked = {"inputs": [tensor(expected)]} if status == 500 else None
                answer = await client.request(method, path, json=asked)
                members = answer.json()
                assert answer.status_code == members["status"] == status, path
                assert members.get("error") == (members["detail"] if ours else None), path
                assert answer.headers["content-type"] == "application/problem+json"

    asyncio.run(scenario())


Columns = dict[str, list[Any]]


def columns(given: Columns, upright: bool = False) -> list[dict[str, Any]]:
    """A tensor for each column, as rows lie in it or as one column of a matrix."""
    width = [1] if upright else []
    texts = [name for name, values in given.items() if any(isinstance(value, str) for value in values)]
    return [
        {
            "name": name,
            "shape": [len(values), *width],
            "datatype": "BYTES" if name in texts else "FP64",
            "data": values,
        }
        for name, values in given.items()
    ]


def columns_in_bytes(given: Columns) -> tuple[list[dict[str, Any]], bytes]:
    """The same, as bytes: NaN is a missing number."""
    tensors, tail = columns(given), b""
    for tensor in tensors:
        values = tensor.pop("data")
        if tensor["datatype"] == "BYTES":
            content = b"".join(struct.pack("<I", len(value.encode())) + value.encode() for value in values)
        else:
            content = np.array(values, dtype="<f8").tobytes()
        tensor["parameters"] = {"binary_data_size": len(content)}
        tail += content
    return tensors, tail


def test_columns_of_all_kinds_are_a_tensor_each(models: Path) -> None:
    """A missing number is null in JSON, NaN in bytes; their order does not matter."""
    infer = "/v2/models/credit/infer"

    async def scenario() -> None:
        rows = golden(models, "credit", "1.0.0")["rows"]
        rows[0][1] = rows[3][2] = None
        rows[5][6] = "Ærø: 漢字"  # a level that training never saw
        async with client_of(build_components(Settings("credit", models=models))) as client:
            inputs = (await client.get("/v2/models/credit")).json()["inputs"]
            names = [each["name"] for each in inputs]
            assert {(each["name"], each["datatype"]) for each in inputs} >= {("age", "FP64"), ("purpose", "BYTES")}
            given = {name: [row[i] for row in rows] for i, name in enumerate(names)}
            answers = (await client.post("/predict/batch", json={"instances": rows})).json()["predictions"]
            expected = [share for each in answers for share in each["probabilities"].values()]
            for tensors in (columns(given), columns(given)[::-1], columns(given, upright=True)):
                answer = await client.post(infer, json={"inputs": tensors})
                assert outputs(answer)["probabilities"] == expected
            tensors, tail = columns_in_bytes(given)
            assert outputs(await client.post(infer, **in_bytes({"inputs": tensors}, tail)))["probabilities"] == expected

            async def told(changes: dict[str, Any], as_bytes: bool = False) -> list[str]:
                wrong = {name: [*changes.get(name, values[:1]), *values[1:]] for name, values in given.items()}
                tensors, tail = columns_in_bytes(wrong) if as_bytes else (columns(wrong), b"")
                sent = in_bytes({"inputs": tensors}, tail) if as_bytes else {"json": {"inputs": tensors}}
                answer = await client.post(infer, **sent)
                assert answer.status_code == 422
                return [error["path"] for error in answer.json()["errors"]]

            assert await told({"age": [None]}) == ["$.inputs[0].data[0]"]
            assert await told({"age": [None]}, as_bytes=True) == ["$.inputs[0].data[0]"]
            assert await told({"age": [1e13], "region": ["x" * 65]}) == ["$.inputs[0].data[0]", "$.inputs[9].data[0]"]
            assert await told({"purpose": [None], "income": ["1"]}) == ["$.inputs[1].datatype"]
            assert await told({"purpose": [None]}) == ["$.inputs[6].data[0]"]
            assert await told({"purpose": [""]}, as_bytes=True) == ["$.inputs[6].data[0]"]
            assert await told({"age": [1.0, 2.0]}) == [f"$.inputs[{i}].shape" for i in range(1, 10)]
            cut, tail = columns_in_bytes(given)
            cut[-1]["parameters"]["binary_data_size"] -= 1
            answer = await client.post(infer, **in_bytes({"inputs": cut}, tail[:-1]))
            assert [error["path"] for error in answer.json()["errors"]] == [f"$.inputs[9].data[{len(rows) - 1}]"]
            missing = await client.post(infer, json={"inputs": columns(given)[1:]})
            assert missing.json()["errors"] == [{"path": "$.inputs", "message": "the tensor 'age' is missing"}]

    asyncio.run(scenario())


def test_a_regression_is_one_number_a_row(models: Path) -> None:
    async def scenario() -> None:
        expected = golden(models, "diabetes", "1.0.0")
        async with client_of(build_components(Settings("diabetes", models=models))) as client:
            described = (await client.get("/v2/models/diabetes")).json()
            assert described["outputs"] == [{"name": "prediction", "datatype": "FP64", "shape": [-1]}]
            asked = {"inputs": [tensor(expected["rows"])]}
            answer = await client.post("/v2/models/diabetes/infer", json=asked)
            wanted = [each["prediction"] for each in expected["answers"]]
            assert outputs(answer)["prediction"] == pytest.approx(wanted, rel=1e-9)

    asyncio.run(scenario())


@pytest.mark.parametrize("model", ["breast-cancer", "diabetes", "credit"])
def test_it_is_documented_as_it_is(models: Path, model: str) -> None:
    async def scenario() -> None:
        async with client_of(build_components(Settings(model, models=models))) as client:
            document = (await client.get("/openapi.json")).json()
            assert not list(OpenAPIV31SpecValidator(document).iter_errors())
            infer = "/v2/models/{name}/infer"
            body = document["paths"][infer]["post"]["requestBody"]["content"]["application/json"]
            schema = {**body["schema"], "components": document["components"]}
            jsonschema.Draft202012Validator(schema).validate(body["example"])
            address = infer.format(name=model)
            good = await client.post(address, json=body["example"])
            assert good.status_code == 200
            conforms(document, "post", infer, good)
            as_bytes = await client.post(address, json={**body["example"], "parameters": {"binary_data_output": True}})
            text = json.loads(as_bytes.content[: int(as_bytes.headers[LENGTH])])
            answer = {**schema_of(document, "post", infer, good), "components": document["components"]}
            jsonschema.Draft202012Validator(answer).validate(text)
            for wrong in ({}, {**body["example"], "inputs": []}, {**body["example"], "colour": "red"}):
                assert not jsonschema.Draft202012Validator(schema).is_valid(wrong)
                refusal = await client.post(address, json=wrong)
                assert refusal.status_code == 422
                conforms(document, "post", infer, refusal)
            conforms(document, "get", "/v2/models/{name}", await client.get(f"/v2/models/{model}"))
            conforms(document, "get", "/v2/models/{name}", await client.get("/v2/models/other"))

    asyncio.run(scenario())
