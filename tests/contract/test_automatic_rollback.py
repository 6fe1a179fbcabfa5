"""A version that fails, or answers worse than declared, is undone by itself, once, and the history says why."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs
from scipy import stats

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components, build_components
from reference_service.deployments.automatic_rollback import ACTOR, CHANCE, AutomaticRollback, chance_of_as_many
from reference_service.deployments.deployment import Deployments, Order, Outcome, Step, Target
from reference_service.model.columns import Row
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.settings import Limits, Settings
from reference_service.web.problems import Problem
from reference_service.web.request_log import RequestLog
from tests.contract.conftest import Start, client_of, golden
from tests.contract.deployments import client_with_token, token_file

HELD = ("1.0.0", "2.0.0")


class Sick(SklearnPredictor):
    """A model whose chosen versions fail on every row but the golden ones, at their turn."""

    def __init__(self, *versions: str, every: int = 1, hang: float = 0.0) -> None:
        self.versions = versions
        self.every = every
        self.hang = hang
        self.asked = 0

    def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
        if snapshot.version in self.versions and list(rows[0]) not in snapshot.golden["rows"]:
            self.asked += 1
            if self.asked % self.every == 0:
                if self.hang:
                    time.sleep(self.hang)
                raise RuntimeError("planted")
        return super().predict(snapshot, rows)


@dataclass
class Service:
    """An application in this process, in which version 2 was promoted."""

    client: httpx.AsyncClient
    components: Components
    row: list[Any]

    async def ask(self, times: int = 1, **members: Any) -> list[httpx.Response]:
        """Ask for predictions, one after the other."""
        return [await self.client.post("/predict", json={"features": self.row, **members}) for _ in range(times)]

    async def serving(self) -> str:
        """The version that serves."""
        found: str = (await self.client.get("/deployments")).json()["serving"]
        return found

    async def promote(self, version: str) -> None:
        """Let a person promote a version, and wait until its answers are counted."""
        await self.components.deployments.promote(Order("a person", version))
        settings = self.components.settings
        watched = settings.rollback_error_rate or settings.rollback_quality is not None
        async with asyncio.timeout(10):
            while watched and self.components.automatic_rollback.state != self.components.serving.state():
                await asyncio.sleep(0.02)

    async def becomes(self, version: str) -> None:
        """Wait until a version serves."""
        async with asyncio.timeout(10):
            while await self.serving() != version:
                await asyncio.sleep(0.02)

    async def stays(self, version: str) -> None:
        """Wait for several looks, after which the same version serves."""
        await asyncio.sleep(0.5)
        assert await self.serving() == version


@asynccontextmanager
async def promoted(
    models: Path, row: list[float], predictor: SklearnPredictor, model: str = "breast-cancer", **settings: Any
) -> AsyncIterator[Service]:
    """A service with a window of two seconds, so that it looks every tenth of one."""
    chosen = Settings(model, models=models, rollback_window_seconds=2.0, **settings)
    components = replace(build_components(chosen), predictor=predictor)
    async with client_of(components) as client:
        service = Service(client, components, [value * 1.001 for value in row])
        await service.promote("2.0.0")
        yield service


def test_errors_beyond_the_bound_bring_the_version_before_back(models: Path, row: list[float]) -> None:
    async def scenario() -> None:
        async with promoted(models, row, Sick("2.0.0"), rollback_error_rate=0.05) as service:
            assert {answer.status_code for answer in await service.ask(4)} == {500}
            await service.stays("2.0.0")  # four of four are not yet proof of more than 5%
            await service.ask(6)
            await service.becomes("1.0.0")
            (answer,) = await service.ask()
            assert (answer.status_code, answer.json()["model_version"]) == (200, "1.0.0")
            line = (await service.client.get("/deployments")).json()["history"][0]
            assert (line["actor"], line["action"]) == (ACTOR, "rollback")
            assert (line["from"], line["to"]) == ("2.0.0", "1.0.0")
            words = r"(\d+) of \1 predictions of 2\.0\.0 failed within 2 s; the bound is a share of 0\.05"
            assert re.fullmatch(words, line["reason"])

    asyncio.run(scenario())


def test_a_model_that_does_not_answer_in_time_fails_as_well(models: Path, row: list[float]) -> None:
    async def scenario() -> None:
        limits = Limits(deadline_seconds=0.05)
        sick = Sick("2.0.0", hang=0.1)
        async with promoted(models, row, sick, rollback_error_rate=0.5, limits=limits) as service:
            async with asyncio.timeout(20):
                while await service.serving() == "2.0.0":
                    (answer,) = await service.ask()
                    assert answer.status_code in {200, 503, 504}
            assert await service.serving() == "1.0.0"

    asyncio.run(scenario())


def test_errors_within_the_bound_are_no_reason(models: Path, row: list[float]) -> None:
    async def scenario() -> None:
        async with promoted(models, row, Sick("2.0.0", every=10), rollback_error_rate=0.2) as service:
            statuses = [answer.status_code for answer in await service.ask(200)]
            assert statuses.count(500) == 20
            await service.stays("2.0.0")

    asyncio.run(scenario())


def test_without_a_bound_nothing_happens_by_itself(models: Path, row: list[float]) -> None:
    async def scenario() -> None:
        async with promoted(models, row, Sick("2.0.0")) as service:
            await service.ask(40)
            await service.stays("2.0.0")

    asyncio.run(scenario())


def test_who_failed_before_is_not_returned_to_twice(models: Path, row: list[float]) -> None:
    """If the version before fails as well, the fault is elsewhere: one step back, then people."""

    async def scenario() -> None:
        async with promoted(models, row, Sick(*HELD), rollback_error_rate=0.05) as service:
            await service.promote("1.0.0")
            await service.promote("2.0.0")  # three steps that could be undone
            await service.ask(10)
            await service.becomes("1.0.0")
            await asyncio.sleep(0.3)
            await service.ask(10)
            await service.stays("1.0.0")
            assert (await service.client.get("/deployments")).json()["earlier"]
            await service.promote("2.0.0")  # a person's change may be undone again
            await service.ask(10)
            await service.becomes("1.0.0")

    asyncio.run(scenario())


def test_other_versions_and_other_faults_do_not_count(models: Path, row: list[float]) -> None:
    async def scenario() -> None:
        async with promoted(models, row, Sick("1.0.0"), rollback_error_rate=0.05) as service:
            failed = await service.ask(20, model_version="1.0.0")
            refused = await service.ask(20, user_id=1.5)
            assert {answer.status_code for answer in failed} == {500}
            assert {answer.status_code for answer in refused} == {422}
            await service.stays("2.0.0")

    asyncio.run(scenario())


def test_with_nothing_to_return_to_nothing_happens(models: Path, row: list[float]) -> None:
    async def scenario() -> None:
        settings = Settings(models=models, rollback_window_seconds=2.0, rollback_error_rate=0.05)
        components = replace(build_components(settings), predictor=Sick("1.0.0"))
        async with client_of(components) as client:
            service = Service(client, components, [value * 1.001 for value in row])
            await service.ask(20)
            await service.stays("1.0.0")
            assert len((await client.get("/deployments")).json()["history"]) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("model", "bound", "words"),
    [
        ("breast-cancer", 0.9, r"the accuracy of 2.0.0 over \d+ labels within 2 s is 0\.[3-7]\d*; the bound is 0.9"),
        ("diabetes", 20, r"the mean_absolute_error of 2.0.0 over \d+ labels within 2 s is (29|30).*; the bound is 20"),
    ],
)
def test_labels_that_prove_bad_answers_bring_the_version_before_back(
    models: Path, row: list[float], model: str, bound: float, words: str
) -> None:
    def truth(prediction: Any, i: int, right: bool) -> object:
        """A label: half of the classes, or all of the numbers, are wrong if they are not to be right."""
        if isinstance(prediction, float):
            return prediction + (0 if right else 29 + 2 * (i % 2))
        return prediction if right or i % 2 else {"benign": "malignant", "malignant": "benign"}[prediction]

    async def scenario(right: bool) -> None:
        async with promoted(models, row, SklearnPredictor(), model, rollback_quality=float(bound)) as service:
            service.row = golden(models, model, "1.0.0")["rows"][0]
            for i in range(1000):
                (answer,) = await service.ask()
                if answer.json()["model_version"] == "1.0.0" or (right and i == 40):
                    break
                label = truth(answer.json()["prediction"], i, right)
                await service.client.post("/feedback", json={"request_id": answer.json()["request_id"], "label": label})
            if right:
                await service.stays("2.0.0")
                return
            line = (await service.client.get("/deployments")).json()["history"][0]
            assert line["actor"] == ACTOR
            assert re.fullmatch(words, line["reason"])

    asyncio.run(scenario(right=True))
    asyncio.run(scenario(right=False))


def test_several_workers_go_back_once(start: Start, row: list[float], tmp_path: Path) -> None:
    bounds = ("--rollback-quality", "0.9", "--rollback-window-seconds", "4")
    server = start("--workers", "2", "--state", str(tmp_path / "state"), "--tokens", str(token_file(tmp_path)), *bounds)
    with client_with_token(server) as admin:
        assert admin.post("/deployments", json={"version": "2.0.0"}).status_code == 200
        for _ in range(300):
            with server.client() as client:  # whichever worker takes the connection
                answer = client.post("/predict", json={"features": row}).json()
                if answer["model_version"] == "1.0.0":
                    break
                label = {"benign": "malignant", "malignant": "benign"}[answer["prediction"]]
                client.post("/feedback", json={"request_id": answer["request_id"], "label": label})
        else:
            pytest.fail("the version before did not come back")
        time.sleep(1.0)  # for a worker that was just about to
        actors = [line["actor"] for line in admin.get("/deployments").json()["history"]]
        assert actors == [ACTOR, "alice", "service"]
        assert 'model_changes_total{action="rollback"} 1.0' in admin.get("/metrics").text


class Refused(Deployments):
    """Refuses every change, for one reason."""

    kind = "untrusted-artifact"
    orders = 0

    async def change(self, action: str, order: Order, target: Target, step: Step) -> Outcome:
        self.orders += 1
        raise Problem(422, self.kind, "planted")


class Heard(RequestLog):
    """A log that keeps what happened."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: list[str] = []

    def event(self, event: str, **fields: Any) -> None:
        if event == "change-refused":
            self.refusals.append(fields["refusal"])


