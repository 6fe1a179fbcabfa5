"""Promote, roll back and history: what is acknowledged is in force; what is refused has changed nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from reference_service.artifacts.registry import Snapshot
from reference_service.deployments.changes import State
from reference_service.deployments.deployment import promoted, returned
from tests.contract.conftest import client_of, golden
from tests.contract.deployments import FIRST, MODEL, SECOND, VIEWER, admin_of, another_version, parts, state_of


@pytest.fixture
def own(models: Path, tmp_path: Path) -> Path:
    """A copy of the registry that may be spoiled."""
    return Path(shutil.copytree(models, tmp_path / "models"))


def test_promote_and_roll_back(models: Path, tmp_path: Path, row: list[float]) -> None:
    async def scenario() -> None:
        async with admin_of(parts(models, tmp_path)) as client:

            async def predicted() -> tuple[str, bytes]:
                answer = await client.post("/predict", json={"features": row}, headers={"X-Request-ID": "same"})
                assert answer.headers["x-model-version"] == answer.json()["model_version"]
                return answer.headers["x-generation"], answer.content

            before = await predicted()
            answer = await client.post("/deployments", json={"version": SECOND, "reason": "better"})
            digest = (await client.get(f"/models/{SECOND}")).json()["sha256"]
            assert answer.json() == {
                "generation": 1,
                "from": FIRST,
                "to": SECOND,
                "model_version": SECOND,
                "sha256": digest,
                "changed": True,
            }
            assert (answer.headers["x-generation"], answer.headers["x-model-version"]) == ("1", SECOND)
            assert answer.headers["etag"] == '"1"'
            generation, body = await predicted()
            assert generation == "1"
            assert json.loads(body)["probabilities"] == golden(models, MODEL, SECOND)["answers"][0]["probabilities"]
            back = await client.post("/deployments/rollback")
            assert back.json() | {"sha256": ""} == {
                "generation": 2,
                "from": SECOND,
                "to": FIRST,
                "model_version": FIRST,
                "sha256": "",
                "changed": True,
            }
            assert await predicted() == ("2", before[1])
            found = await state_of(client)
            lines = [
                [line[name] for name in ("generation", "actor", "action", "from", "to")] for line in found["history"]
            ]
            assert lines == [
                [2, "alice", "rollback", SECOND, FIRST],
                [1, "alice", "promote", FIRST, SECOND],
                [0, "service", "start", None, FIRST],
            ]
            assert [line["reason"] for line in found["history"]] == ["", "better", "a new instance"]
            assert found["history"] == sorted(found["history"], key=lambda line: line["at"], reverse=True)

    asyncio.run(scenario())


def test_doing_it_again_changes_nothing_and_rolling_back_does_not_toggle(
    own: Path, tmp_path: Path, row: list[float]
) -> None:
    another_version(own, "3.0.0")

    async def scenario() -> None:
        async with admin_of(parts(own, tmp_path)) as client:

            async def change(path: str, **body: str) -> tuple[int, str, bool]:
                answer = await client.post(path, json=body)
                found = answer.json()
                return found["generation"], found["to"], found["changed"]

            assert await change("/deployments", version=FIRST) == (0, FIRST, False)
            for _ in range(3):
                answer = await change("/deployments", version=SECOND)
            assert answer == (1, SECOND, False)
            assert await change("/deployments", version="3.0.0") == (2, "3.0.0", True)
            assert (await state_of(client))["earlier"] == [FIRST, SECOND]
            assert await change("/deployments/rollback") == (3, SECOND, True)
            assert await change("/deployments/rollback") == (4, FIRST, True)
            nothing = await client.post("/deployments/rollback")
            assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:problem:nothing-to-return-to")
            # An undone version served here: going there is a step forward, doing it again is none.
            assert await change("/deployments/rollback", to="3.0.0") == (5, "3.0.0", True)
            assert await change("/deployments/rollback", to="3.0.0") == (5, "3.0.0", False)
            assert (await state_of(client))["earlier"] == [FIRST]
            assert len((await state_of(client))["history"]) == 6
            stages = {one["version"]: one["stage"] for one in (await client.get("/models")).json()["versions"]}
            assert stages == {FIRST: "retired", SECOND: "retired", "3.0.0": "serving"}

    asyncio.run(scenario())


def test_going_back_to_a_version_undoes_what_came_after_it() -> None:
    def snapshot(version: str) -> Snapshot:
        return Snapshot(MODEL, version, f"digest of {version}", {}, {}, None)

    state = State(serving="1")
    for version in ("2", "3", "2", "4"):
        state = promoted(state, snapshot(version))
    assert (state.serving, state.earlier) == ("4", ("1", "2", "3", "2"))
    assert state.digests["3"] == "digest of 3"
    newest = returned(state, snapshot("2"))
    assert (newest.serving, newest.earlier) == ("2", ("1", "2", "3"))
    assert returned(newest, snapshot("1")).earlier == ()
    undone = returned(newest, snapshot("4"))
    assert (undone.serving, undone.earlier) == ("4", ("1", "2", "3", "2"))


REFUSED: dict[str, tuple[str, Any, dict[str, str], int, str]] = {
    "unknown version": ("/deployments", {"version": "9.9.9"}, {}, 404, "unknown-version"),
    "no version at all": ("/deployments", {"version": "latest"}, {}, 404, "unknown-version"),
    "a path": ("/deployments", {"version": "../diabetes/1.0.0"}, {}, 404, "unknown-version"),
    "another digest": ("/deployments", {"version": SECOND, "sha256": "0" * 64}, {}, 409, "other-digest"),
    "back to where nobody was": ("/deployments/rollback", {"to": SECOND}, {}, 409, "never-served"),
    "back to what is unknown": ("/deployments/rollback", {"to": "9.9.9"}, {}, 404, "unknown-version"),
    "back from the first": ("/deployments/rollback", {}, {}, 409, "nothing-to-return-to"),
    "another generation": ("/deployments", {"version": SECOND}, {"If-Match": '"7"'}, 412, "stale-generation"),
    "an odd precondition": ("/deployments", {"version": SECOND}, {"If-Match": "0"}, 400, "malformed-if-match"),
    "a weak precondition": ("/deployments", {"version": SECOND}, {"If-Match": 'W/"0"'}, 400, "malformed-if-match"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_changes_nothing(models: Path, tmp_path: Path, case: str) -> None:
    path, body, headers, status, kind = REFUSED[case]

    async def scenario() -> None:
        async with admin_of(parts(models, tmp_path)) as client:
            before = await state_of(client)
            answer = await client.post(path, json=body, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (status, f"urn:problem:{kind}")
            assert answer.headers["content-type"] == "application/problem+json"
            assert await state_of(client) == before
            assert 'model_changes_total{action="promote"} 0.0' in (await client.get("/metrics")).text

    asyncio.run(scenario())


BAD_BODIES: dict[str, tuple[bytes, int, list[str]]] = {
    "not JSON": (b'{"version":', 400, ["$"]),
    "not an object": (b'["2.0.0"]', 422, ["$"]),
    "nothing": (b"{}", 422, ["$.version"]),
    "unknown field": (b'{"version":"2.0.0","force":true}', 422, ["$.force"]),
    "number": (b'{"version":2}', 422, ["$.version"]),
    "null": (b'{"version":null}', 422, ["$.version"]),
    "empty": (b'{"version":""}', 422, ["$.version"]),
    "endless": (b'{"version":"%s"}' % (b"1" * 65), 422, ["$.version"]),
    "given twice": (b'{"version":"1.0.0","version":"2.0.0"}', 422, ["$['version']"]),
    "half a digest": (b'{"version":"2.0.0","sha256":"abc"}', 422, ["$.sha256"]),
    "several": (b'{"version":[],"sha256":1,"reason":{}}', 422, ["$.version", "$.sha256", "$.reason"]),
    "half a surrogate pair": (b'{"version":"2.0.0","reason":"\\ud800"}', 422, ["$"]),
    "too long": (b'{"version":"2.0.0","reason":"%s"}' % (b"x" * 4096), 413, []),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_bodies_are_read_as_strictly_as_inputs(models: Path, tmp_path: Path, case: str) -> None:
    content, status, paths = BAD_BODIES[case]

    async def scenario() -> None:
        async with admin_of(parts(models, tmp_path)) as client:
            answer = await client.post("/deployments", content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code == status
            assert [fault["path"] for fault in answer.json().get("errors", [])] == paths
            assert (await client.post("/deployments/rollback", json={"version": SECOND})).status_code == 422
            assert (await client.post("/deployments", content=b"")).status_code == 400
            assert (await client.post("/deployments", data={"version": SECOND})).status_code == 415
            assert (await state_of(client))["generation"] == 0

    asyncio.run(scenario())


def test_only_admins_change_and_everyone_may_look(models: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with client_of(parts(models, tmp_path)) as client:
            for path, body in (("/deployments", {"version": SECOND}), ("/deployments/rollback", {})):
                for headers, status in (({}, 401), ({"Authorization": "Bearer x"}, 401), (VIEWER, 403)):
                    assert (await client.post(path, json=body, headers=headers)).status_code == status
            assert (await state_of(client))["generation"] == 0

    asyncio.run(scenario())


def test_a_precondition_that_holds(models: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with admin_of(parts(models, tmp_path)) as client:
            for generation, version in enumerate((SECOND, FIRST, SECOND)):
                tag = (await client.get("/deployments")).headers["etag"]
                assert tag == f'"{generation}"'
                answer = await client.post("/deployments", json={"version": version}, headers={"If-Match": tag})
                assert answer.status_code == 200
            stale = await client.post("/deployments", json={"version": SECOND}, headers={"If-Match": '"0"'})
            assert stale.status_code == 412  # although there would have been nothing to change
            assert (await client.post("/deployments/rollback", headers={"If-Match": "*"})).status_code == 200

    asyncio.run(scenario())


def test_any_version_answers_by_name_while_another_serves(models: Path, tmp_path: Path, row: list[float]) -> None:
    async def scenario() -> None:
        async with admin_of(parts(models, tmp_path)) as client:

            async def asked(**fields: str) -> tuple[str, Any]:
                answer = await client.post("/predict", json={"features": row, **fields})
                assert answer.headers["x-model-version"] == answer.json()["model_version"]
                return answer.json()["model_version"], answer.json()["probabilities"]

            first, second = await asked(model_version=FIRST), await asked(model_version=SECOND)
            assert (first[0], second[0]) == (FIRST, SECOND)
            assert first[1] != second[1]
            assert await asked() == first
            await client.post("/deployments", json={"version": SECOND})
            assert await asked() == second
            assert await asked(model_version=FIRST) == first
            assert (await client.get("/deployments")).headers["x-model-version"] == SECOND

    asyncio.run(scenario())


def test_changes_are_logged_and_counted(models: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> str:
        async with admin_of(parts(models, tmp_path)) as client:
            await client.post("/deployments", json={"version": SECOND, "reason": "a secret of the admin"})
            await client.post("/deployments", json={"version": "9.9.9"})
            await client.post("/deployments/rollback")
            await client.post("/deployments", json={"version": FIRST})
            return (await client.get("/metrics")).text

    metrics = asyncio.run(scenario())
    assert 'model_changes_total{action="promote"} 1.0' in metrics
    assert 'model_changes_total{action="rollback"} 1.0' in metrics
    assert "model_generation 2.0" in metrics
    text = capfd.readouterr().out
    lines = [json.loads(line) for line in text.splitlines()]
    events = [line for line in lines if str(line.get("event", "")).startswith("change-")]
    assert [(line["event"], line["action"], line["actor"]) for line in events] == [
        ("change-made", "promote", "alice"),
        ("change-refused", "promote", "alice"),
        ("change-made", "rollback", "alice"),
        ("change-unneeded", "promote", "alice"),
    ]
    assert (events[0]["generation"], events[0]["before"], events[0]["after"]) == (1, FIRST, SECOND)
    assert events[1]["refusal"] == "unknown-version"
    assert "secret" not in text


def test_answers_fit_the_document(models: Path, tmp_path: Path) -> None:
    from tests.contract.test_openapi import conforms

    async def scenario() -> None:
        async with admin_of(parts(models, tmp_path)) as client:
            document = (await client.get("/openapi.json")).json()
            for path in ("/deployments", "/deployments/rollback"):
                example = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
                answer = await client.post(path, json=example)
                assert answer.status_code == 200
                conforms(document, "post", path, answer)
                for headers in ({"Authorization": ""}, VIEWER, {"If-Match": "x"}, {"If-Match": '"99"'}):
                    conforms(document, "post", path, await client.post(path, json=example, headers=headers))
                conforms(document, "post", path, await client.post(path, json={"what": 1}))
            conforms(document, "post", "/deployments/rollback", await client.post("/deployments/rollback"))
            conforms(document, "get", "/deployments", await client.get("/deployments"))

    asyncio.run(scenario())
