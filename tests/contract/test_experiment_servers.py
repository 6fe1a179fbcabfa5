"""An experiment is the same on every worker, at once, and after a crash."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.contract.conftest import Start
from tests.contract.deployments import ADMIN, token_file
from tests.contract.experiments import recomputed, shares


def test_every_worker_says_the_same_at_once_and_after_a_crash(start: Start, tmp_path: Path, row: list[float]) -> None:
    arguments = ("--workers", "2", "--tokens", str(token_file(tmp_path)), "--state", str(tmp_path / "state"))
    server = start(*arguments)
    users = [f"us\u00e9r-{i}" for i in range(40)]

    def asked(path: str) -> dict[str, Any]:
        """By a connection of its own: one that is kept open stays with one worker."""
        with closing(HTTPConnection(server.url.removeprefix("http://"), timeout=30)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == 200
            found: dict[str, Any] = json.load(answer)
            return found

    def assignments(name: str) -> dict[str, tuple[str, int]]:
        """Every user asked four times, of whatever worker answers."""
        paths = [f"/experiments/{name}/assignment?user_id={quote(user)}" for user in users * 4]
        with ThreadPoolExecutor(8) as pool:
            found = [(each["user_id"], (each["variant"], each["bucket"])) for each in pool.map(asked, paths)]
        assert len(set(found)) == len(users)
        return dict(found)

    def put(name: str, body: dict[str, Any]) -> int:
        """Change an experiment; every request after the acknowledgement knows."""
        with server.client() as client:
            answer = client.put(f"/experiments/{name}", json=body, headers=ADMIN)
            assert answer.status_code in {200, 201}, answer.text
            generation: int = answer.json()["generation"]
        with ThreadPoolExecutor(8) as pool:
            told = list(pool.map(asked, [f"/experiments/{name}"] * 16))
        assert {each["generation"] for each in told} == {generation}
        assert len({json.dumps(each) for each in told}) == 1
        return generation

    assert [put("checkout", shares(1 - i / 10, i / 10)) for i in range(1, 6)] == [1, 2, 3, 4, 5]
    put("price", shares(0.5, 0.5))
    experiments, before = asked("/experiments"), assignments("checkout")
    assert Counter(variant for variant, _ in before.values()).keys() == {"control", "boosted"}
    with server.client() as client:
        for user in users[:10]:
            said = client.post("/predict", json={"features": row, "user_id": user}).json()
            assert said["variant"] == before[user][0]

    workers = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    for pid in (server.process.pid, *map(int, workers)):
        os.kill(pid, signal.SIGKILL)
    server.process.wait()
    server = start(*arguments)
    assert asked("/experiments") == experiments
    assert assignments("checkout") == before
    assert {user: recomputed(experiments["experiments"][0], user) for user in users} == {
        user: (bucket, variant) for user, (variant, bucket) in before.items()
    }
