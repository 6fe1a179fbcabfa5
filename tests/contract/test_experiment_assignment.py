"""Where a user is, over HTTP: as anyone can compute it, and the same in predictions."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reference_service.components import Components
from reference_service.experiments.routing import Routing
from reference_service.vectors.generate import FILE
from tests.contract.conftest import golden
from tests.contract.deployments import admin_of
from tests.contract.deployments import parts as parts_of
from tests.contract.experiments import assigned, recomputed, shares
from tests.contract.test_bad_input import check
from tests.contract.test_openapi import conforms

PUBLISHED: dict[str, Any] = json.loads(FILE.read_text("ascii"))


@pytest.fixture(name="parts")
def _parts(models: Path, tmp_path: Path) -> Components:
    return parts_of(models, tmp_path)


def test_published_vectors_over_http(parts: Components) -> None:
    vectors = [each for each in PUBLISHED["vectors"] if isinstance(each["unit"], str)]
    salts = sorted({each["salt"] for each in vectors})

    async def scenario() -> None:
        async with admin_of(parts) as client:
            for number, salt in enumerate(salts):
                body = shares(0.5, 0.5, salt=salt)
                assert (await client.put(f"/experiments/e{number}", json=body)).status_code == 201
            for each in vectors[::3]:
                found = await assigned(client, each["unit"], f"e{salts.index(each['salt'])}")
                assert (found["bucket"], found["user_id"]) == (each["bucket"], each["unit"])
                assert found["variant"] == ("control" if each["bucket"] < 5000 else "boosted")

    asyncio.run(scenario())


def test_predictions_follow_the_assignment_and_say_so(
    parts: Components, models: Path, row: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    goldens = {version: golden(models, "breast-cancer", version)["answers"][0] for version in ("1.0.0", "2.0.0")}
    users: list[str | int] = ["ada", "grace", "jos\u00e9", "jose\u0301", " ada", "\U0001f469\u200d\U0001f680", "a\0b"]

    async def scenario() -> None:
        async with admin_of(parts) as client:
            await client.put("/experiments/checkout", json=shares(0.5, 0.5))
            experiment = (await client.get("/experiments/checkout")).json()
            seen = Counter[str]()
            for user_id in [*users, *range(-20, 20), 2**63 - 1, *(f"user-{i}" for i in range(60))]:
                answer = await client.post("/predict", json={"features": row, "user_id": user_id})
                said, found = answer.json(), await assigned(client, str(user_id))
                assert (said["variant"], said["model_version"]) == (found["variant"], found["version"])
                assert (found["bucket"], found["variant"]) == recomputed(experiment, user_id)
                assert answer.headers["x-model-version"] == said["model_version"]
                assert said["prediction"] == goldens[said["model_version"]]["prediction"]
                assert said["probabilities"] == pytest.approx(goldens[said["model_version"]]["probabilities"])
                seen[said["variant"]] += 1
            assert min(seen["control"], seen["boosted"]) > 30
            treated = next(user for user in map(str, range(99)) if recomputed(experiment, user)[1] == "boosted")
            for body in ({"features": row}, {"features": row, "user_id": treated, "model_version": "1.0.0"}):
                said = (await client.post("/predict", json=body)).json()
                assert (said["model_version"], "variant" in said) == ("1.0.0", False)

    asyncio.run(scenario())
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    variants = Counter(line.get("variant") for line in lines if line.get("route") == "/predict")
    assert set(variants) == {"control", "boosted", None}
    assert variants[None] == 2


INFER = "/v2/models/breast-cancer/infer"


def tensors(row: list[float], **members: Any) -> dict[str, Any]:
    """A request of the Open Inference Protocol."""
    return {"inputs": [{"name": "features", "shape": [1, len(row)], "datatype": "FP64", "data": row}], **members}


def test_the_open_inference_protocol_follows_the_assignment_and_says_so(parts: Components, row: list[float]) -> None:
    async def scenario() -> None:
        async with admin_of(parts) as client:
            document = (await client.get("/openapi.json")).json()
            plain = await client.post(INFER, json=tensors(row, parameters={"user_id": "ada"}))
            assert "parameters" not in plain.json()
            await client.put("/experiments/checkout", json=shares(0.5, 0.5))
            seen = Counter[str]()
            users: list[str | int] = ["ada", "a:b", "jos\u00e9", -(2**63), 2**63 - 1, *range(20)]
            for user_id in users:
                asked = tensors(row, parameters={"user_id": user_id, "colour": "red"})
                wanted = (await client.post("/predict", json={"features": row, "user_id": user_id})).json()
                answer = await client.post(INFER, json=asked)
                members = answer.json()
                assert members["parameters"] == {"variant": wanted["variant"]}
                assert members["model_version"] == wanted["model_version"] == answer.headers["x-model-version"]
                conforms(document, "post", "/v2/models/{name}/infer", answer)
                seen[wanted["variant"]] += 1
            assert set(seen) == {"control", "boosted"}
            named = f"{INFER.removesuffix('infer')}versions/2.0.0/infer"
            for path, parameters in ((INFER, {}), (INFER, None), (named, {"user_id": "ada"})):
                answer = await client.post(path, json=tensors(row, parameters=parameters))
                assert answer.status_code == 200
                assert "parameters" not in answer.json()
            binary = {"user_id": "ada", "binary_data_output": True}
            answer = await client.post(INFER, json=tensors(row, parameters=binary))
            text = answer.content[: int(answer.headers["Inference-Header-Content-Length"])]
            assert json.loads(text)["parameters"]["variant"] in {"control", "boosted"}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "user_id", [None, "", True, False, 1.0, 1.5, 2**63, -(2**63) - 1, 2**64, 10**30, "x" * 257], ids=str
)
def test_the_open_inference_protocol_refuses_what_names_no_user(
    parts: Components, row: list[float], user_id: object
) -> None:
    async def scenario() -> None:
        async with admin_of(parts) as client:
            document = (await client.get("/openapi.json")).json()
            asked = tensors(row, parameters={"user_id": user_id})
            answer = await client.post(INFER, json=asked)
            assert answer.status_code == 422, answer.text
            members = answer.json()
            assert [fault["path"] for fault in members["errors"]] == ["$.parameters.user_id"]
            assert members["error"].startswith("$.parameters.user_id must ")
            conforms(document, "post", "/v2/models/{name}/infer", answer)
            schema = {**document["components"]["schemas"]["InferRequest"], "components": document["components"]}
            whole = isinstance(user_id, float) and user_id.is_integer()  # an integer, to JSON Schema
            assert jsonschema.Draft202012Validator(schema).is_valid(asked) is whole

    asyncio.run(scenario())


@pytest.mark.parametrize("refused", PUBLISHED["refused"], ids=lambda each: json.dumps(each["unit"]))
def test_predictions_refuse_what_names_no_user(parts: Components, row: list[float], refused: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with admin_of(parts) as client:
            await client.put("/experiments/checkout", json=shares(0.5, 0.5))
            content = json.dumps({"features": row, "user_id": refused["unit"]})
            headers = {"Content-Type": "application/json"}
            check(await client.post("/predict", content=content, headers=headers), {422})

    asyncio.run(scenario())


BAD_QUERIES = {
    "missing": "",
    "another name": "user=7",
    "empty": "user_id=",
    "no value": "user_id",
    "twice": "user_id=7&user_id=7",
    "once empty": "user_id=7&user_id=",
    "too long": f"user_id={'a' * 257}",
    "not UTF-8": "user_id=%ff",
    "half of a surrogate pair": "user_id=%ed%a0%80",
    "overlong": "user_id=%c0%80",
}


@pytest.mark.parametrize("query", BAD_QUERIES.values(), ids=BAD_QUERIES.keys())
def test_a_query_that_names_no_one_user(parts: Components, query: str) -> None:
    async def scenario() -> None:
        async with admin_of(parts) as client:
            await client.put("/experiments/checkout", json=shares(0.5, 0.5))
            problem = check(await client.get(f"/experiments/checkout/assignment?{query}"), {422})
            assert [fault["path"] for fault in problem["errors"]] == ["query.user_id"]

    asyncio.run(scenario())


def test_raising_a_weight_only_moves_users_in(parts: Components) -> None:
    async def scenario() -> None:
        async with admin_of(parts) as client:
            treated: set[str] = set()
            bounds = {0: (0, 0), 0.01: (0, 9), 0.1: (6, 36), 0.5: (70, 130), 1: (200, 200)}
            for weight, (fewest, most) in bounds.items():
                await client.put("/experiments/checkout", json=shares(1 - weight, weight))
                users = [f"user-{i}" for i in range(200)]
                variants = [(await assigned(client, user))["variant"] for user in users]
                now = {user for user, variant in zip(users, variants, strict=True) if variant == "boosted"}
                assert treated <= now
                assert fewest <= len(now) <= most
                treated = now

    asyncio.run(scenario())


def test_outside_its_dates_everyone_gets_the_control(parts: Components, row: list[float]) -> None:
    clock = [1_800_000_000.0]  # 2027-01-15T08:00:00Z

    async def scenario() -> None:
        async with admin_of(replace(parts, routing=Routing(lambda: clock[0]))) as client:
            dates = {"starts_at": "2027-01-15T08:00:10Z", "ends_at": "2027-01-15T08:00:20Z"}
            assert (await client.put("/experiments/checkout", json=shares(0, 1, **dates))).status_code == 201
            for second, runs in ((0, False), (9.999, False), (10, True), (19.999, True), (20, False)):
                clock[0] = 1_800_000_000.0 + second
                told = (await client.get("/experiments")).json()
                assert told["experiments"][0]["running"] is runs
                assert told["routing"] == ("checkout" if runs else None)
                found = await assigned(client, "ada")
                assert (found["variant"], found["version"]) == (("boosted", "2.0.0") if runs else ("control", "1.0.0"))
                said = (await client.post("/predict", json={"features": row, "user_id": "ada"})).json()
                assert (said.get("variant"), said["model_version"]) == ("boosted" if runs else None, found["version"])

    asyncio.run(scenario())