def put_in_force(components: Components, *versions: str) -> None:
    """Let the last of some versions serve after the others, without an examination."""
    *earlier, serving = versions
    components.changes.apply(
        "a person", "promote", "", lambda state: structs.replace(state, serving=serving, earlier=tuple(earlier))
    )


def test_a_refused_rollback_is_ordered_again_after_ever_more_looks(models: Path, tmp_path: Path) -> None:
    components = build_components(Settings(models=models, state=tmp_path, rollback_error_rate=0.05))
    log, parts = Heard(), components
    refused = Refused(parts.changes, parts.registry, parts.examination, parts.telemetry, log)
    components = replace(components, deployments=refused, log=log)
    components.serving.start()
    put_in_force(components, *HELD)
    rollback = components.automatic_rollback

    async def ordering(looks: int) -> list[int]:
        """The looks that order."""
        await rollback.look()  # notices what serves now
        for _ in range(20):
            rollback.answered(HELD[-1], 500)
        found = []
        for look in range(looks):
            before = refused.orders
            with contextlib.suppress(Problem):
                await rollback.look()
            if refused.orders > before:
                found.append(look)
        return found

    async def scenario() -> None:
        assert await ordering(200) == [0, 2, 5, 10, 19, 36, 69, 134, 199]
        assert len(rollback.marks) == 202  # those at the skipped looks, too
        assert log.refusals == ["untrusted-artifact"]
        put_in_force(components, "1.0.0", *HELD)  # another way back: patience and silence are over
        assert await ordering(3) == [0, 2]
        assert log.refusals == ["untrusted-artifact"] * 2
        put_in_force(components, *HELD)
        refused.kind = "stale-generation"
        assert await ordering(4) == [0, 1, 2, 3]

    asyncio.run(scenario())
    components.changes.close()


