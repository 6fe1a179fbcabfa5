"""Servers that answer nonsense: every gatherer ends with a record that can be stored, every check with a verdict."""

from __future__ import annotations

import importlib
import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_mlready.catalogue import checks
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.finding import Finding, Status
from pytest_mlready.inputs import read_rows
from pytest_mlready.records import Errored
from pytest_mlready.schedule import SCHEDULE
from pytest_mlready.service import target
from pytest_mlready.settings import parse

NAMES = ("identity", "artefact", "golden", "interface_document", "live_routes", "bad_requests", "limits", "cache_drill")
OPENAPI = rb"""{"openapi":"3.1.0","info":{"title":"\ud800","version":"1"},"paths":{"/predict":{"post":{"responses":
{"200":{"content":{"application/json":{"schema":{"$ref":"#/nowhere"}}}}},"requestBody":{"content":{"application/json":
{"example":{"a":1e308},"schema":{"$ref":"#/x"}}}}}},"/\ud800":{"get":{}},"/models":{"get":{"parameters":[3,null]}}}}"""
BODIES = {
    "page": (b"<html><h1>oh</h1></html>",),
    "list": (b"[[[1, 2], 3]]",),
    "empty": (b"",),
    "binary": (b"\xff\xfe\x00",),
    "deep": (b"[" * 9000,),
    "huge": (b'{"prediction":' + b"9" * 3000 + b',"model_version":[' + b"9" * 9000 + b"]}",),
    "nan": (b'{"prediction":NaN,"probabilities":[NaN,1]}',),
    "surrogates": (b'{"prediction":"\\ud800","model_version":"\\udfff","classes":["\\ud800"],"sha256":"\\ud800"}',),
    "shapes": (b'{"prediction":{"a":1},"version":[1],"model":3,"classes":{"a":1},"versions":[null,3],"sha256":5}',),
    "changing": (b'{"prediction":1}', b"null", b'{"predictions":[1,null]}', b'{"prediction":true,"probabilities":{}}'),
}


class Nonsense(ThreadingHTTPServer):
    """Answers every request but the health route with the next of its bodies."""

    daemon_threads = True

    def __init__(self, bodies: tuple[bytes, ...], status: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies, self.status = itertools.cycle(bodies), status


class Handler(BaseHTTPRequestHandler):
    def answer(self) -> None:
        server: Any = self.server
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, body = server.status, next(server.bodies)
        if self.path == "/health":
            status, body = 200, b'{"status":"ok","model_version":{"a":1}}'
        elif self.path == "/openapi.json":
            status, body = 200, OPENAPI
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = do_OPTIONS = answer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(params=list(itertools.product(BODIES, (200, 500))), ids=lambda one: f"{one[0]}-{one[1]}")
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    name, status = request.param
    server = Nonsense(BODIES[name], status)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    (tmp_path / "rows.csv").write_text("a,b\n" + "1.5,2.5\n" * 20)
    (tmp_path / "golden.json").write_text('{"rows":[[1.5,2.5]],"answers":[{"prediction":1}]}')
    (tmp_path / "model.pkl").write_bytes(b"no model")
    plain = {
        "service": {"url": url, "json": {"predict": "/predict", "row": "features", "batch": "/predict"}},
        "inputs": {"rows": "rows.csv", "golden": "golden.json"},
        "registry": {"path": "model.pkl"},
        "cache": {},
    }
    settings = parse(plain, source="mlready.toml", directory=tmp_path)
    rows = read_rows(settings)
    paths = dict.fromkeys(("ready", "live", "health"), "/health")
    paths |= {"info": "/model/info", "metrics": "/metrics", "openapi": "/openapi.json"}
    made = target.attach(url=url, allow=("fuzz",), declared_json=settings.service.json, declared_paths=paths)
    yield Context(made, settings, rows, seed=7, budget_s=5.0)
    server.shutdown()
    server.server_close()


def test_nonsense_ends_in_verdicts(context: Context) -> None:
    evidence = {name: gathered(name, context) for name in NAMES}
    findings: dict[str, Finding] = {}
    for id, check in checks().items():
        if set(check.arguments) <= {*evidence, "settings"} and check.family in {"identity", "contract"}:
            given = {name: evidence.get(name, context.settings) for name in check.arguments}
            findings[id] = check.judge(given)
            findings[id].to_json().encode()
    assert len(findings) >= 14
    for id in ("contract.reject_missing", "contract.reject_arity", "contract.size_limit"):
        assert findings[id].status is not Status.PASS, findings[id].summary


def gathered(name: str, context: Context) -> object:
    gatherer = importlib.import_module(f"pytest_mlready.evidence.{name}")
    try:
        record = gatherer.gather(context)
    except GatherError as error:
        return Errored(name, str(error))
    return msgspec.json.decode(msgspec.json.encode(record), type=SCHEDULE.evidence[name].record, strict=True)
