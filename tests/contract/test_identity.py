"""Everything that names a model, a version or a request names the same one."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from typing import Any

import httpx
import sklearn
from prometheus_client.parser import text_string_to_metric_families

from tests.contract.conftest import Server


def counted(client: httpx.Client) -> dict[str, float]:
    """Requests by the version that they are counted for; other tests may have asked for another."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples if family.name == "http_requests" else ():
            version = sample.labels["model_version"]
            found[version] = found.get(version, 0) + sample.value
    return found


def test_every_place_names_one_version(client: httpx.Client, row: list[float]) -> None:
    before = counted(client)
    answer = client.post("/predict", json={"features": row})
    batch = client.post("/predict/batch", json={"instances": [row]})
    models = client.get("/models").json()
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    named = {
        answer.json()["model_version"],
        batch.json()["model_version"],
        answer.headers["x-model-version"],
        client.get("/nope").headers["x-model-version"],
        client.get("/health").json()["model_version"],
        client.get("/model/info").json()["version"],
        models["serving"],
        *(version["version"] for version in models["versions"] if version["stage"] == "serving"),
        *(sample.labels["version"] for sample in families["model_info"].samples if sample.value),
        *(version for version, count in counted(client).items() if count != before.get(version)),
    }
    assert named == {"1.0.0"}


def test_the_digest_is_that_of_the_artifact(client: httpx.Client, server: Server) -> None:
    directory = server.models / "breast-cancer"
    digests = {v: hashlib.sha256((directory / v / "model.skops").read_bytes()).hexdigest() for v in ("1.0.0", "2.0.0")}
    assert client.get("/model/info").json()["sha256"] == digests["1.0.0"]
    for version, digest in digests.items():
        assert client.get(f"/models/{version}").json()["sha256"] == digest
        recorded = json.loads((directory / version / "manifest.json").read_text())["files"]["model.skops"]["sha256"]
        assert recorded == digest
    assert [version["version"] for version in client.get("/models").json()["versions"]] == ["1.0.0", "2.0.0"]


def test_metadata_says_where_the_model_came_from(client: httpx.Client) -> None:
    info = client.get("/model/info").json()
    assert (info["framework"], info["framework_version"]) == ("scikit-learn", sklearn.__version__)
    assert info["data_version"].startswith("sha256:")
    assert info["metrics"]["accuracy"] > 0.95
    assert info["classes"] == ["benign", "malignant"]
    assert len(info["features"]) == 30
    first = info["features"][0]
    assert first["name"] == "mean radius"
    assert first["range"]["minimum"] < first["statistics"]["mean"] < first["range"]["maximum"]
    assert {"trained_at", "git_revision", "python_version", "seed", "parameters", "data"} <= info.keys()


def test_request_ids_are_kept_if_sane_and_unique_if_not(client: httpx.Client, row: list[float]) -> None:
    def identified(sent: str | None) -> str:
        headers = {} if sent is None else {"X-Request-ID": sent}
        answer = client.post("/predict", json={"features": row}, headers=headers)
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        found: str = answer.json()["request_id"]
        return found

    assert identified("order-7.a:b_c") == "order-7.a:b_c"
    for insane in ("a b", '"},{"', "x" * 129, "-", "a\tb", "{}"):
        assert uuid.UUID(identified(insane)).version == 7
    assert len({identified(None) for _ in range(50)}) == 50


def test_logs_are_one_line_a_request_without_its_payload(
    client: httpx.Client, server: Server, row: list[float]
) -> None:
    mine = f"log-{uuid.uuid4()}"
    token = "canary7f3a"
    fields = {"features": [123456.789, *row[1:]], "user_id": token}
    client.post(f"/predict?q={token}", json=fields, headers={"X-Request-ID": mine, "X-Other": token})
    client.post("/predict", json={"features": [token], token: token}, headers={"X-Request-ID": f"{mine}-bad"})
    lines: list[dict[str, Any]] = []
    give_up = time.monotonic() + 5
    while len(lines) < 2 and time.monotonic() < give_up:
        lines = [line for line in server.lines() if line.get("request_id", "").startswith(mine)]
    assert [(line["status"], line["route"], line["model_version"]) for line in lines] == [
        (200, "/predict", "1.0.0"),
        (422, "/predict", "1.0.0"),
    ]
    assert all(line["duration_ms"] > 0 and line["method"] == "POST" and line["time"] for line in lines)
    everything = server.log.read_text() + client.get("/metrics").text
    assert token not in everything
    assert "123456.789" not in everything
