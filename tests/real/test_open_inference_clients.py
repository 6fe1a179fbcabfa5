"""Other people's clients of the Open Inference Protocol talk to the reference service, as they come."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import pytest
import tritonclient.http
from open_inference.openapi import InferenceRequest, NotFoundError, RequestInput, TensorData
from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.core.api_error import ApiError
from pydantic_open_inference import (
    BadStatusCodeFromServerError,
    DatatypeOverride,
    InputsBaseModel,
    OutputsBaseModel,
    RemoteModel,
)
from tritonclient.utils import InferenceServerException

from reference_service.train import train_missing
from tests.contract.conftest import Server, free_port, golden, wait_until_live

MODEL = "breast-cancer"
Rows = list[list[float]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models")
    train_missing(directory)
    return directory


@contextmanager
def serving(model: str, models: Path, directory: Path) -> Iterator[Server]:
    """A model on a free port."""
    port = free_port()
    command = [sys.executable, "-m", "reference_service", "--model", model, "--port", str(port)]
    with (directory / "log").open("wb") as log:
        arguments = ["--models", str(models), "--state", str(directory / "state")]
        process = subprocess.Popen([*command, *arguments], stdout=log, stderr=log)
    try:
        started = Server(f"http://127.0.0.1:{port}", process, directory / "log", models)
        wait_until_live(started)
        yield started
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The breast-cancer model."""
    with serving(MODEL, models, tmp_path_factory.mktemp("service")) as started:
        yield started


@pytest.fixture(scope="module")
def rows(server: Server) -> Rows:
    found: Rows = golden(server.models, MODEL, "1.0.0")["rows"]
    return found


@pytest.fixture
def expected(server: Server, rows: Rows) -> tuple[list[str], Rows]:
    """The classes and their probabilities by /predict/batch."""
    with server.client() as client:
        answers = client.post("/predict/batch", json={"instances": rows}).json()["predictions"]
    return [each["prediction"] for each in answers], [list(each["probabilities"].values()) for each in answers]


@pytest.fixture
def triton(server: Server) -> Iterator[Any]:
    with tritonclient.http.InferenceServerClient(server.url.removeprefix("http://"), concurrency=8) as client:
        yield client


def triton_input(rows: Rows, dtype: str = "FP64", binary: bool = True) -> Any:
    given = np.array(rows, dtype={"FP64": np.float64, "FP32": np.float32}[dtype])
    found = tritonclient.http.InferInput("features", list(given.shape), dtype)
    found.set_data_from_numpy(given, binary_data=binary)
    return found


def test_triton_finds_its_way(triton: Any) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready(MODEL)
    assert triton.is_model_ready(MODEL, "2.0.0")
    assert not triton.is_model_ready("other")
    assert not triton.is_model_ready(MODEL, "9.9.9")
    assert "binary_tensor_data" in triton.get_server_metadata()["extensions"]
    assert triton.get_model_metadata(MODEL, "2.0.0")["inputs"][0]["shape"] == [-1, 30]


@pytest.mark.parametrize("asked", ["all as bytes", "some as bytes", "JSON only"])
def test_triton_gets_the_answers_of_predict(
    triton: Any, rows: Rows, expected: tuple[list[str], Rows], asked: str
) -> None:
    outputs = {
        "all as bytes": None,
        "some as bytes": [
            tritonclient.http.InferRequestedOutput("probabilities", binary_data=True),
            tritonclient.http.InferRequestedOutput("prediction", binary_data=False),
        ],
        "JSON only": [
            tritonclient.http.InferRequestedOutput(name, binary_data=False) for name in ("prediction", "probabilities")
        ],
    }[asked]
    given = triton_input(rows, binary=asked != "JSON only")
    result = triton.infer(MODEL, [given], outputs=outputs, request_id="seven", priority=3)
    labels = [label.decode() if isinstance(label, bytes) else label for label in result.as_numpy("prediction").tolist()]
    assert (labels, result.as_numpy("probabilities").tolist()) == expected
    assert result.get_response()["id"] == "seven"
    assert result.get_response()["model_version"] == "1.0.0"


def test_triton_asks_for_versions_and_in_single_precision(server: Server, triton: Any, rows: Rows) -> None:
    exact = golden(server.models, MODEL, "2.0.0")["answers"]
    result = triton.infer(MODEL, [triton_input(rows)], model_version="2.0.0").as_numpy("probabilities")
    np.testing.assert_allclose(result, [list(each["probabilities"].values()) for each in exact], rtol=1e-9)
    single = triton.infer(MODEL, [triton_input(rows, "FP32")]).as_numpy("probabilities")
    double = triton.infer(MODEL, [triton_input(rows)]).as_numpy("probabilities")
    np.testing.assert_allclose(single, double, rtol=1e-4)


