"""Small monitored services, served over loopback from a thread or drilled in process, and what is judged of them."""

from __future__ import annotations

import csv
import json
import random
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pytest_mlready.checks import drift_service
from pytest_mlready.evidence import drift_drill, drift_reference
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.drift_phases import Phases
from pytest_mlready.evidence.drift_signal import Reader, metric_of
from pytest_mlready.evidence.exposition import samples_of
from pytest_mlready.finding import Finding
from pytest_mlready.records import DriftDrill, DriftLook, DriftReferenceTold, Exchange, Row
from pytest_mlready.service.target import attach
from pytest_mlready.settings import Settings, parse
from tests.zoo.drifting import VERSION, Monitor, reference

LOOK_ROWS, WITHIN = 50, 600
JSON_BODIES = {"predict": "/predict", "row": "", "shape": "object", "batch": "/predict/batch", "batch_key": "rows"}
GOLDEN_ROWS = 10
TEXT = (("Content-Type", "text/plain; version=0.0.4"),)


@dataclass
class InProcess:
    """The monitor without a service around it."""

    monitor: Monitor
    reader: Reader

    def send(self, rows: Sequence[Row]) -> Exchange | None:
        """Nothing is refused."""
        self.monitor.observe(rows)
        return None

    def look(self, rows: int) -> DriftLook:
        """Read its page."""
        page = Exchange("page", "GET", "/metrics", 200, TEXT, self.monitor.metrics().encode())
        return self.reader.look(rows, samples_of(page))

    def rest(self) -> None:
        """It has looked."""

    def room(self, rows: int) -> bool:
        """There is always room."""
        return True


def drilled(monitor: Monitor, seed: int, kind: type[InProcess] = InProcess) -> DriftDrill:
    """QUIET, FIRE and RECOVER in process; no golden rows."""
    signal = settings_of(monitor, Path(), "http://127.0.0.1:1").drift
    assert signal is not None
    assert signal.signal is not None
    metric = metric_of(signal.signal, [])
    assert metric is not None
    empty = DriftDrill(metric, (), within=WITHIN, promised=True, pool=len(reference()), from_reference=True)
    service = kind(monitor, Reader(metric))
    return Phases(service, reference(), random.Random(seed), LOOK_ROWS, WITHIN, missing=True).drill(empty)


def judged(drill: DriftDrill, told: DriftReferenceTold | None = None) -> dict[str, Finding]:
    """What the checks make of it."""
    found = {"drift.quiet": drift_service.quiet(drill), "drift.detects": drift_service.detects(drill)}
    if drill.golden is not None:
        found["drift.train_serve_parity"] = drift_service.train_serve_parity(drill)
    if told is not None:
        found["drift.reference_pinned"] = drift_service.reference_pinned(told)
    return found


def judged_over_http(monitor: Monitor, seed: int) -> tuple[dict[str, Finding], DriftDrill]:
    """The same at a running service, with golden rows and with the reference that it tells."""
    with served(monitor, seed) as context:
        told = drift_reference.gather(context)
        drill = drift_drill.gather(context)
    return judged(drill, told), drill


@contextmanager
def served(monitor: Monitor, seed: int) -> Iterator[Context]:
    """The monitor in a service, on a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"monitor": monitor}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            settings = settings_of(monitor, Path(name), f"http://127.0.0.1:{server.server_port}")
            written(Path(name))
            rows = reference()[:40]
            target = attach(
                url=str(settings.service.url), feature_names=tuple(rows[0]), declared_json=settings.service.json
            )
            yield Context(replace(target, allow=frozenset({"load"})), settings, rows, seed=seed, budget_s=30.0)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def settings_of(monitor: Monitor, directory: Path, url: str) -> Settings:
    """As a person would write them."""
    signal = {**monitor.declared, "look_rows": LOOK_ROWS, "look_s": 0.002, "within": WITHIN, "rows": "reference.csv"}
    place = {"path": "/model", "key": "reference.version"}
    plain: dict[str, Any] = {
        "service": {"url": url, "json": JSON_BODIES},
        "inputs": {"rows": "reference.csv", "missing": "accept", "golden": "golden.json"},
        "drift": {"signal": {**signal, "reference": place}},
    }
    return parse(plain, source="mlready.toml", directory=directory)


def written(directory: Path) -> None:
    """The files that are declared: the reference, and answers that the healthy model gives offline."""
    with (directory / "reference.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(reference()[0]))
        writer.writeheader()
        writer.writerows(reference())
    rows, model = reference()[:GOLDEN_ROWS], Monitor()
    answers = [{"prediction": model.predict(row)} for row in rows]
    (directory / "golden.json").write_text(json.dumps({"rows": rows, "answers": answers}))


class Handler(BaseHTTPRequestHandler):
    """Predicts, and tells what the monitor tells."""

    monitor: Monitor
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Health, metrics, and which reference is used."""
        if self.path == "/metrics":
            self.answer(self.monitor.metrics().encode(), TEXT[0][1])
        elif self.path == "/model":
            self.answer_json({"reference": {"version": self.monitor.reference_version}})
        elif self.path == "/health":
            self.answer_json({"status": "ok"})
        else:
            self.answer(b"", "text/plain", 404)

    def do_POST(self) -> None:
        """One row, or several."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        many = self.path == "/predict/batch"
        rows: list[Mapping[str, Any]] = body["rows"] if many else [body]
        self.monitor.observe(rows)
        answers = [{"prediction": self.monitor.predict(row), "model_version": VERSION} for row in rows]
        self.answer_json({"predictions": answers} if many else answers[0])

    def answer_json(self, plain: object) -> None:
        """A body of JSON."""
        self.answer(json.dumps(plain).encode(), "application/json")

    def answer(self, body: bytes, media: str, status: int = 200) -> None:
        """Status, type and length."""
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""
