"""How often a client may ask: exactly, over all workers, and whatever lies in the file that they share."""

from __future__ import annotations

import asyncio
import json
import math
import multiprocessing
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from reference_service.components import build_components
from reference_service.settings import Settings
from reference_service.web.rate_limit import EXEMPT, PLACES, RateLimit, too_many
from tests.contract.conftest import Server, Start, client_of
from tests.contract.deployments import ADMIN, VIEWER, token_file


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def started(directory: Path, clock: Clock, rate: float = 10, burst: int = 5) -> RateLimit:
    limit = RateLimit(rate, burst, directory, clock)
    limit.start()
    return limit


def let_in(limit: RateLimit, client: str, times: int) -> int:
    return sum(limit.wait(client) == 0 for _ in range(times))


@pytest.mark.parametrize(("rate", "burst"), [(10, 5), (0.5, 1), (3, 7), (1000, 100), (1e6, 2)])
def test_a_burst_at_once_and_then_the_rate(tmp_path: Path, rate: float, burst: int) -> None:
    clock = Clock()
    limit = started(tmp_path, clock, rate, burst)
    assert let_in(limit, "ana", 3 * burst) == burst
    wait = limit.wait("ana")
    assert math.isclose(wait, 0.99 / rate, rel_tol=1e-6)
    clock.now += 0.98 / rate
    assert limit.wait("ana") > 0
    clock.now += 0.02 / rate
    assert limit.wait("ana") == 0
    assert limit.wait("ana") > 0
    clock.now += 1e9
    assert let_in(limit, "ana", 3 * burst) == burst  # a pause saves up no more than a burst


def test_a_steady_client_within_the_rate_is_never_refused_and_one_beyond_gets_the_rate(tmp_path: Path) -> None:
    clock = Clock()
    limit = started(tmp_path, clock, rate=10, burst=2)
    refused = 0
    for _ in range(1000):
        refused += limit.wait("steady") > 0
        clock.now += 0.1000001
    assert refused == 0
    accepted = 0
    for _ in range(3000):
        accepted += limit.wait("hasty") == 0
        clock.now += 0.1 / 3
    assert accepted in range(1000, 1003)  # 100 seconds at 10 a second, and the burst


def test_one_client_costs_the_others_nothing(tmp_path: Path) -> None:
    limit = started(tmp_path, Clock())
    assert let_in(limit, "greedy", 1000) == 5
    assert let_in(limit, "modest", 5) == 5
    others = [f"client {number}" for number in range(300)]
    free = [name for name in others if limit.place(name) not in {limit.place("greedy"), limit.place("modest")}]
    assert len(free) >= 295  # two places in 65,536 are taken
    seen = Counter(limit.place(name) for name in free)
    for name in free:
        if seen[limit.place(name)] == 1:
            assert let_in(limit, name, 9) == 5


def test_a_refusal_does_not_prolong_the_wait(tmp_path: Path) -> None:
    clock = Clock()
    limit = started(tmp_path, clock, rate=1, burst=1)
    assert limit.wait("ana") == 0
    assert len({limit.wait("ana") for _ in range(1000)}) == 1
    clock.now += int(too_many(limit.wait("ana")).headers["Retry-After"])
    assert limit.wait("ana") == 0  # who waits as told is let in


def test_workers_share_what_they_count_and_instances_do_not(tmp_path: Path) -> None:
    clock = Clock()
    one, two = started(tmp_path / "a", clock), started(tmp_path / "a", clock)
    other = started(tmp_path / "b", clock)
    assert let_in(one, "ana", 3) + let_in(two, "ana", 9) == 5
    assert one.place("ana") == two.place("ana")
    assert let_in(other, "ana", 9) == 5
    names = [f"client {number}" for number in range(50)]
    assert [one.place(name) for name in names] != [other.place(name) for name in names]  # each has a key of its own


def test_places_are_spread_evenly(tmp_path: Path) -> None:
    limit = started(tmp_path, Clock())
    places = [limit.place(f"10.0.{number >> 8}.{number & 255}") for number in range(4096)]
    assert min(places) >= 0
    assert max(places) < PLACES
    assert len(set(places)) > 3900  # 125 meetings are expected
    assert (tmp_path / "rates").stat().st_size < 1 << 20


