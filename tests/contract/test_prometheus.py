"""What a real Prometheus makes of the metrics: its linter finds nothing, and its scrape tells every request."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.contract.conftest import Server, Start, free_port

WAITS_SECONDS = 30.0
REQUESTS = 40

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None and "CI" not in os.environ, reason="needs Prometheus: apt-get install prometheus"
)


@pytest.fixture(scope="module")
def two_workers(start: Start) -> Server:
    """A service whose workers must add up what they count, and that has counted a little of everything."""
    server = start("--workers", "2")
    for _ in range(REQUESTS // 2):  # a connection each, so that both workers get some
        with server.client() as client:
            client.post("/predict", content=b'{"features":[]}', headers={"Content-Type": "application/json"})
            client.get("/no/such/path")
    return server


@pytest.fixture
def prometheus(two_workers: Server, tmp_path: Path) -> Iterator[str]:
    """A Prometheus that scrapes it every second."""
    target = two_workers.url.removeprefix("http://")
    jobs = [{"job_name": "model", "static_configs": [{"targets": [target]}]}]
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    yield f"http://{address}"
    process.terminate()
    process.wait(10)


def test_promtool_finds_nothing_to_complain_of(two_workers: Server) -> None:
    with two_workers.client() as client:
        exposition = client.get("/metrics").content
    checked = subprocess.run(["promtool", "check", "metrics"], input=exposition, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_prometheus_scrapes_every_request(two_workers: Server, prometheus: str) -> None:
    requests = 'sum(http_requests_total{route=~"/predict|_unmatched"})'
    wanted = {"up": 1.0, requests: float(REQUESTS), "sum(model_info)": 1.0}
    give_up = time.monotonic() + WAITS_SECONDS
    seen: dict[str, float | None] = {}
    while seen != wanted and time.monotonic() < give_up:
        time.sleep(0.2)
        seen = {query: answer(prometheus, query) for query in wanted}
    assert seen == wanted


def answer(prometheus: str, query: str) -> float | None:
    """The value of an instant query, if there is one by now."""
    try:
        with urllib.request.urlopen(f"{prometheus}/api/v1/query?{urlencode({'query': query})}", timeout=5) as response:
            found: list[dict[str, Any]] = json.load(response)["data"]["result"]
    except OSError:  # it is starting
        return None
    return float(found[0]["value"][1]) if found else None
