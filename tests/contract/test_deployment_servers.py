"""Promote and roll back on real servers: all workers at once, in one order, and for good."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import Server, Start, golden
from tests.contract.deployments import FIRST, MODEL, SECOND, another_version, client_with_token, token_file


@pytest.fixture(scope="module")
def pair(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers, shared by tests that leave the first version serving."""
    server = start("--workers", "2", "--tokens", str(token_file(tmp_path_factory.mktemp("tokens"))))
    yield server
    with server.client() as client:
        assert client.get("/deployments").json()["serving"] == FIRST


def test_all_workers_switch_at_once_and_show_it(pair: Server, row: list[float]) -> None:
    with client_with_token(pair) as admin:
        for version in (SECOND, FIRST) * 5:
            answer = admin.post("/deployments", json={"version": version})
            for _ in range(8):
                with pair.client() as fresh:
                    found = fresh.post("/predict", json={"features": row})
                    assert found.json()["model_version"] == found.headers["x-model-version"] == version
                    assert found.headers["x-generation"] == str(answer.json()["generation"])
            with pair.client() as fresh:
                shown = [line for line in fresh.get("/metrics").text.splitlines() if line.startswith("model_info{")]
            assert len(shown) == 1
            assert f'version="{version}"' in shown[0]


def test_a_batch_is_wholly_of_one_version(pair: Server, models: Path) -> None:
    known = {version: golden(models, MODEL, version) for version in (FIRST, SECOND)}
    rows = known[FIRST]["rows"] * 20
    body = {"instances": rows}
    with client_with_token(pair) as admin, pair.client() as client:
        expected = {
            version: client.post("/predict/batch", json={**body, "model_version": version}).json()["predictions"]
            for version in (FIRST, SECOND)
        }
        asked = [0]

        def swap() -> None:
            while asked[0] < 20:
                for version in (SECOND, FIRST):
                    assert admin.post("/deployments", json={"version": version}).status_code == 200

        with ThreadPoolExecutor(1) as pool:
            swapping = pool.submit(swap)
            while asked[0] < 20:
                answer = client.post("/predict/batch", json=body).json()
                asked[0] += 1
                assert answer["predictions"] == expected[answer["model_version"]]
            swapping.result()
    first, second = expected.values()
    assert all(one != other for one, other in zip(first, second, strict=True))


def test_parallel_changes_make_one_history(pair: Server) -> None:
    with client_with_token(pair) as admin:
        base = admin.get("/deployments").json()["generation"]

        def change(i: int) -> dict[str, Any]:
            with client_with_token(pair) as client:
                if i % 3 == 2:
                    answer = client.post("/deployments/rollback")
                else:
                    answer = client.post("/deployments", json={"version": (FIRST, SECOND)[i % 2]})
                assert answer.status_code in {200, 409}
                found: dict[str, Any] = answer.json()
                return found

        with ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(change, range(24)))
        made = {answer["generation"]: answer for answer in answers if answer.get("changed")}
        assert sorted(made) == list(range(base + 1, base + len(made) + 1))
        history = admin.get("/deployments").json()["history"]
        for line in history[: len(made)]:
            answer = made[line["generation"]]
            assert (line["from"], line["to"]) == (answer["from"], answer["to"])
        for newer, older in itertools.pairwise(history):
            assert newer["from"] == older["to"]
            assert newer["generation"] == older["generation"] + 1
        last = admin.get("/deployments").json()
        assert last["serving"] == last["history"][0]["to"]
        admin.post("/deployments", json={"version": FIRST})


def test_what_was_acknowledged_survives_sigkill(start: Start, tmp_path: Path, row: list[float]) -> None:
    arguments = ("--workers", "2", "--state", str(tmp_path / "state"), "--tokens", str(token_file(tmp_path)))
    served = FIRST
    generation = 0
    for version in (SECOND, FIRST, SECOND):
        server = start(*arguments)
        with client_with_token(server) as client:
            found = client.get("/deployments").json()
            assert (found["serving"], found["generation"]) == (served, generation)
            assert client.post("/predict", json={"features": row}).json()["model_version"] == served
            workers = children(server.process.pid)
            answer = client.post("/deployments", json={"version": version}).json()
        for pid in (server.process.pid, *workers):
            os.kill(pid, signal.SIGKILL)
        server.process.wait()
        served, generation = answer["to"], answer["generation"]
    assert generation == 3


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_server_whose_version_was_replaced_does_not_start(start: Start, models: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(models, tmp_path / "models"))
    arguments = ("--state", str(tmp_path / "state"), "--tokens", str(token_file(tmp_path)))
    server = start(*arguments, registry=own)
    with client_with_token(server) as client:
        assert client.post("/deployments", json={"version": SECOND}).status_code == 200
    server.process.kill()
    server.process.wait()
    shutil.rmtree(own / MODEL / SECOND)
    another_version(own, SECOND)
    again = start(*arguments, registry=own, alive=False)
    assert again.process.wait(60) == 3
    assert "is not the artifact that served here before" in again.log.read_text()