@pytest.mark.parametrize("found", [math.nan, math.inf, -math.inf, 1e300, -1e300, 3e6, 1000.7])
def test_nothing_in_the_file_shuts_a_client_out_for_long(tmp_path: Path, found: float) -> None:
    """A machine that starts anew begins to count seconds at 0, far below what the file may hold."""
    clock = Clock()
    limit = started(tmp_path, clock)
    assert limit.due is not None
    limit.due[limit.place("ana")] = found
    assert limit.wait("ana") <= 0.6
    clock.now += 0.7
    assert limit.wait("ana") == 0


def test_a_file_of_another_size_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "rates").write_bytes(struct.pack("d", 1e300) * 100)
    limit = started(tmp_path, Clock())
    assert let_in(limit, "ana", 9) == 5
    assert limit.key != bytes(len(limit.key))


def hammer(directory: Path, requests: int) -> int:
    limit = RateLimit(0.001, 500, directory)
    limit.start()
    return let_in(limit, "ana", requests)


def test_processes_that_look_at_once_lose_hardly_a_count(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.starmap(hammer, [(tmp_path, 3000)] * 2)
    assert 500 <= sum(found) <= 600


def test_without_a_rate_nothing_is_counted_or_made(tmp_path: Path) -> None:
    limit = RateLimit(0, 5, tmp_path)
    limit.start()
    assert not limit.enabled
    assert let_in(limit, "ana", 1000) == 1000
    assert not list(tmp_path.iterdir())


def test_a_refusal_is_a_problem_with_all_headers_and_is_counted(models: Path, tmp_path: Path, row: list[float]) -> None:
    async def scenario() -> None:
        settings = Settings(
            models=models, state=tmp_path / "state", tokens=token_file(tmp_path), rate_limit=0.4, rate_burst=3
        )
        async with client_of(build_components(settings)) as client:
            answers = [await client.post("/predict", json={"features": row}) for _ in range(5)]
            assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
            refusal = answers[-1]
            assert refusal.headers["content-type"] == "application/problem+json"
            assert refusal.headers["retry-after"] == "3"  # 2.5 seconds
            assert refusal.json()["type"] == "urn:problem:rate-limited"
            assert refusal.json()["request_id"] == refusal.headers["x-request-id"]
            assert set(answers[0].headers) - set(refusal.headers) == set()
            for path in EXEMPT:
                for _ in range(5):
                    assert (await client.get(path)).status_code == 200
            for path in ("/nope", "/models", "/health/"):
                assert (await client.get(path)).status_code == 429
            wrong = {"Authorization": "Bearer a guess"}
            assert (await client.get("/models", headers=wrong)).status_code == 429  # guessing is no way out
            for headers in (ADMIN, VIEWER):
                statuses = [(await client.get("/models", headers=headers)).status_code for _ in range(4)]
                assert statuses == [200, 200, 200, 429]
            metrics = (await client.get("/metrics")).text
            assert "requests_rate_limited_total 8.0" in metrics
            assert 'status="429"' in metrics

    asyncio.run(scenario())


def test_the_series_is_there_before_the_first_refusal(client: httpx.Client) -> None:
    assert "requests_rate_limited_total 0.0" in client.get("/metrics").text


RATE, BURST = 5.0, 40


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_over_two_workers_a_client_gets_the_rate_and_the_burst(
    start: Start, tmp_path: Path, row: list[float], http: str
) -> None:
    arguments = ("--workers", "2", "--rate-limit", str(RATE), "--rate-burst", str(BURST), "--http", http)
    server = start(*arguments, "--tokens", str(token_file(tmp_path)))

    def ask(connections: int, headers: dict[str, str]) -> Counter[int]:
        """Predict on fresh connections, so that both workers are met."""
        seen: Counter[int] = Counter()
        for _ in range(connections):
            with server.client() as client:
                seen[client.post("/predict", json={"features": row}, headers=headers).status_code] += 1
        return seen

    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        greedy = sum(pool.map(ask, [40] * 4, [VIEWER] * 4), Counter[int]())
    seconds = time.monotonic() - began
    assert set(greedy) == {200, 429}
    assert sum(greedy.values()) == 160
    assert BURST <= greedy[200] <= BURST + RATE * seconds + 2
    assert ask(BURST // 2, ADMIN) == {200: BURST // 2}  # another client
    assert ask(BURST // 2, {}) == {200: BURST // 2}  # and another, known by its address
    counted(server, greedy[429])


def counted(server: Server, refused: int) -> None:
    """Any worker tells what all have refused; each of them has refused some."""
    with server.client() as client:
        assert f"requests_rate_limited_total {float(refused)}" in client.get("/metrics").text
    lines = [line for line in server.lines() if line.get("status") == 429]
    assert len(lines) == refused
    assert "rate" not in json.dumps(lines)