def test_a_version_that_went_and_came_back_between_two_looks_begins_anew(models: Path, tmp_path: Path) -> None:
    components = build_components(Settings(models=models, state=tmp_path, rollback_error_rate=0.05))
    components.serving.start()
    put_in_force(components, *HELD)
    rollback = components.automatic_rollback

    async def scenario() -> None:
        await rollback.look()
        for _ in range(20):
            rollback.answered(HELD[-1], 500)
        put_in_force(components, HELD[0])  # another worker has just gone back
        put_in_force(components, *HELD)  # and a person tries it once more
        await rollback.look()
        assert components.serving.state().serving == HELD[-1]
        assert (rollback.answers, rollback.failures) == (0, 0)

    asyncio.run(scenario())
    components.changes.close()


def test_labels_that_come_before_the_look_that_finds_the_change_count(
    models: Path, row: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asleep(self: AutomaticRollback) -> None:
        """Only this test looks."""

    async def scenario() -> None:
        components = build_components(Settings(models=models, state=tmp_path, rollback_quality=0.9))
        async with client_of(components) as client:
            service = Service(client, components, row)
            await components.automatic_rollback.look()
            await components.deployments.promote(Order("a person", HELD[-1]))
            for answer in await service.ask(24):
                wrong = {"benign": "malignant", "malignant": "benign"}[answer.json()["prediction"]]
                await client.post("/feedback", json={"request_id": answer.json()["request_id"], "label": wrong})
            await components.automatic_rollback.look()
            assert await service.serving() == HELD[0]

    monkeypatch.setattr(AutomaticRollback, "follow", asleep)
    asyncio.run(scenario())


@pytest.mark.parametrize("n", [1, 5, 40, 300, 20_000])
@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.99])
def test_the_test_is_the_exact_binomial_one(n: int, share: float) -> None:
    for found in {0, 1, n // 50, n // 10, n // 2, n - 1, n}:
        exact = float(stats.binom.sf(found - 1, n, share)) if found > n * share else 1.0
        assert math.isclose(chance_of_as_many(found, n, share), exact, rel_tol=1e-6, abs_tol=1e-300)


def test_the_fewest_failures_that_prove_anything() -> None:
    assert chance_of_as_many(4, 4, 0.05) > CHANCE > chance_of_as_many(5, 5, 0.05)
    assert chance_of_as_many(0, 0, 0.05) == chance_of_as_many(1, 1, 1.0) == 1.0
    assert chance_of_as_many(1, 1, 0.0) == 0.0