def test_triton_asks_much_at_once(triton: Any, rows: Rows, expected: tuple[list[str], Rows]) -> None:
    pending = [(i % 20, triton.async_infer(MODEL, [triton_input([rows[i % 20]])])) for i in range(100)]
    for i, each in pending:
        assert each.get_result().as_numpy("probabilities").tolist() == [expected[1][i]]


@pytest.mark.parametrize(
    ("model", "version", "change", "status", "words"),
    [
        ("other", "", 1.0, "404", "This server has no such model."),
        (MODEL, "9.9.9", 1.0, "404", "The registry has no such version."),
        (MODEL, "", np.nan, "422", r"\$\.inputs\[0\]\.data\[0\] must be a finite number"),
        (MODEL, "", 1e300, "422", r"\$\.inputs\[0\]\.data\[0\]\[0\] must be between"),
    ],
)
def test_triton_understands_refusals(
    triton: Any, rows: Rows, model: str, version: str, change: float, status: str, words: str
) -> None:
    wrong = triton_input([[rows[0][0] * change, *rows[0][1:]]])
    with pytest.raises(InferenceServerException, match=words) as raised:
        triton.infer(model, [wrong], model_version=version)
    assert raised.value.status() == status


def test_triton_sends_columns_of_all_kinds(models: Path, tmp_path: Path) -> None:
    rows = golden(models, "credit", "1.0.0")["rows"]
    rows[0][1] = None
    with serving("credit", models, tmp_path) as server:
        with server.client() as client:
            answers = client.post("/predict/batch", json={"instances": rows}).json()["predictions"]
        with tritonclient.http.InferenceServerClient(server.url.removeprefix("http://")) as triton:
            inputs = []
            for i, known in enumerate(triton.get_model_metadata("credit")["inputs"]):
                values = [row[i] for row in rows]
                dtype: Any = np.float64 if known["datatype"] == "FP64" else np.object_
                inputs.append(tritonclient.http.InferInput(known["name"], [len(rows)], known["datatype"]))
                inputs[-1].set_data_from_numpy(np.array(values, dtype=dtype))
            result = triton.infer("credit", inputs).as_numpy("probabilities")
    assert result.tolist() == [list(each["probabilities"].values()) for each in answers]


@pytest.fixture
def generated(server: Server) -> Iterator[OpenInferenceClient]:
    """The client that is generated from the protocol's own OpenAPI document."""
    with httpx.Client() as connections:
        yield OpenInferenceClient(base_url=server.url, httpx_client=connections)


def test_the_generated_client(generated: OpenInferenceClient, rows: Rows, expected: tuple[list[str], Rows]) -> None:
    client = generated
    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness(MODEL)
    client.check_model_version_readiness(MODEL, "2.0.0")
    with pytest.raises(NotFoundError):
        client.check_model_readiness("other")
    assert client.read_server_metadata().extensions == ["binary_tensor_data"]
    assert client.read_model_metadata(MODEL).versions == ["1.0.0", "2.0.0"]
    assert client.read_model_version_metadata(MODEL, "2.0.0").outputs[1].name == "probabilities"
    for data in (rows, [value for row in rows for value in row]):
        tensor = RequestInput(name="features", shape=[len(rows), 30], datatype="FP64", data=TensorData.parse_obj(data))
        answer = client.model_infer(MODEL, request=InferenceRequest(id="seven", inputs=[tensor]))
        labels, shares = [output.data.__root__ for output in answer.outputs]
        assert labels == expected[0]
        assert np.array(shares).reshape(-1, 2).tolist() == expected[1]
        assert (answer.id, answer.model_version) == ("seven", "1.0.0")
    assert (
        client.model_version_infer(MODEL, "2.0.0", request=InferenceRequest(inputs=[tensor])).model_version == "2.0.0"
    )
    wrong = RequestInput(name="features", shape=[1, 30], datatype="FP64", data=TensorData.parse_obj([1.0]))
    with pytest.raises(ApiError) as raised:
        client.model_infer(MODEL, request=InferenceRequest(inputs=[wrong]))
    assert raised.value.body["error"] == "$.inputs[0].data must have 30 elements, has 1"


class Features(InputsBaseModel):
    features: Annotated[list[list[float]], DatatypeOverride("FP64")]


class Classes(OutputsBaseModel):
    prediction: list[str]
    probabilities: list[tuple[float, float]]


def test_pydantic_models_of_tensors(server: Server, rows: Rows, expected: tuple[list[str], Rows]) -> None:
    model = RemoteModel(model_name=MODEL, inputs_model=Features, outputs_model=Classes, server_url=server.url)
    assert model.is_ready()
    answer = model.infer(Features(features=rows))
    assert (answer.prediction, [list(each) for each in answer.probabilities]) == expected
    with pytest.raises(BadStatusCodeFromServerError, match="422"):
        model.infer(Features(features=[row[1:] for row in rows]))
    model._client_api._client.close()  # it would do so at exit only
