"""The service's own numbers are true to the request, and few."""

from __future__ import annotations

import random
from collections import Counter

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.contract.conftest import Server, Start
from tests.contract.test_lifecycle import stop_under_load

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(client: httpx.Client) -> Series:
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def total(series: Series, name: str, **labels: str) -> float:
    return sum(
        value for (found, having), value in series.items() if found == name and labels.items() <= dict(having).items()
    )


def send(server: Server, count: int, row: list[float]) -> Counter[str]:
    """Requests of every outcome, on a connection each, so that all workers get some."""
    sent: Counter[str] = Counter()
    for i in range(count):
        with server.client() as client:
            kind = i % 3
            if kind == 0:
                sent[str(client.post("/predict", json={"features": row}).status_code)] += 1
            elif kind == 1:
                sent[str(client.post("/predict", json={"features": row[1:]}).status_code)] += 1
            else:
                sent[str(client.post("/predict", content=b"x").status_code)] += 1
    return sent


@pytest.mark.parametrize("workers", [1, 2])
def test_counts_are_true_by_status_and_over_workers_which_stop_cleanly(
    start: Start, server: Server, row: list[float], workers: int
) -> None:
    one = server if workers == 1 else start("--workers", "2")
    with one.client() as client:
        before = scraped(client)
        sent = send(one, 90, row)
        batch = client.post("/predict/batch", json={"instances": [row] * 7})
        assert batch.status_code == 200
        after = scraped(client)
    assert sent == {"200": 30, "422": 30, "415": 30}

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    for status in ("200", "422", "415"):
        labels = {"route": "/predict", "method": "POST", "status": status, "model_version": "1.0.0"}
        assert grown("http_requests_total", **labels) == 30
    assert grown("http_request_duration_seconds_count", route="/predict") == 90
    assert 0 < grown("http_request_duration_seconds_sum", route="/predict") < 90
    assert grown("predictions_total", prediction="malignant", model_version="1.0.0") == 37
    assert grown("prediction_output_count") == 37
    assert 37 <= grown("model_call_rows_sum") <= 36 + workers  # a worker that starts meanwhile makes its own first call
    assert total(after, "http_requests_in_flight") == 1  # the scrape itself
    assert total(after, "prediction_queue_requests") == 0
    assert total(after, "model_info", version="1.0.0") == 1
    if workers == 2:
        stop_under_load(one, row)


def test_the_objective_is_a_bucket_edge(client: httpx.Client, row: list[float]) -> None:
    client.post("/predict", json={"features": row})
    edges = {
        dict(labels).get("le") for name, labels in scraped(client) if name == "http_request_duration_seconds_bucket"
    }
    assert "0.25" in edges


def test_clients_cannot_make_series(client: httpx.Client, row: list[float]) -> None:
    def flood(start: int, count: int) -> None:
        dice = random.Random(start)
        for i in range(start, start + count):
            features = [value * dice.uniform(0.5, 2) for value in row]
            client.post(
                "/predict", json={"features": features, "user_id": f"user-{i}"}, headers={"User-Agent": f"a{i}"}
            )
            client.get(f"/path-{i}")
            client.get(f"/models/{i}.0.0")
            client.request(("LOCK", "SEARCH", "REPORT", "PURGE")[i % 4], "/predict")

    flood(0, 8)
    scraped(client)  # scrapes are requests as well, and counted after they are answered
    before = scraped(client)
    flood(100, 60)
    after = scraped(client)
    assert set(after) == set(before)
    assert total(after, "http_requests_total", method="_OTHER") >= 60
