"""Labels find their predictions, at whichever worker, and what they say of each version is told truly."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from reference_service.components import build_components
from reference_service.deployments import outcomes
from reference_service.deployments.outcomes import Outcomes
from reference_service.model.predictor import Answer
from reference_service.settings import Settings
from tests.contract.conftest import Start, client_of, golden
from tests.contract.test_metrics import scraped
from tests.contract.test_openapi import conforms

JSON = {"Content-Type": "application/json"}


def live(client: httpx.Client, name: str, **labels: str) -> float | None:
    """A metric of live quality, if it is there."""
    return scraped(client).get((name, frozenset(labels.items())))


def test_a_label_finds_its_prediction_at_any_worker(start: Start, row: list[float]) -> None:
    server = start("--workers", "2")
    answers = []
    for i in range(24):
        with server.client() as client:  # a connection each, so that both workers get some
            answers.append(client.post("/predict", json={"features": row}, headers={"X-Request-ID": f"a-{i}"}).json())
    for i, answer in enumerate(answers):
        with server.client() as client:
            label = answer["prediction"] if i % 4 else "benign"
            found = client.post("/feedback", json={"request_id": answer["request_id"], "label": label})
            assert found.status_code == 202
            assert found.json() == {
                "request_id": f"a-{i}",
                "model_version": "1.0.0",
                "prediction": "malignant",
                "label": label,
                "status": "recorded",
            }
    with server.client() as client:
        score = {"model_version": "1.0.0", "labels": 24, "metric": "accuracy", "value": 0.75}
        assert client.get("/feedback").json() == {"window_labels": 1000, "versions": [score]}


def test_a_label_again_changes_nothing_and_another_one_takes_its_place(client: httpx.Client, row: list[float]) -> None:
    request_id = client.post("/predict", json={"features": row}).json()["request_id"]

    def label(given: str) -> str:
        status: str = client.post("/feedback", json={"request_id": request_id, "label": given}).json()["status"]
        return status

    assert [label("benign"), label("benign"), label("malignant"), label("malignant"), label("benign")] == [
        "recorded", "unchanged", "replaced", "unchanged", "replaced"
    ]  # fmt: skip


def test_a_repeated_request_id_is_that_of_the_later_answer(client: httpx.Client, row: list[float]) -> None:
    for version in ("1.0.0", "2.0.0"):
        asked = {"features": row, "model_version": version}
        client.post("/predict", json=asked, headers={"X-Request-ID": "chosen"})
    labelled = client.post("/feedback", json={"request_id": "chosen", "label": "malignant"}).json()
    assert (labelled["model_version"], labelled["status"]) == ("2.0.0", "recorded")


def test_answers_of_the_open_inference_protocol_can_be_labelled(client: httpx.Client, row: list[float]) -> None:
    tensor = {"name": "features", "shape": [1, 30], "datatype": "FP64", "data": row}
    request_id = client.post("/v2/models/breast-cancer/infer", json={"inputs": [tensor]}).json()["id"]
    labelled = client.post("/feedback", json={"request_id": request_id, "label": "malignant"})
    assert (labelled.status_code, labelled.json()["prediction"]) == (202, "malignant")


def test_what_is_no_single_prediction_has_no_label(client: httpx.Client, row: list[float]) -> None:
    batch = client.post("/predict/batch", json={"instances": [row, row]}).json()["request_id"]
    refused = client.post("/predict", json={"features": row[1:]}).json()["request_id"]
    for request_id in ("never", "", batch, refused):
        answer = client.post("/feedback", json={"request_id": request_id, "label": "benign"})
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem:unknown-prediction")


BAD: dict[str, tuple[Any, int, str]] = {
    "another class": ({"request_id": "x", "label": "Benign"}, 422, "$.label"),
    "a number": ({"request_id": "x", "label": 1}, 422, "$.label"),
    "a boolean": ({"request_id": "x", "label": True}, 422, "$.label"),
    "null": ({"request_id": "x", "label": None}, 422, "$.label"),
    "no label": ({"request_id": "x"}, 422, "$.label"),
    "no request": ({"label": "benign"}, 422, "$.request_id"),
    "a number for a request": ({"request_id": 7, "label": "benign"}, 422, "$.request_id"),
    "unknown field": ({"request_id": "x", "label": "benign", "colour": "red"}, 422, "$.colour"),
    "an array": ([], 422, "$"),
    "a repeated key": (b'{"request_id": "x", "label": "benign", "label": "malignant"}', 422, "$['label']"),
    "an infinite number": (b'{"request_id": "x", "label": 1e999}', 422, "$.label"),
    "no JSON": (b"{", 400, "$"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_feedback_is_refused(client: httpx.Client, case: str) -> None:
    given, status, path = BAD[case]
    sent = {"content": given, "headers": JSON} if isinstance(given, bytes) else {"json": given}
    answer = client.post("/feedback", **sent)
    assert answer.status_code == status
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_it_is_documented_as_it_is(client: httpx.Client, row: list[float]) -> None:
    document = client.get("/openapi.json").json()
    body = document["paths"]["/feedback"]["post"]["requestBody"]["content"]["application/json"]
    schema = {**body["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(body["example"])
    request_id = body["example"]["request_id"]
    conforms(document, "post", "/feedback", client.post("/feedback", json={**body["example"], "request_id": "never"}))
    client.post("/predict", json={"features": row}, headers={"X-Request-ID": request_id})
    accepted = client.post("/feedback", json=body["example"])
    assert accepted.status_code == 202
    conforms(document, "post", "/feedback", accepted)
    conforms(document, "get", "/feedback", client.get("/feedback"))
    for case in BAD.values():
        if not isinstance(case[0], bytes):
            assert not jsonschema.Draft202012Validator(schema).is_valid(case[0]), case[0]
            conforms(document, "post", "/feedback", client.post("/feedback", json=case[0]))


def test_quality_is_told_by_version_as_labels_come(start: Start, models: Path) -> None:
    expected = golden(models, "diabetes", "1.0.0")
    server = start("--model", "diabetes")
    with server.client() as client:
        assert live(client, "model_live_quality_labels", model_version="1.0.0") is None
        for i, row in enumerate(expected["rows"][:10]):
            for version, off in (("1.0.0", i), ("2.0.0", -2 * i)):
                answer = client.post("/predict", json={"features": row, "model_version": version}).json()
                label = answer["prediction"] + off
                assert (
                    client.post("/feedback", json={"request_id": answer["request_id"], "label": label}).status_code
                    == 202
                )
        qualities = {score["model_version"]: score for score in client.get("/feedback").json()["versions"]}
        for version, value in (("1.0.0", 4.5), ("2.0.0", 9.0)):
            assert qualities[version]["labels"] == 10
            assert qualities[version]["metric"] == "mean_absolute_error"
            assert qualities[version]["value"] == pytest.approx(value)
            told = None
            while told is None:  # soon, in the background
                told = live(client, "model_live_quality", metric="mean_absolute_error", model_version=version)
            assert live(client, "model_live_quality_labels", model_version=version) is not None
        answer = client.post("/feedback", json={"request_id": "x", "label": "high"})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "$.label")
        answer = client.post("/feedback", json={"request_id": "x", "label": 1e13})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "$.label")


def test_the_newest_are_remembered_also_by_who_comes_back(tmp_path: Path) -> None:
    first = Outcomes(tmp_path)
    first.start()
    for start in range(0, outcomes.MOST_PREDICTIONS + 50, 10_010):  # bounded in memory as well
        for i in range(start, min(start + 10_010, outcomes.MOST_PREDICTIONS + 50)):
            first.predicted(str(i), "1.0.0", Answer("benign"))
        first.flush()
    assert first.label("49", "benign") is None
    first.predicted("last", "1.0.0", Answer("benign"))
    first.close()
    again = Outcomes(tmp_path)
    again.start()
    for request_id in ("51", "last"):
        labelled = again.label(request_id, "malignant")
        assert labelled is not None
        assert labelled.status == "recorded"
    assert [(score.labels, score.loss) for score in again.scores()] == [(2, 1.0)]
    again.close()


def test_only_the_newest_labels_count_and_only_those_since(tmp_path: Path) -> None:
    now = [0.0]
    store = Outcomes(tmp_path, clock=lambda: now[0])
    store.start()
    for i in range(outcomes.WINDOW_LABELS + 10):
        now[0] = float(i)
        store.predicted(str(i), "1.0.0", Answer("benign"))
        store.label(str(i), "malignant" if i < 10 or i >= outcomes.WINDOW_LABELS else "benign")
    (score,) = store.scores()
    assert (score.labels, score.loss) == (outcomes.WINDOW_LABELS, 10 / outcomes.WINDOW_LABELS)
    (score,) = store.scores(since=outcomes.WINDOW_LABELS - 10.0)
    assert (score.labels, score.loss) == (20, 0.5)
    store.close()


def test_predictions_go_on_when_the_file_cannot_be_written(models: Path, row: list[float]) -> None:
    class Full(Outcomes):
        def flush(self) -> None:
            self.pending.clear()
            raise sqlite3.OperationalError("database or disk is full")

    async def scenario() -> None:
        settings = Settings(models=models)
        full = Full(settings.state_directory)
        async with client_of(replace(build_components(settings), outcomes=full)) as client:
            for _ in range(3):
                assert (await client.post("/predict", json={"features": row})).status_code == 200
                await asyncio.sleep(outcomes.FLUSH_SECONDS * 1.2)
            answer = await client.post("/feedback", json={"request_id": "x", "label": "benign"})
            assert answer.status_code == 500

    asyncio.run(scenario())
