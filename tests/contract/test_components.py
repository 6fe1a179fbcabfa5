"""Parts can be replaced one at a time, and each keeps its promise when the parts around it fail."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reference_service.artifacts.manifest import Untrusted
from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components, build_components
from reference_service.model.answer_cache import AnswerCache
from reference_service.model.columns import Row
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.model.serving import Serving
from reference_service.settings import Limits, Settings
from tests.contract.conftest import client_of


class Called(SklearnPredictor):
    """Counts the rows it is asked, and does as it is told when a row begins with a signal."""

    HANG = -1.0
    WAIT = -2.0

    def __init__(self) -> None:
        self.rows = 0
        self.go = threading.Event()

    def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
        self.rows += len(rows)
        if any(row[0] == self.HANG for row in rows):
            time.sleep(1.5)
        if any(row[0] == self.WAIT for row in rows):
            self.go.wait(10)
        return super().predict(snapshot, rows)


def test_a_slow_model_is_left_behind_at_the_deadline(models: Path, row: list[float]) -> None:
    async def scenario() -> None:
        settings = Settings(models=models, limits=Limits(deadline_seconds=0.25))
        async with client_of(replace(build_components(settings), predictor=Called())) as client:
            began = time.monotonic()
            slow = await client.post("/predict", json={"features": [Called.HANG, *row[1:]]})
            assert (slow.status_code, slow.json()["type"]) == (504, "urn:problem:deadline-exceeded")
            assert time.monotonic() - began < 1.0
            good = await client.post("/predict", json={"features": row})
            assert good.status_code == 200
            assert time.monotonic() - began < 1.4  # while the slow call still runs

    asyncio.run(scenario())


def test_a_full_queue_sheds_and_recovers(models: Path, row: list[float]) -> None:
    async def scenario() -> None:
        predictor = Called()
        settings = Settings(models=models, limits=Limits(queue_requests=4, queue_rows=300, deadline_seconds=10))
        async with client_of(replace(build_components(settings), predictor=predictor)) as client:
            blocked = asyncio.create_task(client.post("/predict", json={"features": [Called.WAIT, *row[1:]]}))
            while predictor.rows < 2:  # the first call was the start-up's own
                await asyncio.sleep(0.01)
            flood = [asyncio.create_task(client.post("/predict", json={"features": row})) for _ in range(20)]
            await asyncio.sleep(0.1)
            large = await client.post("/predict/batch", json={"instances": [row] * 301})
            live = await client.get("/health/live")
            predictor.go.set()
            answers = [await each for each in flood]
            shed = [answer for answer in [*answers, large] if answer.status_code == 503]
            assert len(shed) == 17
            assert all(int(answer.headers["retry-after"]) >= 1 for answer in shed)
            assert [answer.status_code for answer in answers].count(200) == 4
            assert (await blocked).status_code == live.status_code == 200
            assert (await client.post("/predict", json={"features": row})).status_code == 200
            metrics = (await client.get("/metrics")).text
            assert 'requests_shed_total{reason="queue"} 17.0' in metrics

    asyncio.run(scenario())


def test_concurrent_singles_share_calls_and_large_batches_are_sliced(models: Path, row: list[float]) -> None:
    calls: list[int] = []

    class Watched(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            calls.append(len(rows))
            return super().predict(snapshot, rows)

    async def scenario() -> None:
        async with client_of(replace(build_components(Settings(models=models)), predictor=Watched())) as client:
            calls.clear()
            await asyncio.gather(*(client.post("/predict", json={"features": row}) for _ in range(64)))
            assert sum(calls) == 64
            assert len(calls) < 32
            calls.clear()
            await client.post("/predict/batch", json={"instances": [row] * 1000})
            assert sum(calls) == 1000
            assert max(calls) <= 128

    asyncio.run(scenario())


def test_a_slow_body_is_refused(models: Path) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b'{"features":'
        await asyncio.sleep(5)
        yield b"[]}"

    async def scenario() -> None:
        settings = Settings(models=models, limits=Limits(body_seconds=0.2))
        async with client_of(build_components(settings)) as client:
            headers = {"Content-Type": "application/json"}
            answer = await client.post("/predict", content=trickle(), headers=headers)
            assert (answer.status_code, answer.headers["connection"]) == (408, "close")

    asyncio.run(scenario())


def test_the_cache_is_true(models: Path, row: list[float]) -> None:
    async def scenario() -> None:
        predictor = Called()
        now = [0.0]
        components = build_components(Settings(models=models))
        cache = AnswerCache(60, entries=2, clock=lambda: now[0])
        async with client_of(replace(components, predictor=predictor, cache=cache)) as client:

            async def ask(first: float) -> tuple[str, Any]:
                answer = await client.post("/predict", json={"features": [first, *row[1:]]})
                return answer.headers["x-cache"], answer.json()

            (miss, computed), (hit, kept) = await ask(1.0), await ask(1.0)
            assert (miss, hit) == ("miss", "hit")
            assert kept["probabilities"] == computed["probabilities"]
            assert kept["request_id"] != computed["request_id"]
            assert (await ask(0.0))[0] == "miss"
            assert (await ask(-0.0))[0] == "hit"
            now[0] = 60.0
            assert (await ask(1.0))[0] == "miss"
            await ask(2.0), await ask(3.0)
            assert (await ask(1.0))[0] == "miss"  # the oldest of more than two is gone
            before = predictor.rows
            await ask(1.0)
            assert predictor.rows == before
        assert cache.key("1.0.0", row) != cache.key("2.0.0", row)
        async with client_of(components) as client:
            assert "x-cache" not in (await client.post("/predict", json={"features": row})).headers

    asyncio.run(scenario())


def test_ready_tells_the_truth(models: Path, row: list[float]) -> None:
    class Empty(Serving):
        async def snapshot(self, version: str, sha256: str | None = None) -> Snapshot:
            raise Untrusted("nothing is there")

    class Wrong(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            return [Answer("benign", {"benign": 0.75, "malignant": 0.25}) for _ in rows]

    @dataclass
    class Case:
        components: Components
        predict: int

    def components() -> Components:
        return build_components(Settings(models=models))

    async def scenario() -> None:
        empty = components()
        cases = [
            Case(replace(empty, serving=Empty(empty.registry, empty.changes, "1.0.0")), 503),
            Case(replace(components(), predictor=Wrong()), 200),
        ]
        for case in cases:
            async with client_of(case.components) as client:
                assert (await client.post("/predict", json={"features": row})).status_code == case.predict
                assert (await client.get("/health/ready")).status_code == 503
                assert (await client.get("/health")).status_code == 503
                assert (await client.get("/health/live")).status_code == 200
        async with client_of(components()) as client:
            assert (await client.get("/health/ready")).status_code == 200

    asyncio.run(scenario())
