"""Experiments over HTTP: who may begin and change one, and what is told of it."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import msgspec
import pytest

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.deployments.changes import State
from reference_service.model.examination import Examination
from reference_service.vectors.generate import FILE
from tests.contract.conftest import client_of
from tests.contract.deployments import ADMIN, MODEL, VIEWER, admin_of, another_version
from tests.contract.deployments import parts as parts_of
from tests.contract.experiments import assigned, recomputed, shares
from tests.contract.test_bad_input import check

PUBLISHED: dict[str, Any] = json.loads(FILE.read_text("ascii"))


@pytest.fixture(name="parts")
def _parts(models: Path, tmp_path: Path) -> Components:
    return parts_of(models, tmp_path)


def test_an_experiment_is_begun_told_and_changed(parts: Components) -> None:
    async def scenario() -> None:
        async with admin_of(parts) as client:
            empty = (await client.get("/experiments")).json()
            assert empty == {"generation": 0, "routing": None, "experiments": []}
            begun = await client.put("/experiments/checkout", json=shares(0.9, 0.1, reason="is it better?"))
            assert (begun.status_code, begun.headers["x-generation"], begun.headers["etag"]) == (201, "1", '"1"')
            told = begun.json()
            assert (told["name"], told["salt"], told["control"]) == ("checkout", "checkout", "control")
            assert (told["running"], told["ends_at"], told["generation"]) == (True, None, 1)
            assert told["assignment"] == PUBLISHED["declaration"]
            assert told["variants"] == [
                {"name": "control", "version": None, "weight": 0.9, "ranges": [[0, 9000]]},
                {"name": "boosted", "version": "2.0.0", "weight": 0.1, "ranges": [[9000, 10000]]},
            ]
            assert (await client.get("/experiments/checkout")).json() == told
            listed = (await client.get("/experiments")).json()
            assert listed == {"generation": 1, "routing": "checkout", "experiments": [told]}

            again = await client.put("/experiments/checkout", json=shares(0.9, 0.1, reason="another"))
            assert (again.status_code, again.headers["x-generation"]) == (200, "1")
            assert again.json() == told
            changed = await client.put("/experiments/checkout", json=shares(0.8, 0.2))
            assert (changed.status_code, changed.json()["generation"]) == (200, 2)
            assert changed.json()["starts_at"] == told["starts_at"]
            assert changed.json()["variants"][1]["ranges"] == [[9000, 10000], [8000, 9000]]

            history = (await client.get("/deployments")).json()["history"]
            said = [(line["generation"], line["actor"], line["action"], line["reason"]) for line in history]
            assert said[:2] == [
                (2, "alice", "experiment", "checkout"),
                (1, "alice", "experiment", "checkout: is it better?"),
            ]
            assert 'model_changes_total{action="experiment"} 2.0' in (await client.get("/metrics")).text

    asyncio.run(scenario())


def test_only_admins_change_and_everyone_may_look(parts: Components) -> None:
    async def scenario() -> None:
        async with client_of(parts) as client:
            for headers, status in (({}, 401), ({"Authorization": "Bearer x"}, 401), (VIEWER, 403)):
                check(await client.put("/experiments/checkout", json=shares(1, 0), headers=headers), {status})
                check(await client.put("/experiments/checkout", content=b"{", headers=headers), {status})
            assert (await client.get("/experiments")).json()["generation"] == 0
            assert (await client.put("/experiments/checkout", json=shares(1, 0), headers=ADMIN)).status_code == 201
            assert (await client.get("/experiments/checkout")).status_code == 200
            assert (await assigned(client, "ada"))["variant"] == "control"

    asyncio.run(scenario())


REFUSED: dict[str, tuple[str, dict[str, Any], dict[str, str], int, str]] = {
    "sum": ("b", shares(0.5, 0.6), {}, 422, "$.variants"),
    "unknown version": (
        "b",
        {"variants": [{"name": "a", "weight": 1}, {"name": "c", "weight": 0, "version": "9.9.9"}]},
        {},
        422,
        "$.variants[1].version",
    ),
    "a path for a version": (
        "b",
        {"variants": [{"name": "a", "weight": 1, "version": "../2.0.0"}, {"name": "c", "weight": 0}]},
        {},
        422,
        "$.variants[0].version",
    ),
    "bad name": ("-b", shares(1, 0), {}, 422, "path.name"),
    "long name": ("b" * 65, shares(1, 0), {}, 422, "path.name"),
    "another salt": ("checkout", shares(0.9, 0.1, salt="other"), {}, 409, "$.salt"),
    "stale": ("b", shares(1, 0), {"If-Match": '"0"'}, 412, ""),
    "of the future": ("b", shares(1, 0), {"If-Match": '"2"'}, 412, ""),
    "no generation": ("b", shares(1, 0), {"If-Match": "W/1"}, 400, ""),
    "no JSON": ("b", shares(1, 0), {"Content-Type": "text/plain"}, 415, ""),
    "huge": ("b", shares(1, 0, reason="a" * 20_000), {}, 413, ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_changes_nothing(parts: Components, case: str) -> None:
    name, body, headers, status, path = REFUSED[case]

    async def scenario() -> None:
        async with admin_of(parts) as client:
            await client.put("/experiments/checkout", json=shares(0.9, 0.1))
            before = (await client.get("/experiments")).json()
            headers.setdefault("Content-Type", "application/json")
            answer = await client.put(f"/experiments/{name}", content=json.dumps(body), headers=headers)
            problem = check(answer, {status})
            assert [fault["path"] for fault in problem.get("errors", [])] == [path] * bool(path)
            assert (await client.get("/experiments")).json() == before
            assert len((await client.get("/deployments")).json()["history"]) == 2

    asyncio.run(scenario())


def test_a_change_for_the_generation_in_force(parts: Components) -> None:
    async def scenario() -> None:
        async with admin_of(parts) as client:
            tag = (await client.get("/experiments")).headers["etag"]
            first = await client.put("/experiments/a", json=shares(0.9, 0.1), headers={"If-Match": tag})
            assert first.status_code == 201
            assert (await client.put("/experiments/b", json=shares(1, 0), headers={"If-Match": tag})).status_code == 412
            tag = first.headers["etag"]
            assert (await client.put("/experiments/b", json=shares(1, 0), headers={"If-Match": tag})).status_code == 201

    asyncio.run(scenario())


def test_what_is_not_there(parts: Components) -> None:
    async def scenario() -> None:
        async with admin_of(parts) as client:
            for path in ("/experiments/nope", "/experiments/nope/assignment?user_id=7", "/experiments/a%2Fb"):
                check(await client.get(path), {404})
            answer = await client.delete("/experiments/nope")
            check(answer, {405})
            assert answer.headers["allow"] == "GET, HEAD, PUT"

    asyncio.run(scenario())


def test_a_promotion_moves_the_variants_without_a_version_only(parts: Components, row: list[float]) -> None:
    async def scenario() -> None:
        async with admin_of(parts) as client:
            body = {
                "variants": [{"name": "control", "weight": 0.5}, {"name": "old", "version": "1.0.0", "weight": 0.5}]
            }
            before = (await client.put("/experiments/checkout", json=body)).json()
            assert (await client.post("/deployments", json={"version": "2.0.0"})).status_code == 200
            after = (await client.get("/experiments/checkout")).json()
            assert {**after, "generation": 1} == before
            for user in map(str, range(20)):
                said = (await client.post("/predict", json={"features": row, "user_id": user})).json()
                assert said["variant"] == recomputed(after, user)[1]
                assert said["model_version"] == {"control": "2.0.0", "old": "1.0.0"}[said["variant"]]

    asyncio.run(scenario())


def test_a_version_of_a_variant_stays_what_it_is(models: Path, tmp_path: Path, row: list[float]) -> None:
    own = Path(shutil.copytree(models, tmp_path / "models"))

    async def scenario() -> None:
        async with admin_of(parts_of(own, tmp_path)) as client:
            assert (await client.put("/experiments/checkout", json=shares(0.9, 0.1))).status_code == 201
            shutil.rmtree(own / MODEL / "2.0.0")
            another_version(own, "2.0.0")
            problem = check(await client.put("/experiments/checkout", json=shares(0.8, 0.2)), {409})
            assert problem["type"] == "urn:problem:version-replaced"
            assert [fault["path"] for fault in problem["errors"]] == ["$.variants[1].version"]
        async with client_of(parts_of(own, tmp_path)) as client:  # comes back, and has to read the files again
            answer = await client.post("/predict", json={"features": row, "model_version": "2.0.0"})
            assert answer.status_code == 503

    asyncio.run(scenario())


def test_a_version_that_was_replaced_while_it_was_examined(parts: Components) -> None:
    class Meanwhile(Examination):
        async def examined(self, version: str, sha256: str | None = None) -> Snapshot:
            found = await super().examined(version, sha256)

            def decide(state: State) -> State:
                return msgspec.structs.replace(state, digests={**state.digests, version: "0" * 64})

            self.serving.changes.apply("another", "promote", "", decide)
            return found

    async def scenario() -> None:
        examination = Meanwhile(parts.contract, parts.serving, parts.batcher, parts.log)
        async with admin_of(replace(parts, examination=examination)) as client:
            problem = check(await client.put("/experiments/checkout", json=shares(0.9, 0.1)), {409})
            assert problem["type"] == "urn:problem:version-replaced"
            assert (await client.get("/experiments")).json()["experiments"] == []

    asyncio.run(scenario())


def test_another_worker_has_the_versions_before_someone_asks(models: Path, tmp_path: Path) -> None:
    one, other = parts_of(models, tmp_path), parts_of(models, tmp_path)

    async def scenario() -> None:
        async with admin_of(one) as client, client_of(other):
            assert (await client.put("/experiments/checkout", json=shares(1, 0))).status_code == 201
            async with asyncio.timeout(10):
                while "2.0.0" not in other.serving.snapshots:
                    await asyncio.sleep(0.01)

    asyncio.run(scenario())


def test_answers_are_as_documented(parts: Components) -> None:
    async def scenario() -> None:
        async with admin_of(parts) as client:
            document = (await client.get("/openapi.json")).json()
            put = document["paths"]["/experiments/{name}"]["put"]
            wanted = put["requestBody"]["content"]["application/json"]

            def validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
                return jsonschema.Draft202012Validator({**schema, "components": document["components"]})

            def conforms(answer: httpx.Response, path: str, method: str = "get") -> None:
                response = document["paths"][path][method]["responses"][str(answer.status_code)]["content"]
                validator(response[answer.headers["content-type"]]["schema"]).validate(answer.json())

            validator(wanted["schema"]).validate(wanted["example"])
            for number in range(2):
                answer = await client.put("/experiments/checkout", json=wanted["example"])
                assert answer.status_code == 201 - number
                conforms(answer, "/experiments/{name}", "put")
            conforms(await client.put("/experiments/checkout", json={}), "/experiments/{name}", "put")
            conforms(await client.put("/experiments/checkout", json={}, headers=VIEWER), "/experiments/{name}", "put")
            conforms(await client.get("/experiments"), "/experiments")
            conforms(await client.get("/experiments/checkout"), "/experiments/{name}")
            conforms(await client.get("/experiments/nope"), "/experiments/{name}")
            path = "/experiments/{name}/assignment"
            conforms(await client.get(path.format(name="checkout"), params={"user_id": "jos\u00e9"}), path)
            conforms(await client.get(path.format(name="checkout")), path)
            for body, good in ((shares(1, 0), True), ({}, False), (shares(1, 2), False), (shares(1, 0, x=1), False)):
                assert validator(wanted["schema"]).is_valid(body) is good

    asyncio.run(scenario())
