"""Other load generators, run against a server at a fixed rate and read by their own figures, in seconds."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

CONNECTIONS = 100
QUANTILES = (0.95, 0.99, 0.999, 1.0)
Found = tuple[int, dict[float, float]]
"""How many requests, and the quantiles that the tool told of them"""
LOCUSTFILE = """
from locust import FastHttpUser, constant_throughput, task

class Paced(FastHttpUser):
    wait_time = constant_throughput({pace})

    @task
    def ask(self):
        self.client.get("/")
"""


def locust(url: str, rate: int, seconds: int) -> Found:
    """Locust's own way to a fixed rate: `constant_throughput`, a closed loop that forgets what it owes."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "paced.py").write_text(LOCUSTFILE.format(pace=rate / CONNECTIONS))
        words = ["-f", "paced.py", "--headless", "--only-summary", "--csv", "told", "--host", url]
        words += ["-u", str(CONNECTIONS), "-r", str(CONNECTIONS), "-t", f"{seconds}s"]
        _run([sys.executable, "-m", "locust", *words], directory)
        *_, total = csv.DictReader(io.StringIO((Path(directory) / "told_stats.csv").read_text()))
    names = {0.95: "95%", 0.99: "99%", 0.999: "99.9%", 1.0: "100%"}
    return int(total["Request Count"]), {q: float(total[name]) / 1000 for q, name in names.items()}


def hey(url: str, rate: int, seconds: int) -> Found:
    """hey: a closed loop of workers, each limited to its part of the rate."""
    command = ["hey", "-z", f"{seconds}s", "-c", str(CONNECTIONS), "-q", str(rate // CONNECTIONS), "-o", "csv", url]
    rows = list(csv.DictReader(io.StringIO(_run(command))))
    return _quantiles([float(row["response-time"]) for row in rows])


def h2load(url: str, rate: int, seconds: int) -> Found:
    """h2load, of nghttp2: each connection at its part of the rate."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "log"
        paced = ["-c", str(CONNECTIONS), "--rps", str(rate // CONNECTIONS), "-D", str(seconds)]
        _run(["h2load", "--h1", *paced, f"--log-file={log}", url])
        return _quantiles([float(line.split("\t")[2]) / 1e6 for line in log.read_text().splitlines()])


def autocannon(url: str, rate: int, seconds: int) -> Found:
    """autocannon: a rate over all connections; tells no p95."""
    told = json.loads(_run(["autocannon", "-j", "-R", str(rate), "-c", str(CONNECTIONS), "-d", str(seconds), url]))
    names = {0.99: "p99", 0.999: "p99_9", 1.0: "max"}
    return int(told["requests"]["total"]), {q: told["latency"][name] / 1000 for q, name in names.items()}


TOOLS: Mapping[str, Callable[[str, int, int], Found]] = {"hey": hey, "h2load": h2load, "autocannon": autocannon}


def installed() -> list[str]:
    """Which of `TOOLS` this machine has; Locust is always there."""
    return [name for name in TOOLS if shutil.which(name)]


def environment(home: str) -> dict[str, str]:
    """For a run of Locust: no settings but those of its command line."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")} | {"HOME": home}


def _run(command: list[str], directory: str | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=directory, env=environment(directory or "/"))
    if done.returncode > 1:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def _quantiles(values: ArrayLike) -> Found:
    found = np.quantile(np.asarray(values), QUANTILES, method="inverted_cdf").tolist()
    return np.size(values), dict(zip(QUANTILES, found, strict=True))
